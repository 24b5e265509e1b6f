//! The people who run an account.

use serde_json::json;
use tests::{App, Caller};

use super::DRIVER;

/// A user of the platform issuer who is a member of the first account's organization.
struct Team {
    app: App,
    users: String,
    members: String,
}

impl Team {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let organization = app.account_organization().await;
        let users = format!("{}/users", organization.split("/organizations").next().unwrap());
        Self { users, members: format!("{organization}/members"), app }
    }

    /// A member with these scopes, as they act with a token that has those.
    async fn member(&self, held: &[&str], scopes: &[&str]) -> Caller {
        let name = format!("{}@example.com", self.app.root().get(&self.users).expect(200).await.bytes.len());
        let user = self.app.root().post(&self.users, json!({ "email": name })).expect(201).await.id();
        let member = json!({ "member_id": user, "scopes": held });
        self.app.root().post(&self.members, member).expect(201).await;
        let token = json!({ "name": "t", "restrictions": { "scopes": scopes } });
        let made = self.app.root().post(&format!("{}/{user}/tokens", self.users), token).expect(201).await;
        self.app.with_bearer(&made.text("token_plain"))
    }
}

#[tokio::test]
async fn a_member_of_the_account_team_acts_with_what_role_and_token_share() {
    let team = Team::new().await;
    let (app, issuers) = (&team.app, team.app.path("/issuers"));
    let owner = team.member(&["owner"], &["*:**"]).await;
    let me = owner.get("/v1/me").expect(200).await;
    assert_eq!(me.data()["accounts"][0]["account_id"], json!(app.account));
    assert_eq!(me.data()["accounts"][0]["scopes"], json!(["*:**"]));
    assert_eq!(me.data()["organizations"][0]["scopes"], json!(["*:**"]));
    let listed = owner.get("/v1/accounts").expect(200).await;
    assert_eq!(listed.data()[0]["id"], json!(app.account));
    let made = owner.post(&issuers, json!({ "name": "of the owner" })).expect(201).await;
    let event = app.events("event_types=issuer.created").await.pop().unwrap();
    assert_eq!(event["auth"]["type"], "personal_token");
    let issuer = format!("{issuers}/{}", made.id());

    let refuse = async |call: tests::caller::Call| {
        assert_eq!(call.expect(403).await.refusal().0, "insufficient_scope");
    };
    let narrow = team.member(&["owner"], &["issuers:read"]).await;
    narrow.get(&issuer).expect(200).await;
    refuse(narrow.patch(&issuer, json!({ "name": "x" }))).await;
    refuse(narrow.get(&app.path(""))).await;

    let admin = team.member(&["admin"], &["*:**"]).await;
    admin.patch(&issuer, json!({ "name": "of the admin" })).expect(200).await;
    refuse(admin.delete(&issuer)).await;
    let owner_id = me.data()["user_id"].clone();
    refuse(admin.patch(&app.path(""), json!({ "owner_user_id": owner_id }))).await;
    admin.patch(&app.path(""), json!({ "description": "Ours" })).expect(200).await;
    owner.patch(&app.path(""), json!({ "owner_user_id": owner_id })).expect(200).await;
    admin.patch(&app.path(""), json!({ "owner_user_id": owner_id, "name": "Same owner" })).expect(200).await;

    let member = team.member(&["member"], &["*:**"]).await;
    member.get(&app.path("")).expect(200).await;
    refuse(member.get(&issuer)).await;
    let scoped = team.member(&["issuers:*"], &["issuers:read", "issuers:delete"]).await;
    scoped.get(&issuer).expect(200).await;
    refuse(scoped.patch(&issuer, json!({ "name": "x" }))).await;
    scoped.delete(&issuer).expect(204).await;
}

#[tokio::test]
async fn a_member_of_the_account_team_gives_no_more_than_they_have() {
    let team = Team::new().await;
    let (app, keys) = (&team.app, team.app.path("/api-keys"));
    let admin = team.member(&["admin"], &["*:**"]).await;
    let key = |scopes: &[&str]| json!({ "name": "k", "restrictions": { "scopes": scopes } });
    admin.post(&keys, key(&["issuers:read", "issuers.users:*"])).expect(201).await;
    for scope in ["*:**", "issuers:write", "owner", "payment-methods:write"] {
        let refused = admin.post(&keys, key(&[scope])).expect(403).await;
        assert_eq!(refused.refusal().0, "insufficient_scope", "{scope}");
    }
    let [ann, bob] = [1, 2].map(|number| json!({ "email": format!("new{number}@example.com") }));
    let ann = admin.post(&team.users, ann).expect(201).await.id();
    let bob = admin.post(&team.users, bob).expect(201).await.id();
    let add = |user: &str, scope: &str| admin.post(&team.members, json!({ "member_id": user, "scopes": [scope] }));
    add(&ann, "owner").expect(403).await;
    add(&ann, "admin").expect(201).await;
    let member = team.member(&["member", "issuers.organizations.members:*"], &["*:**"]).await;
    let other = json!({ "member_id": bob, "scopes": ["admin"] });
    member.post(&team.members, other).expect(403).await;

    // Whoever makes a token for somebody acts as they do.
    let owner = app.root().post(&team.users, json!({ "email": "boss@example.com" })).expect(201).await.id();
    let body = json!({ "member_id": owner, "scopes": ["owner"] });
    app.root().post(&team.members, body).expect(201).await;
    let token = |scopes: &[&str]| json!({ "name": "t", "restrictions": { "scopes": scopes } });
    let of_owner = format!("{}/{owner}/tokens", team.users);
    for scopes in [&["*:**"], &["owner"], &["issuers:delete"]] {
        let refused = admin.post(&of_owner, token(scopes)).expect(403).await;
        assert_eq!(refused.refusal().0, "insufficient_scope", "{scopes:?}");
    }
    admin.post(&of_owner, token(&["issuers:read"])).expect(201).await;
}

