//! `/v1/accounts/{account_id}/notes`

use std::time::Duration;

use authpi_core::worker::run_once;
use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

/// An issuer with a user that notes are about.
struct Ground {
    app: App,
    issuer: String,
    user: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let user = app.user(&issuer, "ann@example.com").await;
        Self { app, issuer, user }
    }

    fn issuer_id(&self) -> &str {
        self.issuer.rsplit('/').next().unwrap()
    }

    fn notes(&self, rest: &str) -> String {
        self.app.path(&format!("/notes{rest}"))
    }

    fn body(&self, content: &str) -> Value {
        json!({ "subject_type": "user", "subject_id": self.user, "issuer_id": self.issuer_id(), "content": content })
    }

    async fn write(&self, content: &str) -> Reply {
        self.app.root().post(&self.notes(""), self.body(content)).expect(201).await
    }

    async fn about(&self, kind: &str, id: &str) -> Reply {
        let body = json!({ "subject_type": kind, "subject_id": id, "issuer_id": self.issuer_id(), "content": "x" });
        self.app.root().post(&self.notes(""), body).expect(201).await
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let page = self.app.root().get(&self.notes(&format!("?{query}"))).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["content"].as_str().unwrap().to_owned()).collect()
    }

    /// A member of the team.
    async fn colleague(&self, email: &str) -> String {
        let organization = self.app.account_organization().await;
        let platform = organization.split("/organizations/").next().unwrap().to_owned();
        let user = self.app.user(&platform, email).await;
        let member = json!({ "member_id": user, "scopes": ["member"] });
        self.app.root().post(&format!("{organization}/members"), member).expect(201).await;
        user
    }

    async fn key(&self, scopes: &[&str]) -> tests::Caller {
        let (id, secret) = self.app.account_key(scopes).await;
        self.app.with_key(&id, &secret)
    }
}

#[tokio::test]
async fn a_note_reads_back_whole_with_its_etag_and_has_no_events() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let before = app.events("").await.len();
    let made = ground.write("**Called** back.").await;
    let read = app.root().get(&ground.notes(&format!("/{}", made.id()))).expect(200).await;
    assert_eq!((made.data(), made.header("etag")), (read.data(), read.header("etag")));
    assert_eq!(
        read.data(),
        &json!({
            "id": made.id(), "account_id": app.account, "issuer_id": ground.issuer_id(), "subject_type": "user",
            "subject_id": ground.user, "content": "**Called** back.", "pinned": false, "created_by": app.key.0,
            "updated_by": null, "created_at": app.now(), "updated_at": app.now(), "mentions": [], "references": [],
        })
    );
    app.root().patch(&ground.notes(&format!("/{}", made.id())), json!({ "pinned": true })).expect(200).await;
    app.root().delete(&ground.notes(&format!("/{}", made.id()))).expect(204).await;
    app.root().get(&ground.notes(&format!("/{}", made.id()))).expect(404).await;
    assert_eq!(app.events("").await.len(), before);
}

#[tokio::test]
async fn every_kind_of_resource_can_have_notes_and_must_be_there() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let organization = app.organization(&ground.issuer).await;
    let organization = organization.rsplit('/').next().unwrap();
    let make =
        async |path: &str, body| app.root().post(&format!("{}/{path}", ground.issuer), body).expect(201).await.id();
    let client = make("clients", json!({ "name": "c", "settings": {}, "confidential": true })).await;
    let agent = make("agents", json!({ "name": "n" })).await;
    for (kind, id) in [("org", organization), ("client", &client), ("agent", &agent), ("user", &ground.user)] {
        assert_eq!(ground.about(kind, id).await.data()["issuer_id"], ground.issuer_id());
    }
    let issuer = json!({ "subject_type": "issuer", "subject_id": ground.issuer_id(), "content": "x" });
    let made = app.root().post(&ground.notes(""), issuer).expect(201).await;
    assert_eq!(made.data()["issuer_id"], Value::Null);
    let elsewhere = app.issuer().await;
    let elsewhere = elsewhere.rsplit('/').next().unwrap();
    let never = "i_0000000000000000000000000";
    for (kind, id, issuer, problem) in [
        ("user", ground.user.as_str(), json!(elsewhere), "subject_id unknown_reference"),
        ("user", ground.user.as_str(), json!(never), "issuer_id unknown_reference"),
        ("user", ground.user.as_str(), json!("acme"), "issuer_id unknown_reference"),
        ("user", ground.user.as_str(), Value::Null, "issuer_id required"),
        ("user", organization, json!(ground.issuer_id()), "subject_id unknown_reference"),
        ("org", "nobody", json!(ground.issuer_id()), "subject_id unknown_reference"),
        ("issuer", never, Value::Null, "subject_id unknown_reference"),
        ("issuer", ground.issuer_id(), json!(elsewhere), "issuer_id unknown_reference"),
        ("group", "grp_x", json!(elsewhere), "subject_type invalid_enum_value"),
    ] {
        let body = json!({ "subject_type": kind, "subject_id": id, "issuer_id": issuer, "content": "x" });
        let refused = app.root().post(&ground.notes(""), body).expect(400).await;
        assert_eq!(refused.refusal().1, [problem], "{kind} {id} {issuer}");
    }
    let refused =
        app.root().post(&ground.notes(""), json!({ "pinned": 1, "typo": 1, "content": "" })).expect(400).await;
    let expected = [
        "content too_short",
        "pinned invalid_type",
        "subject_id required",
        "subject_type required",
        "typo unknown_field",
    ];
    assert_eq!(refused.refusal().1, expected);
    let long = app.root().post(&ground.notes(""), ground.body(&"ü".repeat(10_001))).expect(400).await;
    assert_eq!(long.refusal().1, ["content too_long"]);
    ground.write(&"ü".repeat(10_000)).await;
}

