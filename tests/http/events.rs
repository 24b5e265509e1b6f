//! `/v1/accounts/{account_id}/events`

use std::time::Duration;

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::error::Refusal;
use authpi_core::event::catalogue;
use authpi_core::event::model::{EventDraft, Subject};
use authpi_core::id::{AccountId, IssuerId};
use authpi_core::store::Change;
use authpi_core::web::services::Options;
use authpi_storage::ConnectOptions;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

fn ids(events: &Value) -> Vec<&str> {
    events.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_event_has_its_ten_members_and_says_where_the_request_came_from() {
    let app = App::start(DRIVER).await;
    let made = app.root().post(&app.path("/issuers"), json!({ "name": "acme" })).header("user-agent", "curl/8");
    let made = made.expect(201).await;
    let events = app.events("event_types=issuer.created").await;
    let event = events.last().unwrap();
    let members: Vec<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["auth", "data", "id", "source", "spec", "subject", "timestamp", "trace", "trigger", "type"];
    assert_eq!(members, expected);
    assert_eq!(event["spec"], "1.0");
    assert_eq!(event["source"], "com.authpi/v1");
    assert_eq!(event["trigger"], "api");
    assert_eq!(event["trace"], made.header("x-request-id"));
    assert_eq!(event["timestamp"], app.now());
    assert_eq!(event["subject"], json!({ "account_id": app.account, "issuer_id": made.id() }));
    let auth = json!({
        "type": "api_key", "key_id": app.key.0, "ip": "127.0.0.1", "user_agent": "curl/8", "country": null,
    });
    assert_eq!(event["auth"], auth);
    let alone = app.root().get(&app.path(&format!("/events/{}", event["id"].as_str().unwrap()))).expect(200).await;
    assert_eq!(alone.data(), event);
}

#[tokio::test]
async fn what_nobody_asked_for_has_a_context_of_nulls() {
    let app = App::start(DRIVER).await;
    let events = app.events("event_types=account.created").await;
    assert_eq!(events[0]["auth"], json!({ "type": "system", "ip": null, "user_agent": null, "country": null }));
    assert_eq!(events[0]["trace"], Value::Null);
}

#[tokio::test]
async fn contexts_of_a_removed_issuer_are_null_and_its_events_stay() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    app.root().delete(&issuer).expect(204).await;
    let id = issuer.rsplit('/').next().unwrap();
    let query = format!("issuer_id={id}");
    assert_eq!(app.event_types(&query).await, ["issuer.created", "issuer.deleted"]);
    app.advance(Duration::from_mins(2));
    authpi_core::worker::run_once(app.authpi.services()).await.unwrap();
    let events = app.events(&query).await;
    assert_eq!(events.len(), 2);
    for event in events.iter().filter(|event| event["type"] == "issuer.deleted") {
        assert_eq!(event["auth"]["key_id"], app.key.0);
        assert_eq!(event["auth"]["ip"], Value::Null);
    }
}

