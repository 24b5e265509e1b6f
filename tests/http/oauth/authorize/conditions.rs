//! What a client asks of an authorization beyond who somebody is.

use super::*;

#[tokio::test]
async fn an_old_login_does_not_do_where_a_young_one_is_wanted() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    ground.app.advance(Duration::from_secs(100));
    assert!(answered(&ground.get(&browser, &[("max_age", "100")]).await).contains_key("code"));
    client_is_told(&ground.get(&browser, &[("max_age", "99"), ("prompt", "none")]).await, "login_required");
    client_is_told(&ground.get(&browser, &[("max_age", "0"), ("prompt", "none")]).await, "login_required");
    let before = browser.cookie("op");
    for wish in [("max_age", "99"), ("prompt", "login"), ("prompt", "select_account")] {
        let reply = ground.get(&browser, &[wish]).await;
        let found = answered(&ground.sign_in(&browser, &reply).await);
        let id = claims(text(&ground.exchange(&found["code"]).await, "id_token"));
        assert_eq!(id["auth_time"], ground.app.now() / 1_000, "{wish:?}");
        ground.app.advance(Duration::from_secs(100));
    }
    assert_ne!(browser.cookie("op"), before, "a new secret at each login");
}

#[tokio::test]
async fn a_hint_never_ends_with_another_user() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let found = ground.authorized(&browser).await;
    let hint = text(&ground.exchange(&found["code"]).await, "id_token").to_owned();
    assert!(
        answered(&ground.get(&browser, &[("id_token_hint", &hint), ("prompt", "none")]).await).contains_key("code")
    );
    let body = json!({ "email": "bob@example.com", "password": PASSWORD, "profile": { "email_verified": true } });
    ground.app.root().post(&format!("{}/users", ground.issuer), body).expect(201).await;
    let other = ground.browser();
    let reply = ground.get(&other, &[("id_token_hint", &hint)]).await;
    let page = other.page(&ground.flow(&reply)).await;
    page.step("identify", json!({ "identifier": "bob@example.com" })).await;
    let refused = page.post("password", json!({ "password": PASSWORD })).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]), (401, &json!("login_required")), "{refused}");
    client_is_told(&ground.go_on(&other, &page.id).await, "login_required");
    client_is_told(&ground.get(&other, &[("id_token_hint", &hint), ("prompt", "none")]).await, "login_required");
    let demand = json!({ "id_token": { "sub": { "value": ground.user } } }).to_string();
    client_is_told(&ground.get(&other, &[("claims", &demand), ("prompt", "none")]).await, "login_required");
}

#[tokio::test]
async fn a_class_that_must_be_reached_and_is_not_is_an_error() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    client_is_told(&ground.get(&browser, &[("acr_values", "aal2"), ("prompt", "none")]).await, "interaction_required");
    assert!(answered(&ground.get(&browser, &[("acr_values", "aal1"), ("prompt", "none")]).await).contains_key("code"));
}

#[tokio::test]
async fn a_local_program_gets_no_code_without_a_click() {
    let local = "http://127.0.0.1:5123/cb";
    let ground = Ground::with(json!({ "type": "internal", "confidential": false, "settings": { "scopes": ["openid"], "openid": {
        "application_type": "native", "redirect_uris": ["http://127.0.0.1/cb", "https://app.example.com/cb?x=%20y"] } } }))
    .await;
    let browser = ground.browser();
    let reply = ground.get(&browser, &[("scope", "openid")]).await;
    answered(&ground.sign_in(&browser, &reply).await);
    // A claimed https link is nobody else's.
    assert!(answered(&ground.get(&browser, &[("scope", "openid"), ("prompt", "none")]).await).contains_key("code"));
    let silent = ground.get(&browser, &[("scope", "openid"), ("redirect_uri", local), ("prompt", "none")]).await;
    assert!(silent.header("location").starts_with("http://127.0.0.1:5123/cb?error=interaction_required"), "{silent}");
    let reply = ground.get(&browser, &[("scope", "openid"), ("redirect_uri", local)]).await;
    let page = browser.page(&ground.flow(&reply)).await;
    assert_eq!(page.state().await["step"], "consent");
    assert_eq!(page.step("consent", json!({ "approve": true })).await, "done");
    let reply = ground.go_on(&browser, &page.id).await;
    assert!(reply.header("location").starts_with("http://127.0.0.1:5123/cb?code="), "{reply}");
}

