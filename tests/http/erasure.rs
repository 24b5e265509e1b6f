//! What is left of a deleted user, at once and after the purge.

use std::time::Duration;

use authpi_core::worker::run_once;
use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

const DAY: Duration = Duration::from_hours(24);

/// A user with everything that one can have, who has done something.
struct Ground {
    app: App,
    issuer: String,
    id: String,
    user: String,
    organization: String,
    token: String,
    session: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let id = app.user(&issuer, "ada@example.com").await;
        let user = format!("{issuer}/users/{id}");
        let organization = app.organization(&issuer).await;
        let agent = app.root().post(&format!("{issuer}/agents"), json!({ "name": "n" })).expect(201).await.id();
        let note = json!({
            "subject_type": "user", "subject_id": id, "issuer_id": issuer.rsplit('/').next().unwrap(), "content": "x",
        });
        let password = json!({ "type": "password", "password": "k7!qZp2vv-Rw9xT4mN6bH8cJ" });
        for (path, body) in [
            (format!("{organization}/members"), json!({ "member_id": id, "scopes": ["a:read"] })),
            (format!("{user}/verifiers"), password),
            (format!("{user}/trusted-devices"), json!({ "fingerprint": "f" })),
            (format!("{user}/delegations"), json!({ "agent_id": agent, "scopes": ["a:read"] })),
            (app.path("/notes"), note),
        ] {
            app.root().post(&path, body).expect(201).await;
        }
        let session = app.log_in(&issuer, &id).await;
        let body = json!({ "name": "laptop", "restrictions": { "scopes": ["a:read"] } });
        let made = app.root().post(&format!("{user}/tokens"), body).expect(201).await;
        let token = made.text("token_plain");
        app.with_bearer(&token).get("/v1/me").header("user-agent", "Lovelace/1").expect(200).await;
        Self { app, issuer, id, user, organization, token, session }
    }

    async fn work(&self) {
        run_once(self.app.authpi.services()).await.unwrap();
    }

    /// Where the user called from, as the events say that tell of them.
    async fn agents(&self) -> Vec<Value> {
        let events = self.app.events(&format!("user_id={}", self.id)).await;
        events.iter().map(|event| event["auth"]["user_agent"].clone()).filter(|agent| !agent.is_null()).collect()
    }

    async fn listed(&self, query: &str) -> usize {
        let page = self.app.root().get(&format!("{}/users?{query}", self.issuer)).expect(200).await;
        page.data().as_array().unwrap().len()
    }
}

#[tokio::test]
async fn a_deleted_user_is_out_at_once_and_nothing_works_for_them() {
    let ground = Ground::new().await;
    let app = &ground.app;
    app.root().delete(&ground.user).expect(204).await;
    app.with_bearer(&ground.token).get("/v1/me").expect(401).await;
    for below in ["", "/verifiers", "/trusted-devices", "/delegations", "/tokens"] {
        app.root().get(&format!("{}{below}", ground.user)).expect(404).await;
    }
    assert_eq!((ground.listed("").await, ground.listed("status=deleted").await), (0, 1));
    app.root().post(&format!("{}/users", ground.issuer), json!({ "email": "ADA@example.com" })).expect(409).await;
    ground.work().await;
    let members = app.root().get(&format!("{}/members", ground.organization)).expect(200).await;
    assert_eq!(members.data(), &json!([]));
    let notes = app.root().get(&app.path("/notes")).expect(200).await;
    assert_eq!(notes.data(), &json!([]));
    let ended = app.event_types("event_types=session.terminated,user.delegation.revoked").await;
    assert_eq!(ended.len(), 2, "{ended:?}");
    let session = app.root().get(&format!("{}/sessions/{}", ground.issuer, ground.session)).send().await;
    assert!(session.status == 404 || session.data()["status"] == "revoked", "{session}");
    assert!(ground.agents().await.contains(&json!("Lovelace/1")), "the trail keeps what it knows for 30 days");
}

