//! What an export holds, for whom, and from where on.

use authpi_core::event::catalogue;
use authpi_core::id::{AccountId, EventId};
use authpi_core::secret::hex;
use authpi_core::store::contract::account::account;
use authpi_core::store::contract::event::event;
use authpi_verifier::trail::{Filtered, Flaw, Trail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::App;

use super::*;

fn root_of(account: &str) -> String {
    hex(&Sha256::digest(account))
}

#[tokio::test]
async fn an_export_is_the_list_oldest_first_with_the_place_of_each_event_in_the_chain() {
    let app = lively().await;
    let export = export(&app, "").await;
    let listed = app.events("").await;
    assert_eq!(export.events(), listed, "what is hashed is what is shown");
    let numbers: Vec<_> = export.lines.iter().map(|line| line["chain"]["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=listed.len() as u64).collect::<Vec<_>>());
    let members: Vec<_> = export.lines[0]["chain"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["context", "previous", "salt", "sequence"]);
    let last = export.ids().pop().unwrap();
    assert_eq!(export.trailer, json!({ "count": listed.len(), "last_id": last, "chain_head": export.head() }));
    let report = verified(&app, &export).await;
    assert_eq!((report.first, report.events, report.purged), (1, listed.len() as u64, 0));
    assert_eq!(report.account, Some(app.account.clone()));
    let with_context = listed.iter().filter(|event| !event["auth"]["ip"].is_null()).count() as u64;
    assert!(with_context > 0 && report.contexts == with_context && report.erased == 0, "{report:?}");
}

#[tokio::test]
async fn the_chain_tells_its_beginning_and_then_its_end() {
    let app = App::start(DRIVER).await;
    let opened = app.root().get(&app.path("")).expect(200).await;
    let beginning = json!({
        "sequence": 0, "head": root_of(&app.account), "event_id": null, "first_sequence": 1,
        "updated_at": opened.data()["created_at"],
    });
    assert_eq!(chain(&app).await, beginning);
    app.advance(std::time::Duration::from_secs(5));
    work(&app).await;
    let events = app.events("").await;
    let (last, first) = (&events[events.len() - 1], &events[0]);
    let end = chain(&app).await;
    assert_eq!(end["sequence"], events.len());
    assert_eq!((&end["event_id"], &end["first_sequence"]), (&last["id"], &json!(1)));
    assert_eq!(end["updated_at"], app.now());
    let export = export(&app, "").await;
    assert_eq!((export.head(), &export.lines[0]["id"]), (end["head"].as_str().unwrap(), &first["id"]));
    assert_eq!(export.lines[0]["chain"]["previous"], root_of(&app.account));
    work(&app).await;
    assert_eq!(chain(&app).await, end, "nothing new, nothing changes");
}

#[tokio::test]
async fn an_export_goes_on_behind_any_line() {
    let app = lively().await;
    let whole = export(&app, "").await;
    let ids = whole.ids();
    for (number, cursor) in ids.iter().enumerate() {
        let rest = export(&app, &format!("cursor={cursor}&limit=1")).await;
        assert_eq!(rest.lines, whole.lines[number + 1..]);
        assert_eq!(rest.trailer["count"], ids.len() - number - 1);
        assert_eq!((rest.head(), &rest.trailer["last_id"]), (whole.head(), &json!(ids[ids.len() - 1])));
        let told = verified(&app, &rest).await.events;
        assert_eq!(told, rest.lines.len() as u64, "its end is known, even with nothing new");
        let mut trail = Trail::new();
        whole.text.lines().take(number + 1).for_each(|line| trail.line(line).unwrap());
        trail.next_part();
        rest.text.lines().for_each(|line| trail.line(line).unwrap());
        let report = trail.finish().unwrap();
        assert_eq!((report.first, report.events, report.is_complete), (1, ids.len() as u64, true));
    }
}

#[tokio::test]
async fn filters_leave_lines_out_and_what_is_left_is_checked_against_the_whole() {
    let app = lively().await;
    let whole = export(&app, "").await;
    let mut trail = Trail::new().keeping_links();
    whole.text.lines().for_each(|line| trail.line(line).unwrap());
    let reference = trail.into_reference().unwrap();
    let user = whole.lines.iter().find_map(|line| line["subject"]["user_id"].as_str()).unwrap().to_owned();
    for (query, kept) in [
        (format!("user_id={user}"), 2),
        ("event_types=organization.created,issuer.created".to_owned(), 4),
        (format!("after={}", app.now()), 0),
    ] {
        let part = export(&app, &query).await;
        let listed = app.events(&query).await;
        assert_eq!(part.events(), listed, "{query}");
        assert!(listed.len() >= kept.min(1) && part.trailer["count"] == listed.len(), "{query} {listed:?}");
        assert_eq!(part.head(), whole.head(), "it looked at all of them");
        let mut filtered = Filtered::against(&reference);
        part.text.lines().for_each(|line| filtered.line(line).unwrap());
        let report = filtered.finish().unwrap();
        assert_eq!((report.events, report.is_complete), (listed.len() as u64, true));
        if let Some(line) = part.text.lines().next().filter(|_| !listed.is_empty()) {
            let changed = line.replacen("created", "deleted", 1).replacen("blocked", "created", 1);
            let refused = Filtered::against(&reference).line(&changed);
            assert!(matches!(refused, Err(Flaw::Link { .. })), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn a_filtered_export_that_is_newer_than_the_whole_is_not_tampered_with() {
    let app = lively().await;
    let mut trail = Trail::new().keeping_links();
    export(&app, "").await.text.lines().for_each(|line| trail.line(line).unwrap());
    let older = trail.into_reference().unwrap();
    let compared = |export: &Export| {
        let mut filtered = Filtered::against(&older);
        export.text.lines().for_each(|line| filtered.line(line).unwrap());
        filtered.finish()
    };
    let query = "event_types=issuer.created";
    assert!(compared(&export(&app, query).await).unwrap().events > 0);
    app.issuer().await;
    let newer = export(&app, query).await;
    let sequence = newer.lines[newer.lines.len() - 1]["chain"]["sequence"].as_u64().unwrap();
    assert_eq!(compared(&newer), Err(Flaw::NotCovered { sequence }));
    let of_nobody = export(&app, "event_types=issuer.deleted").await;
    assert_eq!(compared(&of_nobody), Err(Flaw::EndNotCovered));
}

#[tokio::test]
async fn what_commits_late_gets_a_later_number() {
    let app = App::start(DRIVER).await;
    let services = app.authpi.services();
    let account: AccountId = app.account.parse().unwrap();
    let early: EventId = services.ids.mint(services.now()).unwrap();
    let issuer = app.issuer().await;
    let before = export(&app, "").await;
    append(
        &app,
        &[authpi_core::event::model::Event { id: early, ..event(account, catalogue::ISSUER_UPDATED, services.now()) }],
    )
    .await;
    app.user(&issuer, "later@example.com").await;
    let after = export(&app, "").await;
    assert_eq!(after.lines[..before.lines.len()], before.lines, "what was numbered keeps its number");
    assert_eq!(after.ids()[before.lines.len()], early.to_string());
    assert!(after.ids().last() > Some(&early.to_string()));
    let known = format!("{}:{}", before.lines.len(), before.head());
    let mut trail = Trail::new().expecting(known.parse().unwrap()).unwrap();
    after.text.lines().for_each(|line| trail.line(line).unwrap());
    trail.finish().unwrap();
    verified(&app, &after).await;
}

#[tokio::test]
async fn events_of_another_tenant_never_appear() {
    let app = lively().await;
    let services = app.authpi.services();
    let stranger = account();
    let mut unit = services.store.begin(services.now()).await.unwrap();
    unit.accounts().insert(&stranger).await.unwrap();
    unit.commit().await.unwrap();
    let foreign: Vec<_> = (0..3).map(|_| event(stranger.id, catalogue::ACCOUNT_UPDATED, services.now())).collect();
    append(&app, &foreign).await;
    let own = export(&app, "").await;
    assert!(!own.text.contains(&stranger.id.to_string()));
    verified(&app, &own).await;
    let waiting = services.store.reads().events().unchained(None, 10).await.unwrap();
    assert_eq!(waiting.len(), 3, "what is another's is not numbered by an export");
    work(&app).await;
    assert_eq!(export(&app, "").await.text, own.text);
    let refused = app.root().get(&app.path(&format!("/events/export?cursor={}", foreign[0].id))).expect(400).await;
    assert_eq!(refused.refusal().1, ["cursor unknown_reference"]);
    let elsewhere = format!("/v1/accounts/{}/events/export", stranger.id);
    app.root().get(&elsewhere).expect(403).await;
    app.root().get(&elsewhere.replace("export", "chain")).expect(403).await;
}

#[tokio::test]
async fn errors_before_the_first_line_are_json() {
    let app = App::start(DRIVER).await;
    for (query, problem) in [
        ("cursor=!", "cursor invalid_format"),
        ("cursor=evt_0000000000000000000000000", "cursor unknown_reference"),
        ("event_types=user.*", "event_types invalid_enum_value"),
        ("after=yesterday", "after invalid_format"),
        ("issuer_id=acme", "issuer_id invalid_format"),
    ] {
        let refused = app.root().get(&app.path(&format!("/events/export?{query}"))).expect(400).await;
        assert_eq!(refused.refusal(), ("invalid_request".to_owned(), vec![problem.to_owned()]), "{query}");
        assert_eq!(refused.header("content-type"), "application/json; charset=utf-8");
    }
    let (id, secret) = app.account_key(&["issuers:read"]).await;
    for below in ["export", "chain"] {
        let path = app.path(&format!("/events/{below}"));
        let refused = app.with_key(&id, &secret).get(&path).expect(403).await;
        assert_eq!(refused.refusal().0, "insufficient_scope");
        app.anonymous().get(&path).expect(401).await;
    }
    let (id, secret) = app.account_key(&["events:read"]).await;
    let reader = app.with_key(&id, &secret);
    reader.get(&app.path("/events/chain")).expect(200).await;
    export_of(&reader, &app.path("/events/export")).await;
}

#[tokio::test]
async fn head_gives_the_headers_alone() {
    let app = lively().await;
    let reply = app.root().call(http::Method::HEAD, &app.path("/events/export")).expect(200).await;
    assert_eq!((reply.header("content-type"), reply.bytes.len()), ("application/x-ndjson", 0));
    assert_eq!((reply.header("x-request-id").len(), reply.headers.get("etag")), (32, None));
    assert_eq!(reply.body, Value::Null);
}
