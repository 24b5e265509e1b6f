//! What an export holds of what is gone: purged events, erased contexts.

use std::time::Duration;

use authpi_verifier::trail::Flaw;
use serde_json::{Value, json};
use tests::App;

use super::*;

const DAY: Duration = Duration::from_hours(24);

fn flaw_of(text: &str) -> Option<Flaw> {
    let mut trail = Trail::new();
    text.lines().find_map(|line| trail.line(line).err())
}

#[tokio::test]
async fn of_a_purged_event_its_place_stays_and_then_the_chain_is_cut_at_its_start() {
    let app = App::start(DRIVER).await;
    app.issuer().await;
    app.root().get("/v1/me").expect(200).await;
    app.issuer().await;
    let before = export(&app, "").await;
    let verification = before.lines.iter().position(|line| line["type"] == "api-key.verified").unwrap();
    app.advance(DAY * 30 + Duration::from_secs(1));
    work(&app).await;

    let purged = export(&app, "").await;
    let line = &before.lines[verification];
    let kept = purged.lines[verification].as_object().unwrap();
    assert_eq!(kept.keys().map(String::as_str).collect::<Vec<_>>(), ["chain"]);
    let members: Vec<_> = kept["chain"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["content", "context", "event_id", "previous", "salt", "sequence"]);
    for member in ["sequence", "previous", "context"] {
        assert_eq!(kept["chain"][member], line["chain"][member]);
    }
    assert_eq!((&kept["chain"]["event_id"], &kept["chain"]["salt"]), (&line["id"], &Value::Null));
    assert_eq!(purged.trailer["count"], before.lines.len() - 1, "it is not counted");
    assert_eq!((purged.head(), purged.lines.len()), (before.head(), before.lines.len()));
    assert_eq!(verified(&app, &purged).await.purged, 1);
    let edited = purged.text.replace(kept["chain"]["content"].as_str().unwrap(), &"0".repeat(64));
    assert!(matches!(flaw_of(&edited), Some(Flaw::Link { .. })));
    let cursor = line["id"].as_str().unwrap();
    let rest = export(&app, &format!("cursor={cursor}")).await;
    assert_eq!(rest.lines, purged.lines[verification + 1..]);
    let filtered = export(&app, "event_types=api-key.verified,issuer.created").await;
    assert!(filtered.lines.iter().all(|line| line["type"] == "issuer.created"), "{}", filtered.text);

    // Later ones keep the account alive.
    let again = app.issuer().await;
    app.advance(DAY * 60);
    work(&app).await;
    let cut = export(&app, "").await;
    let report = verified(&app, &cut).await;
    assert_eq!((report.first, report.events), (before.lines.len() as u64 + 1, cut.lines.len() as u64));
    assert!(again.ends_with(cut.lines[0]["subject"]["issuer_id"].as_str().unwrap()));
    assert_eq!(cut.lines[0]["chain"]["previous"], before.head());
    assert_eq!(chain(&app).await["first_sequence"], report.first);
    let refused = app.root().get(&app.path(&format!("/events/export?cursor={cursor}"))).expect(400).await;
    assert_eq!(refused.refusal().1, ["cursor unknown_reference"]);

    app.advance(DAY * 91);
    work(&app).await;
    let end = chain(&app).await;
    let empty = export(&app, "").await;
    assert_eq!(empty.trailer, json!({ "count": 0, "last_id": null, "chain_head": cut.head() }));
    assert!(empty.lines.is_empty());
    assert_eq!(verified(&app, &empty).await.events, 0, "its end is the one that is known");
    assert_eq!(
        (end["head"].as_str().unwrap(), &end["first_sequence"]),
        (cut.head(), &json!(end["sequence"].as_u64().unwrap() + 1))
    );
}