/// Row 62, RFC 8252 §7.1: any program on the machine may have registered the scheme, too.
#[tokio::test]
async fn the_program_behind_a_private_use_scheme_gets_no_code_without_a_click() {
    let scheme = "com.example.app:/cb";
    let ground = Ground::with(
        json!({ "type": "internal", "confidential": false, "settings": { "scopes": ["openid"], "openid": {
        "application_type": "native", "redirect_uris": [scheme, "https://app.example.com/cb?x=%20y"] } } }),
    )
    .await;
    let browser = ground.browser();
    let reply = ground.get(&browser, &[("scope", "openid")]).await;
    answered(&ground.sign_in(&browser, &reply).await);
    let wish = [("scope", "openid"), ("redirect_uri", scheme)];
    for _ in 0..2 {
        let silent = ground.get(&browser, &[wish[0], wish[1], ("prompt", "none")]).await;
        let location = silent.header("location");
        assert!(location.starts_with("com.example.app:/cb?error=interaction_required"), "{silent}");
        assert!(!location.contains("code="), "{silent}");
        let reply = ground.get(&browser, &wish).await;
        let page = browser.page(&ground.flow(&reply)).await;
        assert_eq!(page.state().await["step"], "consent", "each time: a click is no promise for the next");
        assert_eq!(page.step("consent", json!({ "approve": true })).await, "done");
        let reply = ground.go_on(&browser, &page.id).await;
        assert!(reply.header("location").starts_with("com.example.app:/cb?code="), "{reply}");
    }
}

#[tokio::test]
async fn who_is_asked_for_consent_sees_where_the_answer_goes_without_a_host_too() {
    let scheme = "com.example.app:/cb";
    let settings =
        json!({ "scopes": ["openid"], "openid": { "application_type": "native", "redirect_uris": [scheme] } });
    let ground = Ground::with(json!({ "type": "external", "confidential": false, "settings": settings })).await;
    let browser = ground.browser();
    let reply = ground.get(&browser, &[("scope", "openid"), ("redirect_uri", scheme)]).await;
    let page = browser.page(&ground.flow(&reply)).await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "done");
    let reply = ground.go_on(&browser, &page.id).await;
    let id = ground.flow(&reply);
    assert_eq!(browser.page(&id).await.state().await["question"]["redirect_host"], "com.example.app:");
    let shown = browser.send(browser.call(Method::GET, &format!("/login?flow={id}"))).await;
    let shown = String::from_utf8_lossy(&shown.bytes).into_owned();
    assert!(shown.contains("<bdi>com.example.app:</bdi>"), "{shown}");
}

#[tokio::test]
async fn a_login_that_is_young_enough_is_not_made_anew_for_a_second_factor() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    ground.app.advance(Duration::from_mins(5));
    let step = async |max_age: &str| {
        let reply = ground.get(&browser, &[("max_age", max_age), ("acr_values", "aal2")]).await;
        browser.page(&ground.flow(&reply)).await.state().await["step"].clone()
    };
    assert_eq!(step("3600").await, "verify_email", "the password was given, and no other factor is there");
    assert_eq!(step("60").await, "identify");
}

