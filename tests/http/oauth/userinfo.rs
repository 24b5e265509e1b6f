//! `UserInfo` and consents.

use http::Method;
use serde_json::{Value, json};

use super::{Ground, refused, text};

async fn fill(ground: &Ground) {
    let fields = json!({ "settings": { "access": { "mode": "open" }, "users": { "custom_fields": {
        "plan": { "type": "string", "claim": true }, "note": { "type": "string" } } } } });
    ground.app.root().patch(&ground.issuer, fields).expect(200).await;
    let profile = json!({
        "profile": {
            "first_name": "Ann", "last_name": "Lee", "nickname": "ann", "picture_url": "https://img.example.com/a.png",
            "timezone": "Europe/Berlin", "locale": "de", "birthdate": "1990-02-03",
            "address": { "country": "DEU", "line1": "Weg 1", "city": "Berlin", "postal_code": "10115" },
        },
        "custom_fields": { "plan": "gold", "note": "secret" },
    });
    ground.app.root().patch(&format!("{}/users/{}", ground.issuer, ground.user), profile).expect(200).await;
}

#[tokio::test]
async fn claims_follow_the_scopes_and_what_is_not_known_is_left_out() {
    let ground = Ground::new().await;
    fill(&ground).await;
    let now = ground.app.now() / 1_000;
    let basic = json!({
        "sub": ground.user, "created_at": now, "updated_at": now, "organizations": [], "plan": "gold",
    });
    let tokens = ground.tokens(&["openid"]).await;
    let reply = ground.userinfo(text(&tokens, "access_token")).await;
    assert_eq!((reply.status.as_u16(), &reply.body), (200, &basic), "{reply}");
    let tokens = ground.tokens(&["openid", "profile", "email"]).await;
    let mut expected = basic;
    expected.as_object_mut().unwrap().extend(
        json!({
            "name": "Ann Lee", "given_name": "Ann", "family_name": "Lee", "nickname": "ann", "locale": "de",
            "picture": "https://img.example.com/a.png", "zoneinfo": "Europe/Berlin", "birthdate": "1990-02-03",
            "email": "ann@example.com", "email_verified": false,
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    assert_eq!(ground.userinfo(text(&tokens, "access_token")).await.body, expected);
}

#[tokio::test]
async fn custom_fields_of_organizations_that_are_claims_stand_in_their_entry_and_in_no_token() {
    let ground = Ground::new().await;
    let root = ground.app.root();
    let fields = json!({ "settings": { "access": { "mode": "open" }, "organizations": {
        "custom_fields": {
            "tier": { "type": "string", "claim": true }, "seats": { "type": "number" },
            "region": { "type": "string", "claim": true },
        },
        "types": { "business": { "custom_fields": {
            "region": { "type": "string" }, "branch": { "type": "string", "claim": true } } } },
    } } });
    root.patch(&ground.issuer, fields).expect(200).await;
    let made = async |org_type: &str, values: Value| {
        let body = json!({ "name": "Acme", "org_type": org_type, "custom_fields": values });
        let id = root.post(&format!("{}/organizations", ground.issuer), body).expect(201).await.id();
        let member = json!({ "member_id": ground.user, "scopes": ["a:read"] });
        root.post(&format!("{}/organizations/{id}/members", ground.issuer), member).expect(201).await;
        ground.app.advance(std::time::Duration::from_secs(1));
        id
    };
    let all = json!({ "tier": "gold", "seats": 3, "region": "weur", "branch": "north", "free": true });
    let plain = made("default", all.clone()).await;
    let business = made("business", all).await;
    let bare = made("default", json!({ "seats": 1 })).await;
    let tokens = ground.tokens(&["openid"]).await;
    let reply = ground.userinfo(text(&tokens, "access_token")).await;
    let found: Vec<_> = reply.body["organizations"].as_array().unwrap().iter().collect();
    let shown: Vec<_> = found.iter().map(|entry| (&entry["id"], &entry["custom_fields"])).collect();
    let expected = [
        (&json!(plain), &json!({ "tier": "gold", "region": "weur" })),
        (&json!(business), &json!({ "tier": "gold", "branch": "north" })),
        (&json!(bare), &Value::Null),
    ];
    assert_eq!(shown, expected, "a type's definitions win, and free fields never claim");
    let names: Vec<_> = found[2].as_object().unwrap().keys().collect();
    assert_eq!(names, ["id", "joined_at", "scopes", "title"], "nothing to say is left out");
    for token in ["access_token", "id_token"] {
        let entries = super::claims(text(&tokens, token))["organizations"].clone();
        let entries = entries.as_array().cloned().unwrap_or_default();
        assert!(entries.iter().all(|entry| entry.get("custom_fields").is_none()), "{token}: {entries:?}");
    }
    // As it is now, not as it was when the token was made.
    let path = format!("{}/organizations/{plain}", ground.issuer);
    root.patch(&path, json!({ "custom_fields": { "tier": "iron" } })).expect(200).await;
    let reply = ground.userinfo(text(&tokens, "access_token")).await;
    assert_eq!(reply.body["organizations"][0]["custom_fields"]["tier"], "iron", "{reply}");
}

#[tokio::test]
async fn the_claims_parameter_picks_single_claims_and_widens_nothing() {
    let ground = Ground::new().await;
    fill(&ground).await;
    let asked = r#"{"userinfo": {"given_name": null, "address": null, "nickname": {"value": "bob"}, "plan": null,
            "email": {"value": "bob@example.com"}},
        "id_token": {"family_name": {"essential": true}, "email": null, "phone_number": null}}"#;
    let code = ground.code_with(&["openid"], None, &[], Some(asked)).await;
    let tokens = ground.exchange(&code).await;
    let reply = ground.userinfo(text(&tokens, "access_token")).await;
    assert_eq!((&reply.body["given_name"], &reply.body["address"]), (&json!("Ann"), &Value::Null));
    assert_eq!((&reply.body["nickname"], &reply.body["name"]), (&Value::Null, &Value::Null));
    assert!(reply.body["email"].is_null(), "it is another one, {reply}");
    let code = ground.code_with(&["openid", "email"], None, &[], Some(asked)).await;
    let with_scope = ground.userinfo(text(&ground.exchange(&code).await, "access_token")).await;
    let of_email = [&with_scope.body["email"], &with_scope.body["email_verified"]];
    assert!(of_email[0].is_null() && of_email[1].is_boolean(), "{with_scope}");
    let refreshed = ground.refresh(text(&tokens, "refresh_token")).await;
    for tokens in [&tokens, &refreshed] {
        let id = super::claims(text(tokens, "id_token"));
        assert_eq!((&id["family_name"], &id["email"]), (&json!("Lee"), &json!("ann@example.com")));
    }
}

/// Row 68: the client has no scope `phone`, and the user has one to tell.
#[tokio::test]
async fn the_claims_parameter_is_no_way_round_the_scopes_of_the_client() {
    let ground = Ground::new().await;
    let profile = json!({ "profile": { "phone": "+493012345678" } });
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    ground.app.root().patch(&user, profile).expect(200).await;
    let asked = r#"{"userinfo": {"phone_number": {"essential": true}, "phone_number_verified": null},
        "id_token": {"phone_number": {"essential": true}, "phone_number_verified": null}}"#;
    let told = async || {
        let code = ground.code_with(&["openid"], None, &[], Some(asked)).await;
        let tokens = ground.exchange(&code).await;
        let refreshed = ground.refresh(text(&tokens, "refresh_token")).await;
        let userinfo = ground.userinfo(text(&tokens, "access_token")).await.body;
        [super::claims(text(&tokens, "id_token")), super::claims(text(&refreshed, "id_token")), userinfo]
    };
    for answer in told().await {
        assert!(!answer.as_object().unwrap().keys().any(|name| name.starts_with("phone")), "{answer}");
    }
    // What was missing is the scope: with it, the same request is answered.
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let scopes = json!({ "settings": { "scopes": ["openid", "phone"] } });
    ground.app.root().patch(&client, scopes).expect(200).await;
    for answer in told().await {
        assert_eq!(answer["phone_number"], "+493012345678", "{answer}");
    }
}

