//! What events say about whom, as the catalogue has it (events-webhooks §2, §4): for what administrators do to the
//! sessions, devices, tokens, credentials and agents of a user.

use serde_json::{Value, json};
use tests::{App, catalogue};

use super::DRIVER;

/// An issuer with a user, a client and an agent.
struct Ground {
    app: App,
    issuer: String,
    user: String,
    client: String,
    agent: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let user = app.user(&issuer, "ann@example.com").await;
        let body = json!({ "name": "Shop", "settings": {}, "confidential": true });
        let client = app.root().post(&format!("{issuer}/clients"), body).expect(201).await.id();
        let agent = app.root().post(&format!("{issuer}/agents"), json!({ "name": "n" })).expect(201).await.id();
        Self { app, issuer, user, client, agent }
    }

    /// The user has a session at the issuer and one of the client.
    async fn sessions(&self) -> (String, String) {
        let op = self.app.log_in(&self.issuer, &self.user).await;
        let rp = self.app.authorize(&self.issuer, &self.user, &op, &self.client, None).await;
        self.app.issue_tokens(&self.issuer, &rp).await;
        (op, rp)
    }

    async fn all(&self) -> Vec<Value> {
        self.app.events("").await
    }

    /// Does it, with a status, and looks at what is told of it: these types, about whom the catalogue says, by the key.
    async fn tell(&self, method: &str, path: &str, body: Value, kinds: &[&str]) -> Value {
        let before = self.all().await.len();
        let call = self.app.root().call(method.parse().unwrap(), path);
        let reply = if body.is_null() { call.send().await } else { call.json(body).send().await };
        assert!(reply.status.is_success(), "{method} {path}: {reply}");
        let news = self.all().await.split_off(before);
        let told: Vec<_> = news.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(told, kinds, "{method} {path}");
        for event in &news {
            assert_eq!(catalogue::defect(event), None, "{method} {path}");
            let subject = &event["subject"];
            let issuer = self.issuer.rsplit('/').next().unwrap();
            assert_eq!((&subject["account_id"], &subject["issuer_id"]), (&json!(self.app.account), &json!(issuer)));
            if subject.get("user_id").is_some() {
                assert_eq!(subject["user_id"], json!(self.user), "{event}");
            }
            let auth = event["auth"].as_object().unwrap();
            let ids: Vec<_> = auth.keys().map(String::as_str).filter(|name| name.ends_with("_id")).collect();
            assert_eq!((&auth["type"], ids), (&json!("api_key"), vec!["key_id"]), "{event}");
            assert_eq!((&auth["key_id"], &event["trigger"]), (&json!(self.app.key.0), &json!("api")), "{event}");
        }
        // All of one request share its reference.
        assert!(news.windows(2).all(|two| two[0]["trace"] == two[1]["trace"] && two[0]["trace"].is_string()));
        reply.body["data"].clone()
    }
}

#[tokio::test]
async fn what_administrators_do_to_sessions_and_devices_is_about_whom_the_catalogue_says() {
    let ground = Ground::new().await;
    let (op, rp) = ground.sessions().await;
    let session = |id: &str| format!("{}/sessions/{id}", ground.issuer);
    let of_user = |rest: &str| format!("{}/users/{}/{rest}", ground.issuer, ground.user);
    let updated = ["session.updated", "session.updated"];
    ground.tell("PATCH", &session(&op), json!({ "metadata": { "a": 1 } }), &updated[..1]).await;
    ground.tell("POST", &format!("{}/suspend", session(&op)), Value::Null, &updated).await;
    ground.tell("POST", &format!("{}/reactivate", session(&op)), Value::Null, &updated).await;
    ground.tell("POST", &format!("{}/revoke", session(&rp)), Value::Null, &["session.terminated"]).await;
    ground
        .tell("POST", &format!("{}/revoke", session(&op)), json!({ "reason": "lost" }), &["session.terminated"])
        .await;

    let devices = of_user("trusted-devices");
    let made = ground.tell("POST", &devices, json!({ "fingerprint": "a" }), &["user.device.trusted"]).await;
    let one = format!("{devices}/{}", made["device_id"].as_str().unwrap());
    ground.tell("DELETE", &one, Value::Null, &["user.device.revoked"]).await;
    for fingerprint in ["a", "b"] {
        ground.tell("POST", &devices, json!({ "fingerprint": fingerprint }), &["user.device.trusted"]).await;
    }
    ground.tell("POST", &format!("{devices}/revoke-all"), Value::Null, &["user.device.revoked"; 2]).await;

    ground.sessions().await;
    ground.tell("POST", &devices, json!({ "fingerprint": "a" }), &["user.device.trusted"]).await;
    let token = json!({ "name": "t", "restrictions": {} });
    ground.tell("POST", &of_user("tokens"), token, &["user.personal-token.created"]).await;
    let given = json!({ "agent_id": ground.agent, "scopes": ["a:read"] });
    ground.tell("POST", &of_user("delegations"), given, &["user.delegation.granted"]).await;
    let everything = [
        "session.terminated",
        "session.terminated",
        "user.device.revoked",
        "user.personal-token.updated",
        "user.delegation.revoked",
    ];
    let also = json!({ "also": ["trusted_devices", "personal_tokens", "delegations"] });
    ground.tell("POST", &of_user("sessions/revoke-all"), also, &everything).await;
}