#[tokio::test]
async fn a_purged_user_leaves_events_that_say_nothing_personal_and_frees_the_name() {
    let ground = Ground::new().await;
    let app = &ground.app;
    app.root().delete(&ground.user).expect(204).await;
    ground.work().await;
    let about = format!("user_id={}", ground.id);
    // Verifications are not kept longer than 30 days.
    let mut before = app.event_types(&about).await;
    before.retain(|kind| kind != "user.personal-token.verified");
    app.advance(DAY * 30);
    ground.work().await;
    assert_eq!(ground.listed("status=deleted").await, 1, "30 days have not passed yet");
    app.advance(Duration::from_secs(1));
    ground.work().await;
    assert_eq!(ground.listed("status=deleted").await, 0);
    assert_eq!(ground.agents().await, [Value::Null; 0]);
    let after = app.events(&about).await;
    assert_eq!(after.iter().map(|event| event["type"].as_str().unwrap()).collect::<Vec<_>>(), before);
    assert!(!Value::from(after).to_string().contains("ada@example.com"));
    let heir = app.user(&ground.issuer, "ada@example.com").await;
    assert_ne!(heir, ground.id);
    app.root().get(&ground.user).expect(404).await;
    assert_eq!(app.event_types(&format!("user_id={heir}")).await, ["user.created"]);
}

#[tokio::test]
async fn what_a_purged_colleague_did_stays_and_where_they_sat_goes() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let user = app.user(platform, "ada@example.com").await;
    let member = json!({ "member_id": user, "scopes": ["issuers:*"] });
    app.root().post(&format!("{organization}/members"), member).expect(201).await;
    let token = json!({ "name": "t", "restrictions": { "scopes": ["issuers:*"] } });
    let made = app.root().post(&format!("{platform}/users/{user}/tokens"), token).expect(201).await;
    let body = json!({ "name": "made by Ada" });
    let ada = app.with_bearer(&made.text("token_plain"));
    ada.post(&app.path("/issuers"), body).header("user-agent", "Lovelace/1").expect(201).await;
    // What others did from elsewhere is theirs.
    let body = json!({ "name": "made by another" });
    app.root().post(&app.path("/issuers"), body).header("user-agent", "Operator/2").expect(201).await;
    let agents = async || {
        let events = app.events("event_types=issuer.created").await;
        let told = events.iter().rev().take(2).map(|event| event["auth"]["user_agent"].clone());
        (told.collect::<Vec<_>>(), events[events.len() - 2]["auth"]["user_id"].clone())
    };
    let known = (vec![json!("Operator/2"), json!("Lovelace/1")], json!(user));
    assert_eq!(agents().await, known);
    app.root().delete(&format!("{platform}/users/{user}")).expect(204).await;
    app.advance(DAY * 30);
    run_once(app.authpi.services()).await.unwrap();
    assert_eq!(agents().await, known, "30 days have not passed yet");
    app.advance(Duration::from_secs(1));
    run_once(app.authpi.services()).await.unwrap();
    assert_eq!(agents().await, (vec![json!("Operator/2"), Value::Null], json!(user)));
}

#[tokio::test]
async fn a_note_forgets_who_it_mentions_when_they_are_purged() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let mut team = Vec::new();
    for email in ["bob@example.com", "eve@example.com"] {
        let user = app.user(platform, email).await;
        let member = json!({ "member_id": user, "scopes": ["member"] });
        app.root().post(&format!("{organization}/members"), member).expect(201).await;
        team.push(user);
    }
    let (bob, eve) = (&team[0], &team[1]);
    let content = format!("Ask @[Bob Builder]({bob}) and @[Eve]({eve}).");
    let body = json!({ "subject_type": "issuer", "subject_id": issuer.rsplit('/').next().unwrap(), "content": content.as_str() });
    let note = app.path(&format!("/notes/{}", app.root().post(&app.path("/notes"), body).expect(201).await.id()));
    let mentioned = async || {
        let read = app.root().get(&note).expect(200).await;
        let mentions = read.data()["mentions"].as_array().unwrap().clone();
        let ids = mentions.iter().map(|mention| mention["mentioned_user_id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), read.text("content"))
    };
    let (mut ids, _) = mentioned().await;
    ids.sort();
    let mut expected = team.clone();
    expected.sort();
    assert_eq!(ids, expected);
    app.root().delete(&format!("{platform}/users/{bob}")).expect(204).await;
    run_once(app.authpi.services()).await.unwrap();
    app.advance(DAY * 30 + Duration::from_secs(1));
    run_once(app.authpi.services()).await.unwrap();
    let (ids, text) = mentioned().await;
    assert_eq!(ids, [eve.clone()]);
    assert_eq!(text, content, "what the author wrote is theirs, and mentions nobody any more");
    let page = app.root().get(&app.path(&format!("/notes?mentions_user_id={bob}"))).expect(200).await;
    assert_eq!(page.data(), &json!([]));
}