#[tokio::test]
async fn only_colleagues_are_mentioned_and_only_what_is_there_is_referred_to() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let eve = ground.colleague("eve@example.com").await;
    let issuer = ground.issuer_id();
    let (key, _) = app.account_key(&["a:read"]).await;
    let text = format!(
        "@[Eve]({eve}) @[Ann]({}) [[user:{}|Ann]] [[issuer:{issuer}]] [[api_key:{key}]] [[org:org_{}]] [[user:{eve}x]]",
        ground.user,
        ground.user,
        "0".repeat(25),
    );
    let made = ground.write(&text).await;
    let now = app.now();
    assert_eq!(made.data()["mentions"], json!([{ "mentioned_user_id": eve, "created_at": now }]));
    let reference = |kind: &str, id: &str, issuer: Value| json!({ "ref_type": kind, "ref_id": id, "ref_issuer_id": issuer, "created_at": now });
    let expected = [
        reference("user", &ground.user, json!(issuer)),
        reference("issuer", issuer, Value::Null),
        reference("api_key", &key, Value::Null),
    ];
    assert_eq!(made.data()["references"], json!(expected));
    assert_eq!(ground.listed(&format!("mentions_user_id={eve}")).await, [text.as_str()]);
    assert_eq!(ground.listed(&format!("mentions_user_id={}", ground.user)).await, [""; 0]);

    app.advance(Duration::from_secs(1));
    let path = ground.notes(&format!("/{}", made.id()));
    let bob = ground.colleague("bob@example.com").await;
    let patch = json!({ "content": format!("@[Bob]({bob}) and @[Eve]({eve}), [[user:{}]]", ground.user) });
    let after = app.root().patch(&path, patch.clone()).expect(200).await;
    let mention = |user: &str, at: i64| json!({ "mentioned_user_id": user, "created_at": at });
    assert_eq!(
        after.data()["mentions"],
        json!([mention(&bob, app.now()), mention(&eve, now)]),
        "who stays keeps the time"
    );
    assert_eq!(after.data()["references"], json!([reference("user", &ground.user, json!(issuer))]));
    assert_eq!(after.data()["updated_by"], app.key.0);
    assert_eq!(app.root().patch(&path, patch).expect(200).await.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn backlinks_have_no_other_key_and_counts_are_exact() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let link = format!("see [[user:{}]]", ground.user);
    for number in 0..3 {
        ground.write(&format!("{link} {number}")).await;
        app.advance(Duration::from_millis(1));
    }
    ground.write("nothing").await;
    let path = |rest: &str| ground.notes(&format!("/backlinks?ref_type=user&ref_id={}{rest}", ground.user));
    let found = app.root().get(&path("&limit=2")).expect(200).await;
    assert_eq!(found.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["data"]);
    let contents: Vec<_> = found.data().as_array().unwrap().iter().map(|note| note["content"].clone()).collect();
    assert_eq!(contents, [format!("{link} 2"), format!("{link} 1")]);
    assert_eq!(app.root().get(&path("")).expect(200).await.data().as_array().unwrap().len(), 3);
    let count = app.root().get(&ground.notes(&format!("/count?subject_type=user&subject_id={}", ground.user)));
    assert_eq!(count.expect(200).await.body, json!({ "data": { "count": 4 } }));
    for (rest, problems) in [
        ("/backlinks", vec!["ref_id required", "ref_type required"]),
        ("/backlinks?ref_type=agent&ref_id=x", vec!["ref_type invalid_enum_value"]),
        ("/backlinks?ref_type=user&ref_id=x", vec!["ref_id invalid_format"]),
        ("/backlinks?ref_type=user&ref_id=x&limit=0", vec!["limit too_small"]),
        ("/count?subject_type=user", vec!["subject_id required"]),
        ("/count?subject_id=x", vec!["subject_type required"]),
        ("/count?subject_type=user&subject_id=x", vec!["subject_id invalid_format"]),
        ("?subject_id=x", vec!["subject_type required"]),
        ("?created_by=x&pinned=yes", vec!["pinned invalid_enum_value"]),
        ("?cursor=1:2", vec!["cursor invalid_format"]),
    ] {
        let refused = app.root().get(&ground.notes(rest)).expect(400).await;
        assert_eq!(refused.refusal().1, problems, "{rest}");
    }
}

