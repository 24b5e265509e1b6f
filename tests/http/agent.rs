//! `/v1/accounts/{account_id}/issuers/{issuer_id}/agents`

use std::time::Duration;

use authpi_core::worker::run_once;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

const ADDRESS: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

/// An issuer, and its agents.
struct Ground {
    app: App,
    issuer: String,
    agents: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let agents = format!("{issuer}/agents");
        Self { app, issuer, agents }
    }

    async fn agent(&self, body: Value) -> String {
        self.app.root().post(&self.agents, body).expect(201).await.id()
    }

    fn one(&self, agent: &str) -> String {
        format!("{}/{agent}", self.agents)
    }

    async fn verifier(&self, agent: &str, body: Value) -> Reply {
        self.app.root().post(&format!("{}/verifiers", self.one(agent)), body).expect(201).await
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let page = self.app.root().get(&format!("{}?{query}", self.agents)).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_new_agent_reads_back_whole_with_its_etag_and_its_event() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let body = json!({
        "name": "Clerk", "description": "Answers", "model": "large-1", "provider": "example", "version": "4",
        "scopes": ["orders:read", "x"], "metadata": { "team": 7 }, "id": "ignored", "status": "active",
    });
    let made = app.root().post(&ground.agents, body).expect(201).await;
    let read = app.root().get(&ground.one(&made.id())).expect(200).await;
    assert_eq!((made.data(), made.header("etag")), (read.data(), read.header("etag")));
    assert_eq!(read.header("etag"), format!("\"{}\"", app.now()));
    assert_eq!(
        read.data(),
        &json!({
            "id": made.id(), "issuer_id": ground.issuer.rsplit('/').next().unwrap(), "name": "Clerk",
            "description": "Answers", "model": "large-1", "provider": "example", "version": "4", "status": "active",
            "status_at": null, "status_reason": null, "scopes": ["orders:read", "x"], "metadata": { "team": 7 },
            "created_at": app.now(), "updated_at": app.now(),
        })
    );
    let event = &app.events("event_types=agent.created").await[0];
    assert_eq!(event["subject"]["agent_id"], made.id());
    assert_eq!(event["auth"]["key_id"], app.key.0);
    let data = json!({ "name": "Clerk", "model": "large-1", "provider": "example", "scopes": ["orders:read", "x"] });
    assert_eq!(event["data"], data);
}

#[tokio::test]
async fn an_agent_needs_nothing_but_a_name_and_all_problems_come_at_once() {
    let ground = Ground::new().await;
    let app = &ground.app;
    app.root().post(&ground.agents, json!({ "name": "n" })).expect(201).await;
    for (body, problems) in [
        (json!({}), vec!["name required"]),
        (json!({ "name": null }), vec!["name invalid_type"]),
        (
            json!({
                "name": "", "description": "x".repeat(5001), "model": "x".repeat(201), "provider": 7,
                "version": "x".repeat(201), "scopes": ["a b"], "metadata": { "_a": 1 }, "typo": 1, "status_by": "me",
            }),
            vec![
                "description too_long",
                "metadata._a invalid_format",
                "model too_long",
                "name too_short",
                "provider invalid_type",
                "scopes.0 invalid_format",
                "status_by unknown_field",
                "typo unknown_field",
                "version too_long",
            ],
        ),
        (
            json!({ "name": "n", "scopes": (0..257).map(|n| format!("s{n}")).collect::<Vec<_>>() }),
            vec!["scopes too_many"],
        ),
    ] {
        let refused = app.root().post(&ground.agents, body).expect(400).await;
        assert_eq!(refused.refusal().1, problems);
    }
    assert_eq!(app.event_types("event_types=agent.created").await.len(), 1);
}

#[tokio::test]
async fn a_patch_merges_and_one_that_changes_nothing_is_silent() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let agent =
        ground.agent(json!({ "name": "n", "model": "m", "scopes": ["a"], "metadata": { "a": 1, "b": 2 } })).await;
    let path = ground.one(&agent);
    app.advance(Duration::from_secs(1));
    let before = app.root().get(&path).expect(200).await;
    let patch = json!({ "model": null, "scopes": ["b"], "metadata": { "a": null } });
    let after = app.root().patch(&path, patch.clone()).header("if-match", before.header("etag")).expect(200).await;
    assert_eq!((&after.data()["model"], &after.data()["scopes"]), (&Value::Null, &json!(["b"])));
    assert_eq!(after.data()["metadata"], json!({ "b": 2 }));
    app.root().patch(&path, patch.clone()).header("if-match", before.header("etag")).expect(412).await;
    let again = app.root().patch(&path, patch).expect(200).await;
    assert_eq!(again.header("etag"), after.header("etag"));
    assert_eq!(app.root().patch(&path, json!({})).expect(200).await.header("etag"), after.header("etag"));
    let events = app.events("event_types=agent.updated").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"], json!({ "changes": ["metadata", "model", "scopes"] }));
    let refused = app.root().patch(&path, json!({ "name": null, "status": null })).expect(400).await;
    assert_eq!(refused.refusal().1, ["name invalid_type", "status invalid_type"]);
}