#[tokio::test]
async fn filters_are_anded_and_wrong_ones_are_refused_with_their_names() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let user = app.user(&issuer, "a@example.com").await;
    app.advance(Duration::from_millis(10));
    app.organization(&issuer).await;
    app.user(&issuer, "b@example.com").await;
    assert_eq!(app.event_types(&format!("user_id={user}")).await, ["user.created"]);
    let both = app.event_types("event_types=user.created,organization.created").await;
    assert_eq!(both.iter().filter(|name| *name == "user.created").count(), 2);
    let later = format!("event_types=user.created&after={}", app.now() - 10);
    assert_eq!(app.event_types(&later).await.len(), 1);
    let float = format!("event_types=user.created&before={}.0", app.now());
    assert_eq!(app.event_types(&float).await.len(), 1);
    let all = catalogue::NAMES.join(",");
    assert!(!app.events(&format!("event_types={all}")).await.is_empty());
    for (query, problem) in [
        ("event_types=membership.added", "event_types invalid_enum_value"),
        ("event_types=user.created,user.*", "event_types invalid_enum_value"),
        ("event_types=user.created,", "event_types invalid_enum_value"),
        ("after=yesterday", "after invalid_format"),
        ("issuer_id=acme", "issuer_id invalid_format"),
        ("user_id=i_0000000000000000000000000", "user_id invalid_format"),
        ("cursor=!", "cursor invalid_format"),
        ("limit=101", "limit too_big"),
    ] {
        let refused = app.root().get(&app.path(&format!("/events?{query}"))).expect(400).await;
        assert_eq!(refused.refusal(), ("invalid_request".to_owned(), vec![problem.to_owned()]), "{query}");
    }
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended_whatever_happens_meanwhile() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    for number in 0..5 {
        app.user(&issuer, &format!("user-{number}@example.com")).await;
    }
    let all = app.root().get(&app.path("/events?limit=100")).expect(200).await;
    let first = app.root().get(&app.path("/events?limit=2")).expect(200).await;
    assert_eq!(first.body["has_more"], true);
    app.user(&issuer, "late@example.com").await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let rest = app.root().get(&app.path(&format!("/events?limit=100&cursor={cursor}"))).expect(200).await;
    assert_eq!([ids(first.data()), ids(rest.data())].concat(), ids(all.data()));
    assert_eq!((&rest.body["has_more"], &rest.body["next_cursor"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn events_need_their_scope_and_an_unknown_one_is_404() {
    let app = App::start(DRIVER).await;
    let (id, secret) = app.account_key(&["issuers:read"]).await;
    let refused = app.with_key(&id, &secret).get(&app.path("/events")).expect(403).await;
    assert_eq!(refused.refusal().0, "insufficient_scope");
    let (id, secret) = app.account_key(&["events:read"]).await;
    let reader = app.with_key(&id, &secret);
    reader.get(&app.path("/events")).expect(200).await;
    for id in ["evt_0000000000000000000000000", "evt_x", "nonsense"] {
        reader.get(&app.path(&format!("/events/{id}"))).expect(404).await;
    }
}

async fn aggregated(app: &App, query: &str) -> Value {
    app.root().get(&app.path(&format!("/events/aggregate?{query}"))).expect(200).await.data().clone()
}

#[tokio::test]
async fn a_total_is_one_bucket_and_groups_are_as_many_as_there_are() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let issuer_id = issuer.rsplit('/').next().unwrap();
    let user = app.user(&issuer, "a@example.com").await;
    app.user(&issuer, "b@example.com").await;
    let total = |count: u64| json!({ "timestamp": null, "key": null, "count": count });
    let below = format!("issuer_id={issuer_id}");
    let expected = json!({ "interval": null, "group_by": null, "buckets": [total(3)] });
    assert_eq!(aggregated(&app, &below).await, expected);
    assert_eq!(aggregated(&app, &format!("user_id={user}")).await["buckets"], json!([total(1)]));
    assert_eq!(aggregated(&app, "event_types=webhook.created").await["buckets"], json!([total(0)]));
    let grouped = aggregated(&app, &format!("{below}&group_by=type&count_unique=user_id")).await;
    assert_eq!((&grouped["interval"], &grouped["group_by"]), (&Value::Null, &json!("type")));
    let bucket =
        |key: &str, count: u64, unique: u64| json!({ "timestamp": null, "key": key, "count": count, "unique": unique });
    let expected = json!([bucket("user.created", 2, 2), bucket("issuer.created", 1, 0)]);
    assert_eq!(grouped["buckets"], expected);
    assert_eq!(aggregated(&app, "event_types=webhook.created&group_by=type").await["buckets"], json!([]));
}

#[tokio::test]
async fn intervals_without_events_are_filled_with_zeros_unless_grouped() {
    let app = App::start(DRIVER).await;
    app.advance(Duration::from_hours(2));
    let issuer = app.issuer().await;
    app.user(&issuer, "a@example.com").await;
    app.advance(Duration::from_mins(5));
    app.user(&issuer, "b@example.com").await;
    let (now, minute) = (app.now(), 60_000);
    let kind = "event_types=user.created";
    let minutes = aggregated(&app, &format!("{kind}&interval=minute&count_unique=user_id")).await;
    let buckets = minutes["buckets"].as_array().unwrap();
    let first = now - 60 * minute;
    assert_eq!((buckets.len(), &buckets[0]["timestamp"]), (61, &json!(first)), "an hour that begins within a minute");
    let counts: Vec<_> = buckets.iter().map(|bucket| bucket["count"].as_u64().unwrap()).collect();
    assert_eq!((counts[55], counts[60], counts.iter().sum::<u64>()), (1, 1, 2));
    assert_eq!(buckets[0], json!({ "timestamp": first, "key": null, "count": 0, "unique": 0 }));
    let hours = aggregated(&app, &format!("{kind}&interval=hour")).await;
    assert_eq!(hours["buckets"].as_array().unwrap().len(), 25, "24 hours that begin within an hour");
    let range = format!("{kind}&interval=minute&after={}&before={}.0", now - minute, now);
    assert_eq!(
        aggregated(&app, &range).await["buckets"],
        json!([{ "timestamp": now - minute, "key": null, "count": 0 }])
    );
    let grouped = aggregated(&app, &format!("{kind}&interval=minute&group_by=type")).await;
    let bucket = |at: i64| json!({ "timestamp": at, "key": "user.created", "count": 1 });
    assert_eq!(grouped["buckets"], json!([bucket(now - 5 * minute), bucket(now)]));
}

#[tokio::test]
async fn an_aggregate_has_at_most_a_thousand_intervals_and_known_words() {
    let app = App::start(DRIVER).await;
    let now = app.now();
    let hours = |hours: i64| format!("interval=hour&after={}&before={now}", now - 1 - hours * 3_600_000);
    assert_eq!(aggregated(&app, &hours(1000)).await["buckets"].as_array().unwrap().len(), 1000);
    for (query, problem) in [
        (hours(1001), "interval too_many"),
        ("interval=minute&after=1".to_owned(), "interval too_many"),
        ("interval=week".to_owned(), "interval invalid_enum_value"),
        ("group_by=actor".to_owned(), "group_by invalid_enum_value"),
        ("count_unique=key_id".to_owned(), "count_unique invalid_enum_value"),
        ("event_types=user.*".to_owned(), "event_types invalid_enum_value"),
    ] {
        let refused = app.root().get(&app.path(&format!("/events/aggregate?{query}"))).expect(400).await;
        assert_eq!(refused.refusal().1, [problem], "{query}");
    }
    let before = format!("interval=day&after={now}&before={now}");
    assert_eq!(aggregated(&app, &before).await["buckets"], json!([]));
}

#[tokio::test]
async fn a_count_that_takes_too_long_asks_for_less_and_nothing_else_suffers() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
    let mut hasty = ConnectOptions::default();
    hasty.statement_timeout = Duration::from_millis(1);
    let store = authpi_storage::connect_with(&url, hasty).await.unwrap();
    let app = App::start_on(DRIVER, Options { rate_limits: false, ..Options::default() }, store, folder).await;
    let many = Many { account: app.account.parse().unwrap() };
    for _ in 0..10 {
        app.authpi.run(&many).await.unwrap();
    }
    let path = app.path("/events/aggregate?interval=minute&group_by=type&count_unique=session_id");
    let root = app.root();
    let counts = join_all((0..12).map(|_| root.get(&path).expect(400)));
    let others = join_all((0..12).map(|_| root.get(&app.path("/issuers")).expect(200)));
    let (counts, _) = join(counts, others).await;
    for refused in counts {
        assert_eq!(refused.refusal(), ("invalid_request".to_owned(), vec!["after too_small".to_owned()]));
    }
}

/// Makes a thousand events.
struct Many {
    account: AccountId,
}

#[async_trait]
impl Work for Many {
    type Output = ();

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        None
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        for _ in 0..1_000 {
            change.emit(EventDraft::new(catalogue::ACCOUNT_UPDATED, Subject::account(self.account)))?;
        }
        Ok(())
    }
}

/// Says more than an event may.
struct Talkative {
    account: AccountId,
}

#[async_trait]
impl Work for Talkative {
    type Output = ();

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        None
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let scopes: Vec<_> = (0..10_000).map(|number| format!("invoices{number}:read")).collect();
        let draft = EventDraft::new(catalogue::ACCOUNT_UPDATED, Subject::account(self.account));
        change.emit(draft.with("scopes", scopes).with("reason", "a_word").with("count", 7).with("text", "x".repeat(65)))
    }
}

#[tokio::test]
async fn data_that_is_too_large_is_cut_to_ids_words_and_numbers() {
    let app = App::start(DRIVER).await;
    app.authpi.run(&Talkative { account: app.account.parse().unwrap() }).await.unwrap();
    let event = app.events("event_types=account.updated").await.pop().unwrap();
    assert_eq!(event["data"], json!({ "reason": "a_word", "count": 7, "truncated": true }));
}