#[tokio::test]
async fn nobody_changes_how_somebody_signs_in_who_may_do_more() {
    let team = Team::new().await;
    let app = &team.app;
    let named = async |name: &str, held: &[&str]| {
        let user = app.root().post(&team.users, json!({ "email": format!("{name}@example.com") })).expect(201).await;
        let member = json!({ "member_id": user.id(), "scopes": held });
        app.root().post(&team.members, member).expect(201).await;
        format!("{}/{}", team.users, user.id())
    };
    let boss = named("boss", &["owner"]).await;
    let aide = named("aide", &["member"]).await;
    let admin = team.member(&["admin"], &["*:**"]).await;
    let (id, secret) = app.account_key(&["issuers.users:write", "issuers.users.verifiers:write"]).await;
    let support = app.with_key(&id, &secret);
    let totp = app.root().post(&format!("{boss}/verifiers"), json!({ "type": "totp_app" })).expect(201).await;
    let begun = totp.data()["enrollment_id"].clone();

    let password = json!({ "type": "password", "password": "a long way to the harbour" });
    let attempts = async |caller: &Caller, user: &str| {
        let verifiers = format!("{user}/verifiers");
        let calls = [
            caller.post(&verifiers, password.clone()),
            caller.post(&verifiers, json!({ "type": "temporary-password" })),
            caller.post(&verifiers, json!({ "type": "totp_app" })),
            caller.patch(user, json!({ "profile": { "email_verified": true } })),
            caller.patch(user, json!({ "username": "other@example.com" })),
        ];
        let mut refused = 0;
        for call in calls {
            let answer = call.send().await;
            refused += usize::from(answer.status == 403 && answer.refusal().0 == "insufficient_scope");
        }
        refused
    };
    assert_eq!((attempts(&support, &boss).await, attempts(&support, &aide).await), (5, 5));
    assert_eq!(attempts(&admin, &boss).await, 5, "an admin is no owner");
    let complete = json!({ "enrollment_id": begun, "code": "000000" });
    admin.post(&format!("{boss}/verifiers/complete-enrollment"), complete).expect(403).await;
    let device = json!({ "fingerprint": "0123456789abcdef" });
    admin.post(&format!("{boss}/trusted-devices"), device).expect(403).await;
    app.root().post(&format!("{boss}/verifiers"), password.clone()).expect(201).await;
    let held = app.root().get(&format!("{boss}/verifiers")).expect(200).await;
    let verifier = format!("{boss}/verifiers/{}", held.data()[0]["id"].as_str().unwrap());
    assert_eq!(support.delete(&verifier).expect(403).await.refusal().0, "insufficient_scope");

    support.patch(&boss, json!({ "display_name": "The Boss" })).expect(200).await;
    admin.post(&format!("{aide}/verifiers"), password.clone()).expect(201).await;
    let nobody = support.post(&team.users, json!({ "email": "new@example.com" })).expect(201).await.id();
    support.post(&format!("{}/{nobody}/verifiers", team.users), password).expect(201).await;
}

#[tokio::test]
async fn a_client_that_is_the_platforms_own_is_made_by_who_may_do_everything() {
    let team = Team::new().await;
    let app = &team.app;
    let clients = team.users.replace("/users", "/clients");
    let (id, secret) = app.account_key(&["issuers.clients:**"]).await;
    let narrow = app.with_key(&id, &secret);
    let uris = json!({ "openid": { "redirect_uris": ["https://app.example.com/cb"] } });
    let client = |kind: &str| json!({ "name": "App", "type": kind, "confidential": true, "settings": uris });
    let refuse = async |call: tests::caller::Call| {
        let refused = call.expect(403).await;
        assert_eq!(refused.refusal().0, "insufficient_scope");
    };
    refuse(narrow.post(&clients, client("internal"))).await;
    let outside = narrow.post(&clients, client("external")).expect(201).await.id();
    refuse(narrow.patch(&format!("{clients}/{outside}"), json!({ "type": "internal" }))).await;
    narrow.patch(&format!("{clients}/{outside}"), json!({ "name": "Other" })).expect(200).await;

    let own = app.root().post(&clients, client("internal")).expect(201).await.id();
    let own = format!("{clients}/{own}");
    let elsewhere = json!({ "settings": { "openid": { "redirect_uris": ["https://evil.example.net/cb"] } } });
    refuse(narrow.patch(&own, elsewhere)).await;
    refuse(narrow.patch(&own, json!({ "type": "external" }))).await;
    refuse(narrow.post(&format!("{own}/secret/rotate"), json!({}))).await;
    app.root().patch(&own, json!({ "name": "Console" })).expect(200).await;

    let issuer = app.issuer().await;
    narrow.post(&format!("{issuer}/clients"), client("internal")).expect(201).await;
}