#[tokio::test]
async fn an_agent_is_suspended_blocked_and_comes_back_by_becoming_active_only() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let agent = ground.agent(json!({ "name": "n" })).await;
    let path = ground.one(&agent);
    let become_ = async |status: &str, reason: &str| {
        app.advance(Duration::from_secs(1));
        app.root().patch(&path, json!({ "status": status, "status_reason": reason })).send().await
    };
    let suspended = become_("suspended", "free text").await;
    assert_eq!(
        (&suspended.data()["status"], &suspended.data()["status_at"], &suspended.data()["status_reason"]),
        (&json!("suspended"), &json!(app.now()), &json!("free text"))
    );
    assert_eq!(become_("suspended", "again").await.header("etag"), suspended.header("etag"), "it is there");
    assert_eq!(become_("blocked", "abuse").await.status, 200);
    let refused = become_("suspended", "x").await;
    assert_eq!((refused.status.as_u16(), refused.refusal().0), (409, "conflict".to_owned()));
    assert_eq!(become_("active", "pardon").await.data()["status"], "active");
    assert_eq!(become_("deleted", "x").await.refusal().1, ["status invalid_enum_value"]);
    let events = app.events("event_types=agent.updated").await;
    let told: Vec<_> = events.iter().map(|event| event["data"].clone()).collect();
    let step = |from: &str, to: &str, reason: Value| json!({ "changes": ["status"], "status": { "from": from, "to": to }, "reason": reason });
    assert_eq!(
        told,
        [
            step("active", "suspended", Value::Null),
            step("suspended", "blocked", json!("abuse")),
            step("blocked", "active", json!("pardon")),
        ]
    );
}

#[tokio::test]
async fn a_secret_is_shown_once_and_a_wallet_in_its_normal_spelling() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let agent = ground.agent(json!({ "name": "n" })).await;
    let secret = ground.verifier(&agent, json!({ "type": "secret", "name": "first" })).await;
    let shown = secret.text("secret");
    assert_eq!(shown.len(), 43);
    let wallet = json!({ "type": "wallet", "chain": "eip155:8453", "address": ADDRESS, "description": "pays" });
    let wallet = ground.verifier(&agent, wallet).await;
    let known = |id: String, kind: &str, name: Value, description: Value, credential: Value| {
        json!({
            "id": id, "agent_id": agent, "type": kind, "status": "active", "name": name, "description": description,
            "credential": credential, "usage_count": 0, "last_used_at": null, "created_at": app.now(),
            "updated_at": app.now(),
        })
    };
    let credential = json!({ "algorithm": "sha256", "hint": shown[35..] });
    let first = known(secret.id(), "secret", json!("first"), Value::Null, credential);
    let credential = json!({ "chain": "eip155:8453", "address": ADDRESS.to_ascii_lowercase() });
    let second = known(wallet.id(), "wallet", Value::Null, json!("pays"), credential);
    let mut with_null = second.clone();
    with_null["secret"] = Value::Null;
    assert_eq!(wallet.data(), &with_null);
    let verifiers = format!("{}/verifiers", ground.one(&agent));
    let listed = app.root().get(&verifiers).expect(200).await;
    assert_eq!(listed.body, json!({ "data": [second, first], "has_more": false, "next_cursor": null }));
    let alone = app.root().get(&format!("{verifiers}/{}", secret.id())).expect(200).await;
    assert_eq!((alone.data(), alone.header("etag")), (&first, secret.header("etag")));
    assert_eq!(ground.listed("").await, ["n"]);
    let page = app.root().get(&ground.agents).expect(200).await;
    assert_eq!(page.data()[0]["verifiers"], json!(["secret", "wallet"]));
    let events = app.events("event_types=agent.verifier.added").await;
    let told: Vec<_> = events.iter().map(|event| (&event["subject"]["verifier_id"], &event["data"])).collect();
    let of = |kind: &str| json!({ "verifier_type": kind });
    assert_eq!(told, [(&json!(secret.id()), &of("secret")), (&json!(wallet.id()), &of("wallet"))]);
    let trail = serde_json::to_string(&app.events("").await).unwrap();
    assert!(!trail.contains(&shown) && !trail.contains(&ADDRESS.to_ascii_lowercase()));
}

