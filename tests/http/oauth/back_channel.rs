//! Clients that are told of the end of their sessions, past the browser (idp §17.2).

use std::time::Duration;

use authpi_core::outcome::WriteOutcome;
use authpi_core::worker::run_once;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tests::dns::Dns;
use tests::{App, Receiver};

use super::{DRIVER, Ground, claims, part, text};

/// A client that wants to be told, and the server where it is.
struct Told {
    ground: Ground,
    receiver: Receiver,
}

impl Told {
    async fn new(openid: Value) -> Self {
        let dns = Dns::start().await;
        let receiver = Receiver::start().await;
        let mut settings = json!({ "backchannel_logout_uri": format!("{}/out?x=%20", receiver.base) });
        settings.as_object_mut().unwrap().extend(openid.as_object().unwrap().clone());
        let ground = Ground::on(App::start_reaching(DRIVER, &dns).await, settings).await;
        Self { ground, receiver }
    }

    async fn work(&self) {
        run_once(self.ground.app.authpi.services()).await.unwrap();
    }

    /// A session of the client with its tokens; its id and the answer.
    async fn session(&self) -> (String, tests::Reply) {
        let tokens = self.ground.tokens(&["openid"]).await;
        (claims(text(&tokens, "access_token"))["sid"].as_str().unwrap().to_owned(), tokens)
    }

    /// The logout tokens that came.
    async fn tokens(&self) -> Vec<String> {
        self.work().await;
        let received = self.receiver.received();
        let token = |one: &tests::receiver::Received| {
            let form: Vec<_> = url::form_urlencoded::parse(&one.body).into_owned().collect();
            let [(name, token)] = form.as_slice() else { panic!("{form:?}") };
            assert_eq!((name.as_str(), one.method.as_str(), one.path.as_str()), ("logout_token", "POST", "/out"));
            assert_eq!(one.header("content-type"), "application/x-www-form-urlencoded");
            assert!(one.headers.get("authorization").is_none() && one.headers.get("cookie").is_none());
            token.clone()
        };
        received.iter().map(token).collect()
    }

    /// The sessions that the client was told of.
    async fn sids(&self) -> Vec<String> {
        let mut sids: Vec<_> =
            self.tokens().await.iter().map(|token| claims(token)["sid"].as_str().unwrap().to_owned()).collect();
        sids.sort_unstable();
        sids
    }

    /// The token is signed with a key that the issuer publishes.
    async fn verify(&self, token: &str) {
        let header = part(token, 0);
        let set = self.ground.app.anonymous().get(&self.ground.path("jwks.json")).expect(200).await.body;
        let keys = set["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
        assert_eq!(key["alg"], header["alg"]);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verified = match key["alg"].as_str().unwrap() {
            "RS256" => RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message.as_bytes(),
                &signature,
            ),
            "ES256" => {
                let point = [vec![4], bytes("x"), bytes("y")].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message.as_bytes(), &signature)
            }
            _ => UnparsedPublicKey::new(&ED25519, bytes("x")).verify(message.as_bytes(), &signature),
        };
        verified.unwrap();
    }

    async fn revoke(&self, session: &str) {
        let path = format!("{}/sessions/{session}/revoke", self.ground.issuer);
        self.ground.app.root().act(&path).expect(200).await;
    }
}

#[tokio::test]
async fn the_logout_token_says_who_and_which_session_and_can_be_verified() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let told = Told::new(json!({ "response_signature_alg": algorithm })).await;
        let ground = &told.ground;
        let (sid, _) = told.session().await;
        assert!(told.tokens().await.is_empty());
        told.revoke(&sid).await;
        let tokens = told.tokens().await;
        let [token] = tokens.as_slice() else { panic!("{tokens:?}") };
        let header = part(token, 0);
        assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!(algorithm)));
        told.verify(token).await;
        let mut found = claims(token);
        assert!(found["jti"].take().as_str().is_some_and(|jti| jti.len() == 18));
        let now = ground.app.now() / 1_000;
        let expected = json!({
            "iss": ground.url(), "aud": ground.client, "sub": ground.user, "sid": sid, "iat": now, "exp": now + 120,
            "jti": null, "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        assert_eq!(found, expected, "and no nonce");
        assert!(told.tokens().await.is_empty(), "once is enough");
    }
}