#[tokio::test]
async fn pinned_notes_come_first_and_pages_skip_none_of_one_millisecond() {
    let ground = Ground::new().await;
    let app = &ground.app;
    for number in 0..6 {
        let mut body = ground.body(&number.to_string());
        body["pinned"] = json!(number % 2 == 0);
        app.root().post(&ground.notes(""), body).expect(201).await;
    }
    assert_eq!(ground.listed("").await, ["4", "2", "0", "5", "3", "1"]);
    assert_eq!(ground.listed("pinned=true").await, ["4", "2", "0"]);
    let subject = format!("subject_type=user&subject_id={}", ground.user);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.root().get(&ground.notes(&format!("?limit=2&{subject}{cursor}"))).expect(200).await;
        seen.extend(page.data().as_array().unwrap().iter().map(|note| note["content"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        assert!(next.starts_with(&format!("true:{}", app.now())) || next.starts_with(&format!("false:{}", app.now())));
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["4", "2", "0", "5", "3", "1"]);
    let documented = format!("cursor=false:{}", app.now() + 1);
    assert_eq!(ground.listed(&documented).await, ["5", "3", "1"]);
    let issuer = format!("issuer_id={}&created_by={}", ground.issuer_id(), app.key.0);
    assert_eq!(ground.listed(&issuer).await.len(), 6);
    assert_eq!(ground.listed("created_by=usr_x").await, [""; 0]);
}

#[tokio::test]
async fn anybody_edits_and_the_author_or_who_runs_the_account_deletes() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let author = ground.key(&["notes:write", "notes:read"]).await;
    let other = ground.key(&["notes:write"]).await;
    let named = ground.key(&["notes:write", "admin"]).await;
    let write = async || author.post(&ground.notes(""), ground.body("x")).expect(201).await.id();
    let first = ground.notes(&format!("/{}", write().await));
    app.advance(Duration::from_secs(1));
    let before = author.get(&first).expect(200).await;
    let edited =
        other.patch(&first, json!({ "content": "y" })).header("if-match", before.header("etag")).expect(200).await;
    assert_eq!((&edited.data()["content"], &edited.data()["created_by"]), (&json!("y"), &before.data()["created_by"]));
    assert_ne!(edited.data()["updated_by"], before.data()["created_by"]);
    other.patch(&first, json!({ "content": "z" })).header("if-match", before.header("etag")).expect(412).await;
    let refused = other.patch(&first, json!({ "content": null, "pinned": null })).expect(400).await;
    assert_eq!(refused.refusal().1, ["content invalid_type", "pinned invalid_type"]);
    let refused = other.delete(&first).expect(403).await;
    assert_eq!(refused.refusal().0, "access_denied");
    author.delete(&first).header("if-match", before.header("etag")).expect(412).await;
    author.delete(&first).header("if-match", edited.header("etag")).expect(204).await;
    // The name of a role means nothing on a key.
    named.delete(&ground.notes(&format!("/{}", write().await))).expect(403).await;
    app.root().delete(&ground.notes(&format!("/{}", write().await))).expect(204).await;
}

#[tokio::test]
async fn notes_go_with_what_they_are_about() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let services = app.authpi.services();
    let organization = app.organization(&ground.issuer).await;
    let make =
        async |path: &str, body| app.root().post(&format!("{}/{path}", ground.issuer), body).expect(201).await.id();
    let client = make("clients", json!({ "name": "c", "settings": {}, "confidential": true })).await;
    let agent = make("agents", json!({ "name": "n" })).await;
    let subjects = [
        ("org", organization.rsplit('/').next().unwrap().to_owned(), organization.clone()),
        ("client", client.clone(), format!("{}/clients/{client}", ground.issuer)),
        ("agent", agent.clone(), format!("{}/agents/{agent}", ground.issuer)),
        ("user", ground.user.clone(), format!("{}/users/{}", ground.issuer, ground.user)),
    ];
    for (kind, id, _) in &subjects {
        ground.about(kind, id).await;
    }
    let issuer = json!({ "subject_type": "issuer", "subject_id": ground.issuer_id(), "content": "last" });
    app.root().post(&ground.notes(""), issuer).expect(201).await;
    for (left, (kind, id, path)) in [4, 3, 2, 1].into_iter().zip(&subjects) {
        app.root().delete(path).expect(204).await;
        run_once(services).await.unwrap();
        assert_eq!(ground.listed("").await.len(), left, "{kind}");
        let body = json!({ "subject_type": kind, "subject_id": id, "issuer_id": ground.issuer_id(), "content": "x" });
        let refused = app.root().post(&ground.notes(""), body).expect(400).await;
        assert_eq!(refused.refusal().1, ["subject_id unknown_reference"]);
    }
    app.root().delete(&ground.issuer).expect(204).await;
    run_once(services).await.unwrap();
    assert_eq!(ground.listed("").await, [""; 0]);
}