#[tokio::test]
async fn wallets_are_checked_to_the_last_letter() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let agent = ground.agent(json!({ "name": "n" })).await;
    let verifiers = format!("{}/verifiers", ground.one(&agent));
    let wallet = |chain: &str, address: &str| json!({ "type": "wallet", "chain": chain, "address": address });
    let wrong_case = ADDRESS.replace("aAeb", "aaeb");
    for (body, problems) in [
        (json!({}), vec!["type required"]),
        (json!({ "type": "password" }), vec!["type invalid_enum_value"]),
        (json!({ "type": "wallet" }), vec!["address required", "chain required"]),
        (json!({ "type": "wallet", "chain": null, "address": ADDRESS }), vec!["chain required"]),
        (json!({ "type": "secret", "chain": "eip155:1" }), vec!["chain not_allowed"]),
        (
            json!({ "type": "secret", "secret": "mine", "name": "x".repeat(201) }),
            vec!["name too_long", "secret unknown_field"],
        ),
        (wallet("eip155:1", &wrong_case), vec!["address invalid_format"]),
        (wallet("eip155:1", "0x12"), vec!["address invalid_format"]),
        (wallet("eip155:x", ADDRESS), vec!["chain invalid_format"]),
        (wallet("eip155", ADDRESS), vec!["chain invalid_format"]),
        (wallet("solana:x", ADDRESS), vec!["address invalid_format"]),
    ] {
        let refused = app.root().post(&verifiers, body.clone()).expect(400).await;
        assert_eq!(refused.refusal().1, problems, "{body}");
    }
    for (chain, address) in [
        ("eip155:1", ADDRESS),
        ("eip155:10", &ADDRESS.to_ascii_lowercase()),
        ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv"),
        ("cosmos:cosmoshub-3", "cosmos1t2uflqwqe0fsj0shcfkrvpukewcw40yjj6hdc0"),
    ] {
        app.root().post(&verifiers, wallet(chain, address)).expect(201).await;
    }
}

#[tokio::test]
async fn a_wallet_leads_to_its_only_agent() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let (ann, bob) = (ground.agent(json!({ "name": "ann" })).await, ground.agent(json!({ "name": "bob" })).await);
    let wallet = json!({ "type": "wallet", "chain": "eip155:8453", "address": ADDRESS });
    ground.verifier(&ann, wallet.clone()).await;
    let upper = format!("0x{}", ADDRESS[2..].to_ascii_uppercase());
    let same = json!({ "type": "wallet", "chain": "eip155:8453", "address": upper });
    for (agent, body) in [(&ann, &wallet), (&bob, &wallet), (&bob, &same)] {
        let taken = app.root().post(&format!("{}/verifiers", ground.one(agent)), body.clone()).expect(409).await;
        assert_eq!(taken.refusal(), ("conflict".to_owned(), vec!["address not_unique".to_owned()]));
    }
    assert_eq!(ground.listed(&format!("wallet=eip155:8453:{ADDRESS}")).await, ["ann"]);
    assert_eq!(ground.listed(&format!("wallet=eip155:8453:{upper}")).await, ["ann"]);
    assert_eq!(ground.listed(&format!("wallet=eip155:1:{ADDRESS}")).await, [""; 0]);
    for wrong in ["eip155:8453", "x", "eip155:8453:0x1"] {
        let refused = app.root().get(&format!("{}?wallet={wrong}", ground.agents)).expect(400).await;
        assert_eq!(refused.refusal().1, ["wallet invalid_format"]);
    }
    let elsewhere = app.issuer().await;
    let other = app.root().post(&format!("{elsewhere}/agents"), json!({ "name": "eve" })).expect(201).await.id();
    app.root().post(&format!("{elsewhere}/agents/{other}/verifiers"), wallet.clone()).expect(201).await;
    app.root().delete(&ground.one(&ann)).expect(204).await;
    ground.verifier(&bob, wallet).await;
    assert_eq!(ground.listed(&format!("wallet=eip155:8453:{ADDRESS}")).await, ["bob"]);
}

#[tokio::test]
async fn the_twenty_first_verifier_is_refused_however_many_come_at_once() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let agent = ground.agent(json!({ "name": "n" })).await;
    let verifiers = format!("{}/verifiers", ground.one(&agent));
    let root = app.root();
    let calls = (0..24).map(|_| root.post(&verifiers, json!({ "type": "secret" })).send());
    let mut statuses: Vec<_> = join_all(calls).await.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[201_u16; 20].as_slice(), [409; 4].as_slice()].concat());
    let listed = root.get(&verifiers).expect(200).await;
    let first = listed.data()[0]["id"].as_str().unwrap();
    root.delete(&format!("{verifiers}/{first}")).expect(204).await;
    root.delete(&format!("{verifiers}/{first}")).expect(404).await;
    root.post(&verifiers, json!({ "type": "secret" })).expect(201).await;
    assert_eq!(app.events("event_types=agent.verifier.removed").await[0]["data"], json!({ "verifier_type": "secret" }));
}