#[tokio::test]
async fn whatever_ends_a_session_at_the_issuer_each_client_of_it_is_told() {
    let told = Told::new(json!({})).await;
    let ground = &told.ground;
    let root = ground.app.root();
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    // Of a client that does not care nothing is kept.
    let deaf = json!({ "name": "deaf", "confidential": true, "settings": {} });
    let deaf = root.post(&format!("{}/clients", ground.issuer), deaf).expect(201).await.id();
    let deaf = ground.app.authorize(&ground.issuer, &ground.user, &ground.op, &deaf, None).await;
    ground.app.issue_tokens(&ground.issuer, &deaf).await;
    // Nor of a session whose client never had a token.
    ground.code(&["openid"], None).await;
    let mut both = vec![told.session().await.0, told.session().await.0];
    both.sort_unstable();
    told.revoke(&ground.op).await;
    assert_eq!(told.sids().await, both, "revoked");

    for end in ["revoke-all", "blocked"] {
        let again = ground_with_a_session(&told).await;
        let (sid, _) = again;
        if end == "revoke-all" {
            root.post(&format!("{user}/sessions/revoke-all"), json!({})).expect(200).await;
        } else {
            root.patch(&user, json!({ "status": "suspended" })).expect(200).await;
            assert!(told.sids().await.is_empty(), "what is frozen may go on");
            root.patch(&user, json!({ "status": end })).expect(200).await;
        }
        assert_eq!(told.sids().await, [sid], "{end}");
        root.patch(&user, json!({ "status": "active" })).expect(200).await;
    }
    let (sid, tokens) = ground_with_a_session(&told).await;
    let refresh = text(&tokens, "refresh_token");
    let op = ground.session(&sid).await["op_session_id"].as_str().unwrap().to_owned();
    assert_eq!(ground.refresh(refresh).await.status.as_u16(), 200);
    assert_eq!(ground.refresh(refresh).await.status.as_u16(), 400, "reuse");
    assert_eq!(ground.session(&op).await["status"], "revoked");
    assert_eq!(told.sids().await, [sid], "compromised");
    let (sid, _) = ground_with_a_session(&told).await;
    root.delete(&user).expect(204).await;
    assert_eq!(told.sids().await, [sid], "deleted");
}

/// A new sign-on, and a session of the client from it.
async fn ground_with_a_session(told: &Told) -> (String, tests::Reply) {
    let ground = &told.ground;
    let op = ground.app.log_in(&ground.issuer, &ground.user).await;
    let code = ground.code_from(&op, &["openid"]).await;
    let tokens = ground.exchange(&code).await;
    assert_eq!(tokens.status.as_u16(), 200, "{tokens}");
    (claims(text(&tokens, "access_token"))["sid"].as_str().unwrap().to_owned(), tokens)
}

#[tokio::test]
async fn of_a_single_session_the_client_is_told_unless_it_has_ended_it_itself() {
    let told = Told::new(json!({})).await;
    let ground = &told.ground;
    let (sid, tokens) = told.session().await;
    let hint = text(&tokens, "id_token");
    ground.app.anonymous().get(&ground.path(&format!("logout?id_token_hint={hint}"))).expect(200).await;
    assert_eq!(ground.session(&sid).await["status"], "revoked");
    assert_eq!(ground.session(&ground.op).await["status"], "active");
    assert_eq!(told.sids().await, [sid], "by the user");

    let (_, tokens) = told.session().await;
    let client =
        [("client_id", &*ground.client), ("client_secret", &ground.secret), ("token", text(&tokens, "refresh_token"))];
    assert_eq!(ground.post("revoke", &client).await.status.as_u16(), 200);
    let code = ground.code(&["openid"], None).await;
    assert_eq!(ground.exchange(&code).await.status.as_u16(), 200);
    assert_eq!(ground.exchange(&code).await.status.as_u16(), 400);
    told.session().await;
    ground.app.advance(Duration::from_secs(u64::from(tests::sessions::IDLE_TIMEOUT)));
    assert_eq!(told.sids().await, Vec::<String>::new(), "revoked token, replayed code, time");
}

#[tokio::test]
async fn what_fails_is_tried_three_times_each_with_a_token_of_its_own() {
    let told = Told::new(json!({})).await;
    let app = &told.ground.app;
    let (sid, _) = told.session().await;
    told.receiver.answer(503, &[], "");
    told.revoke(&sid).await;
    let mut tokens = told.tokens().await;
    for pause in [5, 30] {
        app.advance(Duration::from_secs(pause - 1));
        assert!(told.tokens().await.is_empty(), "not before its time");
        app.advance(Duration::from_secs(1));
        tokens.extend(told.tokens().await);
    }
    let jtis: std::collections::BTreeSet<_> = tokens.iter().map(|token| claims(token)["jti"].to_string()).collect();
    assert_eq!((tokens.len(), jtis.len()), (3, 3));
    let times: Vec<_> = tokens.iter().map(|token| claims(token)["iat"].as_i64().unwrap()).collect();
    assert_eq!((times[1] - times[0], times[2] - times[0]), (5, 35));
    app.advance(Duration::from_hours(1));
    assert!(told.tokens().await.is_empty(), "given up");

    let (sid, _) = ground_with_a_session(&told).await;
    told.revoke(&sid).await;
    assert_eq!(told.tokens().await.len(), 1);
    told.receiver.answer(200, &[], "");
    app.advance(Duration::from_secs(5));
    assert_eq!(told.tokens().await.len(), 1);
    app.advance(Duration::from_mins(1));
    assert!(told.tokens().await.is_empty(), "it knows");
}