#[tokio::test]
async fn only_people_with_openid_are_told_about() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["email"]).await;
    let reply = ground.userinfo(text(&tokens, "access_token")).await;
    refused(&reply, 403, "insufficient_scope");
    assert!(reply.header("www-authenticate").contains("scope=\"openid\""), "{reply}");
    let tokens = ground.tokens(&["openid"]).await;
    for other in ["id_token", "refresh_token"] {
        let reply = ground.userinfo(text(&tokens, other)).await;
        refused(&reply, 401, "invalid_token");
        assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""), "{reply}");
    }
    let reply = ground.app.anonymous().get(&ground.path("userinfo")).send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("www-authenticate")),
        (401, &*format!("Bearer realm=\"{}\"", ground.id))
    );
}

#[tokio::test]
async fn a_post_brings_the_token_in_the_header_or_in_the_form() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid"]).await;
    let token = text(&tokens, "access_token");
    let post = |caller: tests::Caller| caller.call(Method::POST, &ground.path("userinfo"));
    let in_form = post(ground.app.anonymous()).form(&[("access_token", token)]).send().await;
    assert_eq!(in_form.body["sub"], ground.user, "{in_form}");
    assert_eq!(post(ground.app.with_bearer(token)).send().await.body["sub"], ground.user);
    refused(&post(ground.app.with_bearer(token)).form(&[("access_token", token)]).send().await, 400, "invalid_request");
    let in_query = format!("{}?access_token={token}", ground.path("userinfo"));
    refused(&ground.app.anonymous().get(&in_query).send().await, 400, "invalid_request");
}

#[tokio::test]
async fn a_page_of_the_client_may_read_the_answer_and_no_other() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid"]).await;
    let ask = |origin: &'static str| {
        let caller = ground.app.with_bearer(text(&tokens, "access_token"));
        caller.get(&ground.path("userinfo")).header("origin", origin).expect(200)
    };
    let ours = ask("https://app.example.com").await;
    assert_eq!(ours.header("access-control-allow-origin"), "https://app.example.com");
    assert!(ours.headers.get("access-control-allow-credentials").is_none());
    assert_eq!(ask("https://evil.example.com").await.headers.get("access-control-allow-origin"), None);
}

#[tokio::test]
async fn whoever_takes_back_a_consent_is_a_person() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid"]).await;
    let path = ground.path(&format!("consents/{}", ground.client));
    let reply = ground.app.with_bearer(text(&tokens, "access_token")).delete(&path).expect(200).await;
    assert_eq!(reply.body, json!({}));
    assert_eq!(ground.events("user.consent.revoked").await, Vec::<Value>::new());
    refused(&ground.app.anonymous().delete(&path).send().await, 401, "invalid_token");
    let body = json!({ "name": "Job", "confidential": true, "settings": { "scopes": ["a:b"], "openid": { "application_type": "m2m" } } });
    let machine = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await;
    let (id, secret) = (machine.id(), machine.text("secret"));
    let parameters = [("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", &*secret)];
    let token = ground.post("token", &parameters).await;
    let reply = ground.app.with_bearer(text(&token, "access_token")).delete(&path).send().await;
    refused(&reply, 403, "access_denied");
    refused(&ground.userinfo(text(&token, "access_token")).await, 401, "invalid_token");
}