#[tokio::test]
async fn lists_are_filtered_and_go_on_newest_first() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let large = ground.agent(json!({ "name": "a", "model": "large-1", "provider": "p" })).await;
    app.advance(Duration::from_millis(1));
    ground.agent(json!({ "name": "b", "model": "large-1-mini", "provider": "p" })).await;
    app.advance(Duration::from_millis(1));
    let third = ground.agent(json!({ "name": "c" })).await;
    ground.verifier(&large, json!({ "type": "secret" })).await;
    app.root().patch(&ground.one(&third), json!({ "status": "blocked" })).expect(200).await;
    for (query, expected) in [
        ("", vec!["c", "b", "a"]),
        ("model=large-1", vec!["a"]),
        ("provider=p", vec!["b", "a"]),
        ("has_verifiers=true", vec!["a"]),
        ("has_verifiers=false", vec!["c", "b"]),
        ("status=blocked", vec!["c"]),
        ("status=active&provider=p&has_verifiers=false", vec!["b"]),
    ] {
        assert_eq!(ground.listed(query).await, expected, "{query}");
    }
    let first = app.root().get(&format!("{}?limit=2", ground.agents)).expect(200).await;
    assert_eq!((first.data().as_array().unwrap().len(), &first.body["has_more"]), (2, &json!(true)));
    let cursor = first.body["next_cursor"].as_str().unwrap();
    assert_eq!(ground.listed(&format!("cursor={cursor}")).await, ["a"]);
    for (query, problem) in [
        ("status=deleted", "status invalid_enum_value"),
        ("has_verifiers=yes", "has_verifiers invalid_enum_value"),
        ("cursor=agt_1", "cursor invalid_format"),
    ] {
        let refused = app.root().get(&format!("{}?{query}", ground.agents)).expect(400).await;
        assert_eq!(refused.refusal().1, [problem]);
    }
}

#[tokio::test]
async fn an_agent_is_a_member_like_a_user_until_it_is_deleted() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let organization = app.organization(&ground.issuer).await;
    let agent = ground.agent(json!({ "name": "n" })).await;
    let members = format!("{organization}/members");
    let added = json!({ "member_id": agent, "scopes": ["orders:read"] });
    let added = app.root().post(&members, added).expect(201).await;
    assert_eq!((&added.data()["member_type"], &added.data()["member_id"]), (&json!("agent"), &json!(agent)));
    let event = &app.events("event_types=organization.membership.created").await[0];
    assert_eq!((&event["subject"]["agent_id"], &event["subject"]["user_id"]), (&json!(agent), &Value::Null));
    let stats = app.root().get(&organization).expect(200).await.data()["stats"].clone();
    assert_eq!((&stats["n_members"], &stats["n_agents"]), (&json!(1), &json!(1)));
    let stranger = app.issuer().await;
    let stranger = app.root().post(&format!("{stranger}/agents"), json!({ "name": "x" })).expect(201).await.id();
    let refused = json!({ "member_id": stranger, "scopes": ["a:read"] });
    let refused = app.root().post(&members, refused).expect(400).await;
    assert_eq!(refused.refusal().1, ["member_id unknown_reference"]);

    let before = app.root().get(&ground.one(&agent)).expect(200).await;
    app.root().delete(&ground.one(&agent)).header("if-match", "\"1\"").expect(412).await;
    app.root().delete(&ground.one(&agent)).header("if-match", before.header("etag")).expect(204).await;
    for path in ["", "/verifiers", "/delegations"] {
        app.root().get(&format!("{}{path}", ground.one(&agent))).expect(404).await;
    }
    app.root().delete(&ground.one(&agent)).expect(404).await;
    run_once(app.authpi.services()).await.unwrap();
    assert_eq!(app.root().get(&members).expect(200).await.data(), &json!([]));
    let stats = app.root().get(&organization).expect(200).await.data()["stats"].clone();
    assert_eq!((&stats["n_members"], &stats["n_agents"]), (&json!(0), &json!(0)));
    assert_eq!(app.events("event_types=agent.deleted").await[0]["subject"]["agent_id"], agent);
    assert_eq!(app.event_types("event_types=organization.membership.deleted").await, [""; 0]);
}