#[tokio::test]
async fn a_client_that_works_in_one_organization_at_a_time_has_its_user_choose() {
    let settings = json!({ "scopes": ["openid", "email"], "organizations": { "select": true },
        "openid": { "redirect_uris": [CALLBACK] } });
    let ground = Ground::with(json!({ "settings": settings })).await;
    let browser = ground.browser();
    let found = ground.authorized(&browser).await;
    let org_of = async |found: &BTreeMap<String, String>| {
        claims(text(&ground.exchange(&found["code"]).await, "access_token"))["org_id"].clone()
    };
    let without = ground.exchange(&found["code"]).await;
    let org_id = &claims(text(&without, "access_token"))["org_id"];
    assert!(org_id.is_null(), "without any there is nothing to choose");
    let mut organizations = Vec::new();
    for name in ["Zeta", "Acme"] {
        let made = ground.app.root().post(&format!("{}/organizations", ground.issuer), json!({ "name": name }));
        let organization = format!("{}/organizations/{}", ground.issuer, made.expect(201).await.id());
        let member = json!({ "member_id": ground.user, "scopes": ["orders:read"] });
        ground.app.root().post(&format!("{organization}/members"), member).expect(201).await;
        organizations.push(organization.rsplit('/').next().unwrap().to_owned());
        if let [only] = organizations.as_slice() {
            let parameters = [
                ("grant_type", "refresh_token"),
                ("client_id", &ground.client),
                ("client_secret", &ground.secret),
                ("refresh_token", text(&without, "refresh_token")),
            ];
            let call = ground.app.anonymous().call(Method::POST, &format!("/{}/token", ground.id()));
            let refreshed = call.form(&parameters).send().await;
            assert_eq!(claims(text(&refreshed, "access_token"))["organizations"], json!([]), "it is for none");
            let found = answered(&ground.get(&browser, &[("prompt", "none")]).await);
            assert_eq!(org_of(&found).await, **only, "there is no choice");
        }
    }
    client_is_told(&ground.get(&browser, &[("prompt", "none")]).await, "interaction_required");
    let named = answered(&ground.get(&browser, &[("prompt", "none"), ("org", &organizations[0])]).await);
    assert_eq!(org_of(&named).await, *organizations[0], "the request says which");
    let page = browser.page(&ground.flow(&ground.get(&browser, &[]).await)).await;
    let state = page.state().await;
    let names: Vec<&Value> = state["question"]["choices"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!((&state["step"], names), (&json!("select_org"), vec![&json!("Acme"), &json!("Zeta")]));
    assert_eq!(page.step("organization", json!({ "org_id": organizations[1] })).await, "done");
    let found = answered(&ground.go_on(&browser, &page.id).await);
    assert_eq!(org_of(&found).await, *organizations[1]);
}

#[tokio::test]
async fn a_chosen_organization_that_asks_for_a_second_factor_gets_one_or_nothing() {
    let settings = json!({ "scopes": ["openid", "email"], "organizations": { "select": true },
        "openid": { "redirect_uris": [CALLBACK] } });
    let ground = Ground::with(json!({ "settings": settings })).await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let mut strict = String::new();
    for security in [json!({ "mfa_required": false }), json!({ "mfa_required": true })] {
        let path = ground.app.organization(&ground.issuer).await;
        let member = json!({ "member_id": ground.user, "scopes": ["orders:read"] });
        ground.app.root().post(&format!("{path}/members"), member).expect(201).await;
        ground.app.root().patch(&path, json!({ "security": security })).expect(200).await;
        path.rsplit('/').next().unwrap().clone_into(&mut strict);
    }
    let page = browser.page(&ground.flow(&ground.get(&browser, &[]).await)).await;
    assert_eq!(page.step("organization", json!({ "org_id": strict })).await, "done");
    let more = ground.go_on(&browser, &page.id).await;
    let page = browser.page(&ground.flow(&more)).await;
    assert_eq!(page.state().await["step"], "verify_email", "by the factor that there is");
    page.post("abort", json!({})).await;
    client_is_told(&ground.go_on(&browser, &page.id).await, "access_denied");
}

#[tokio::test]
async fn an_organization_that_cannot_be_selected_is_not_told_from_one_that_is_not_there() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let org = ground.app.organization(&ground.issuer).await;
    let id = org.rsplit('/').next().unwrap();
    for missing in [id, "org_0000000000000000000000000"] {
        client_is_told(&ground.get(&browser, &[("org", missing)]).await, "access_denied");
    }
    let member = json!({ "member_id": ground.user, "scopes": ["orders:read"] });
    ground.app.root().post(&format!("{org}/members"), member).expect(201).await;
    let found = answered(&ground.get(&browser, &[("org", id)]).await);
    assert_eq!(claims(text(&ground.exchange(&found["code"]).await, "access_token"))["org_id"], id);
    ground.app.root().patch(&org, json!({ "security": { "mfa_required": true } })).expect(200).await;
    client_is_told(&ground.get(&browser, &[("org", id), ("prompt", "none")]).await, "interaction_required");
}

#[tokio::test]
async fn unfinished_authorizations_push_out_nobody() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let found = ground.authorized(&browser).await;
    let tokens = ground.exchange(&found["code"]).await;
    for _ in 0..60 {
        assert!(answered(&ground.get(&browser, &[]).await).contains_key("code"));
    }
    let parameters = [
        ("grant_type", "refresh_token"),
        ("client_id", ground.client.as_str()),
        ("client_secret", ground.secret.as_str()),
        ("refresh_token", text(&tokens, "refresh_token")),
    ];
    let path = format!("/{}/token", ground.id());
    ground.app.anonymous().call(Method::POST, &path).form(&parameters).expect(200).await;
}