#[tokio::test]
async fn nobody_is_told_who_is_disabled_gone_or_does_not_want_to_be_any_more() {
    let told = Told::new(json!({})).await;
    let ground = &told.ground;
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let silent = json!({ "settings": { "openid": { "backchannel_logout_uri": null } } });
    for change in [json!({ "status": "disabled" }), silent] {
        let (sid, _) = ground_with_a_session(&told).await;
        told.revoke(&sid).await;
        ground.app.root().patch(&client, change).expect(200).await;
        assert!(told.tokens().await.is_empty());
        let back = json!({ "status": "active", "settings": { "openid": { "backchannel_logout_uri": format!("{}/out", told.receiver.base) } } });
        ground.app.root().patch(&client, back).expect(200).await;
        ground.app.advance(Duration::from_mins(1));
        assert!(told.tokens().await.is_empty(), "what was dropped does not come back");
    }
    let (sid, _) = ground_with_a_session(&told).await;
    told.revoke(&sid).await;
    ground.app.root().delete(&client).expect(204).await;
    assert!(told.tokens().await.is_empty());
}

#[tokio::test]
async fn what_a_process_held_when_it_died_is_told_once_its_lease_is_over() {
    let told = Told::new(json!({})).await;
    let services = told.ground.app.authpi.services();
    let (sid, _) = told.session().await;
    told.revoke(&sid).await;
    let held = services.store.reads().logouts().due(services.now(), 10, &[]).await.unwrap().remove(0);
    let mut unit = services.store.begin(services.now()).await.unwrap();
    let leased = held.clone().leased(services.now());
    assert_eq!(unit.logouts().update(&leased, &held).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert!(told.tokens().await.is_empty());
    told.ground.app.advance(Duration::from_secs(30));
    assert_eq!(told.sids().await, [sid]);
    // What nobody delivers for a day is forgotten.
    let (sid, _) = ground_with_a_session(&told).await;
    told.receiver.answer(500, &[], "");
    told.revoke(&sid).await;
    told.ground.app.advance(Duration::from_hours(24) + Duration::from_millis(1));
    told.work().await;
    told.ground.app.advance(Duration::from_secs(30));
    let left = services.store.reads().logouts().due(services.now(), 10, &[]).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_private_address_is_never_called() {
    let receiver = Receiver::start().await;
    let uri = json!({ "backchannel_logout_uri": format!("{}/out", receiver.base) });
    let ground = Ground::with(uri).await;
    let tokens = ground.tokens(&["openid"]).await;
    let sid = claims(text(&tokens, "access_token"))["sid"].as_str().unwrap().to_owned();
    ground.app.root().act(&format!("{}/sessions/{sid}/revoke", ground.issuer)).expect(200).await;
    for _ in 0..4 {
        run_once(ground.app.authpi.services()).await.unwrap();
        ground.app.advance(Duration::from_secs(30));
    }
    assert!(receiver.received().is_empty());
    let services = ground.app.authpi.services();
    assert!(services.store.reads().logouts().due(services.now(), 10, &[]).await.unwrap().is_empty(), "given up");
}

/// The limit of 50 (idp §12) ends what hangs on the session that it displaces.
#[tokio::test]
async fn a_displaced_session_ends_those_of_its_clients_and_they_are_told() {
    let told = Told::new(json!({})).await;
    let ground = &told.ground;
    let (sid, tokens) = told.session().await;
    for _ in 0..49 {
        ground.app.log_in(&ground.issuer, &ground.user).await;
    }
    assert_eq!((told.sids().await.len(), ground.session(&sid).await["status"].as_str()), (0, Some("active")));
    ground.app.log_in(&ground.issuer, &ground.user).await;
    let access = text(&tokens, "access_token");
    super::refused(&ground.userinfo(access).await, 401, "session_expired");
    assert_eq!(ground.introspect(access).await, json!({ "active": false }));
    assert_eq!(ground.introspect(text(&tokens, "refresh_token")).await, json!({ "active": false }));
    super::refused(&ground.refresh(text(&tokens, "refresh_token")).await, 400, "invalid_grant");
    assert_eq!(told.sids().await, [sid.clone()]);
    let data = async |kind: &str| -> Vec<Value> {
        let about = |event: &Value| json!([event["subject"]["session_id"], event["data"]]);
        ground.events(kind).await.iter().map(about).collect()
    };
    assert_eq!(data("session.expired").await, [json!([ground.op, { "cause": "session_limit" }])]);
    assert_eq!(data("session.terminated").await, [json!([sid, { "cause": "parent", "reason": "session_limit" }])]);
}

#[tokio::test]
async fn a_displaced_session_of_a_client_is_told_and_ends_alone() {
    let told = Told::new(json!({})).await;
    let ground = &told.ground;
    let (sid, tokens) = told.session().await;
    for _ in 0..50 {
        let next = ground.app.authorize(&ground.issuer, &ground.user, &ground.op, &ground.client, None).await;
        ground.app.issue_tokens(&ground.issuer, &next).await;
    }
    super::refused(&ground.refresh(text(&tokens, "refresh_token")).await, 400, "invalid_grant");
    assert_eq!(told.sids().await, [sid.clone()]);
    assert_eq!(ground.session(&sid).await["status"], "expired");
    assert_eq!(ground.session(&ground.op).await["status"], "active");
    assert_eq!(ground.events("session.terminated").await, Vec::<Value>::new());
}