#[tokio::test]
async fn what_administrators_do_to_tokens_delegations_and_credentials_is_about_whom_the_catalogue_says() {
    let ground = Ground::new().await;
    let of_user = |rest: &str| format!("{}/users/{}/{rest}", ground.issuer, ground.user);
    let token = json!({ "name": "t", "restrictions": { "scopes": ["a:read"] } });
    let made = ground.tell("POST", &of_user("tokens"), token, &["user.personal-token.created"]).await;
    let one = ground.app.path(&format!("/tokens/{}", made["id"].as_str().unwrap()));
    let presented = json!({ "token": made["token_plain"] });
    let introspect = format!("{}/tokens/introspect", ground.issuer);
    ground.tell("POST", &introspect, presented, &["user.personal-token.verified"]).await;
    let updated = ["user.personal-token.updated"];
    for patch in [json!({ "name": "u" }), json!({ "status": "blocked" }), json!({ "status": "active" })] {
        ground.tell("PATCH", &one, patch, &updated).await;
    }
    ground.tell("POST", &format!("{one}/revoke"), Value::Null, &updated).await;
    ground.tell("DELETE", &one, Value::Null, &["user.personal-token.deleted"]).await;

    let bare = json!({ "agent_id": ground.agent, "scopes": ["a:read"] });
    let bound = json!({ "agent_id": ground.agent, "scopes": ["a:read"], "client_id": ground.client });
    for body in [bare, bound] {
        let given = ground.tell("POST", &of_user("delegations"), body, &["user.delegation.granted"]).await;
        let path = of_user(&format!("delegations/{}/revoke", given["id"].as_str().unwrap()));
        ground.tell("POST", &path, Value::Null, &["user.delegation.revoked"]).await;
    }

    let verifiers = of_user("verifiers");
    let password = |text: &str| json!({ "type": "password", "password": text });
    ground.tell("POST", &verifiers, password("k7!qZp2vv-Rw9xT4mN6bH8cJ"), &["user.verifier.created"]).await;
    let changed = ["user.password.changed", "session.terminated", "session.terminated"];
    ground.sessions().await;
    ground.tell("POST", &verifiers, password("3dK5-gurkensalat-0hW+iE=jU"), &changed).await;
    let listed = ground.app.root().get(&verifiers).expect(200).await;
    let one = format!("{verifiers}/{}", listed.data()[0]["id"].as_str().unwrap());
    ground.tell("PATCH", &one, json!({ "name": "mine" }), &["user.verifier.updated"]).await;
    ground.tell("DELETE", &one, Value::Null, &["user.verifier.deleted"]).await;
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    ground.sessions().await;
    let (suspended, blocked) = (json!({ "status": "suspended" }), json!({ "status": "blocked" }));
    ground.tell("PATCH", &user, suspended, &["user.updated", "session.updated", "session.updated"]).await;
    ground.tell("PATCH", &user, blocked, &["user.blocked", "session.terminated", "session.terminated"]).await;
    ground.tell("DELETE", &user, Value::Null, &["user.deleted"]).await;
}