#[tokio::test]
async fn after_an_erasure_the_salt_is_gone_and_the_chain_is_whole() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let user = app.user(platform, "ada@example.com").await;
    let member = json!({ "member_id": user, "scopes": ["issuers:*"] });
    app.root().post(&format!("{organization}/members"), member).expect(201).await;
    let token = json!({ "name": "t", "restrictions": { "scopes": ["issuers:*"] } });
    let made = app.root().post(&format!("{platform}/users/{user}/tokens"), token).expect(201).await;
    let ada = app.with_bearer(&made.text("token_plain"));
    ada.post(&app.path("/issuers"), json!({ "name": "hers" })).header("user-agent", "Lovelace/1").expect(201).await;
    let hers = |export: &Export| {
        let theirs = |line: &&Value| line["auth"]["user_id"] == user.as_str() && line["type"] == "issuer.created";
        export.lines.iter().find(theirs).unwrap().clone()
    };
    let before = export(&app, "").await;
    let known = hers(&before);
    assert!(known["auth"]["user_agent"] == "Lovelace/1" && known["chain"]["salt"].as_str().unwrap().len() == 64);
    app.root().delete(&format!("{platform}/users/{user}")).expect(204).await;
    app.advance(DAY * 30 + Duration::from_secs(1));
    work(&app).await;

    let after = export(&app, "").await;
    assert!(!after.text.contains("Lovelace"));
    let erased = hers(&after);
    assert_eq!((&erased["chain"]["salt"], &erased["auth"]["user_agent"]), (&Value::Null, &Value::Null));
    assert_eq!(erased["chain"]["context"], known["chain"]["context"]);
    let report = verified(&app, &after).await;
    assert!(report.erased >= 1 && report.contexts >= 1, "{report:?}");
    // Nobody can put an address of their choice there afterwards.
    let forged = after.text.replace(
        &format!("\"ip\":null,\"user_agent\":null,\"country\":null}},\"subject\":{}", erased["subject"]),
        &format!("\"ip\":\"192.0.2.1\",\"user_agent\":null,\"country\":null}},\"subject\":{}", erased["subject"]),
    );
    assert_ne!(forged, after.text);
    assert_eq!(flaw_of(&forged), Some(Flaw::Context { sequence: erased["chain"]["sequence"].as_u64().unwrap() }));
}

#[tokio::test]
async fn tampering_is_seen_where_it_was_done() {
    let app = lively().await;
    let whole = export(&app, "").await;
    let lines: Vec<&str> = whole.text.lines().collect();
    let known = format!("{}:{}", lines.len() - 1, whole.head());
    let flaw = |lines: &[&str]| {
        let mut trail = Trail::new().expecting(known.parse().unwrap()).unwrap();
        lines.iter().find_map(|line| trail.line(line).err()).or_else(|| trail.finish().err())
    };
    assert_eq!(flaw(&lines), None);
    let without = |number: usize| [&lines[..number], &lines[number + 1..]].concat();
    assert_eq!(flaw(&without(2)), Some(Flaw::Order { expected: 3, found: 4 }), "removed");
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    assert_eq!(flaw(&swapped), Some(Flaw::Order { expected: 2, found: 3 }), "swapped");
    let mut again = lines.clone();
    again.insert(2, lines[1]);
    assert_eq!(flaw(&again), Some(Flaw::Order { expected: 3, found: 2 }), "repeated");
    let edited = lines[2].replacen("\"trigger\":\"", "\"trigger\":\"x", 1);
    let mut changed = lines.clone();
    changed[2] = &edited;
    assert_eq!(flaw(&changed), Some(Flaw::Link { sequence: 3 }), "edited");
    let end = lines.len() as u64 - 1;
    let short = &lines[..lines.len() - 3];
    assert_eq!(flaw(short), Some(Flaw::CutOff { sequence: end, last: end - 2 }), "cut off at the end");
    assert!(matches!(flaw(&lines[1..]), Some(Flaw::Count { .. })), "the first event removed");
    assert!(matches!(flaw(&without(lines.len() - 2)), Some(Flaw::Count { .. })), "the last event removed");
    let trailer = lines[lines.len() - 1];
    let counted = trailer.replacen("\"count\":", "\"count\":1", 1);
    changed = lines.clone();
    changed[lines.len() - 1] = &counted;
    assert!(matches!(flaw(&changed), Some(Flaw::Count { .. })), "another trailer");
    changed = lines.clone();
    changed.push(lines[0]);
    assert_eq!(flaw(&changed), Some(Flaw::AfterTrailer));
    assert_eq!(flaw(&lines[..lines.len() - 1]), None, "without its trailer it is sound, and not complete");
}
