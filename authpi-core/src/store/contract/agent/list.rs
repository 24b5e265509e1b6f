//! Lists of agents.

use std::collections::BTreeSet;

use super::{add, agent, delete, insert, listed, page, secret, wallet};
use crate::agent::model::{Agent, AgentDetails, AgentStatus, Wallet};
use crate::agent::repository::AgentFilter;
use crate::page::EXAMINED_ROWS;
use crate::status::Status;
use crate::store::contract::{Ground, START, begin, later, mint};

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let issuer = mint();
    let at = |number: u64| Agent { created_at: later(number / 3), ..agent(issuer) };
    let mut agents: Vec<_> = (0..10).map(at).collect();
    for one in &agents {
        insert(&ground, one).await;
    }
    agents.sort_unstable_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
    let expected: Vec<_> = agents.iter().map(|one| one.id).filter(|id| *id != agents[7].id).collect();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = page(&ground, issuer, &AgentFilter::default(), 3, after).await;
        seen.extend(page.items.iter().map(|one| one.id));
        if seen.len() == 3 {
            insert(&ground, &at(90)).await;
            delete(&ground, &agents[7], 1).await;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

pub async fn filters_hold_together(ground: Ground) {
    let issuer = mint();
    let with = |model: Option<&str>, provider: Option<&str>, status| Agent {
        details: AgentDetails {
            model: model.map(str::to_owned),
            provider: provider.map(str::to_owned),
            ..agent(issuer).details
        },
        status: Status::initial(status),
        ..agent(issuer)
    };
    let opus = with(Some("opus"), Some("a"), AgentStatus::Active);
    let upper = with(Some("Opus"), Some("a"), AgentStatus::Suspended);
    let plain = with(None, None, AgentStatus::Active);
    let gone = with(Some("opus"), Some("a"), AgentStatus::Active);
    for one in [&opus, &upper, &plain, &gone] {
        insert(&ground, one).await;
    }
    delete(&ground, &gone, 1).await;
    let _ = add(&ground, &wallet(&opus, "abc")).await;
    let _ = add(&ground, &secret(&upper, "s")).await;
    let ids = |agents: &[&Agent]| agents.iter().map(|one| one.id).collect::<BTreeSet<_>>();
    let known = Wallet::new("cosmos:hub", "abc").ok();
    let any = AgentFilter::default;
    for (filter, expected) in [
        (any(), ids(&[&opus, &upper, &plain])),
        (AgentFilter { status: Some(AgentStatus::Suspended), ..any() }, ids(&[&upper])),
        (AgentFilter { status: Some(AgentStatus::Blocked), ..any() }, ids(&[])),
        (AgentFilter { model: Some("opus".to_owned()), ..any() }, ids(&[&opus])),
        (AgentFilter { provider: Some("a".to_owned()), ..any() }, ids(&[&opus, &upper])),
        (AgentFilter { has_verifiers: Some(true), ..any() }, ids(&[&opus, &upper])),
        (AgentFilter { has_verifiers: Some(false), ..any() }, ids(&[&plain])),
        (AgentFilter { wallet: known.clone(), ..any() }, ids(&[&opus])),
        (AgentFilter { wallet: known.clone(), has_verifiers: Some(false), ..any() }, ids(&[])),
        (AgentFilter { wallet: known, status: Some(AgentStatus::Suspended), ..any() }, ids(&[])),
        (AgentFilter { wallet: Wallet::new("cosmos:hub", "x").ok(), ..any() }, ids(&[])),
        (AgentFilter { provider: Some("a".to_owned()), status: Some(AgentStatus::Active), ..any() }, ids(&[&opus])),
    ] {
        assert_eq!(listed(&ground, issuer, filter.clone()).await, expected, "{filter:?}");
    }
    let kinds = |agent: &Agent| agent.stats.kinds().iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
    let shown = page(&ground, issuer, &any(), 100, None).await.items;
    let of = |sought: &Agent| kinds(shown.iter().find(|one| one.id == sought.id).unwrap());
    assert_eq!((of(&opus), of(&upper), of(&plain)), (vec!["wallet"], vec!["secret"], vec![]));
}

pub async fn a_filtered_page_examines_two_thousand_rows(ground: Ground) {
    let issuer = mint();
    let sought =
        Agent { details: AgentDetails { model: Some("rare".to_owned()), ..agent(issuer).details }, ..agent(issuer) };
    insert(&ground, &sought).await;
    let mut unit = begin(&ground, START).await;
    for _ in 0..EXAMINED_ROWS {
        unit.agents().insert(&Agent { created_at: later(1), ..agent(issuer) }).await.unwrap();
    }
    unit.commit().await.unwrap();
    let filter = AgentFilter { model: Some("rare".to_owned()), ..AgentFilter::default() };
    let first = page(&ground, issuer, &filter, 10, None).await;
    assert!(first.items.is_empty() && first.next.is_some());
    let second = page(&ground, issuer, &filter, 10, first.next).await;
    assert_eq!((second.items, second.next), (vec![sought], None));
}
