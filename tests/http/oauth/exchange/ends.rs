//! What ends the effect of a delegation (D171), and what a delegated token is not.

use authpi_core::error::Refusal;
use authpi_core::web::caller::Principal;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::json;

use super::super::{claims, refused, text};
use super::{ACCESS, Acting};

async fn at_host(acting: &Acting, token: &str) -> Result<authpi_core::web::caller::Caller, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    acting.ground.app.authpi.caller(&headers, None).await
}

#[tokio::test]
async fn what_a_token_depends_on_ends_it_everywhere_at_once() {
    let acting = Acting::new().await;
    let ground = &acting.ground;
    let root = ground.app.root();
    let token = acting.token().await;
    let url = ground.url();
    let fresh = async || {
        let reply = acting.exchange((&token, ACCESS), &[("resource", &url)]).await;
        text(&reply, "access_token").to_owned()
    };
    let lives = async |delegated: &str| {
        let caller = at_host(&acting, delegated).await.unwrap();
        let known = acting.introspect(delegated).await["active"] == true;
        assert_eq!(ground.app.authpi.check_live(&caller).await.is_ok(), known);
        known
    };
    let delegated = fresh().await;
    assert!(lives(&delegated).await);
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    root.patch(&user, json!({ "status": "suspended" })).expect(200).await;
    assert!(!lives(&delegated).await);
    refused(&acting.exchange((&token, ACCESS), &[]).await, 400, "invalid_grant");
    refused(&acting.standing(&[]).await, 400, "invalid_grant");
    root.patch(&user, json!({ "status": "active" })).expect(200).await;
    assert!(lives(&delegated).await);
    let denied = fresh().await;
    let as_agent = [("client_id", acting.agent.as_str()), ("client_secret", &acting.secret), ("token", &denied)];
    assert_eq!(ground.post("revoke", &as_agent).await.status.as_u16(), 200);
    assert!(!lives(&denied).await && lives(&delegated).await);
    let sid = claims(&token)["sid"].as_str().unwrap().to_owned();
    root.act(&format!("{}/sessions/{sid}/revoke", ground.issuer)).expect(200).await;
    assert!(!lives(&delegated).await);
    refused(&acting.exchange((&token, ACCESS), &[]).await, 400, "invalid_grant");
    let standing = acting.standing(&[("resource", &url)]).await;
    let standing = text(&standing, "access_token");
    assert!(lives(standing).await, "it comes from no session");
    acting.revoke(&acting.delegation).await;
    assert!(!lives(standing).await);
    refused(&acting.standing(&[]).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_hosts_own_route_learns_who_acts_for_whom() {
    let acting = Acting::new().await;
    let url = acting.ground.url();
    let reply = acting.standing(&[("resource", &url)]).await;
    let caller = at_host(&acting, text(&reply, "access_token")).await.unwrap();
    assert_eq!(caller.subject(), Principal::User(acting.ground.user.parse().unwrap()));
    assert_eq!(caller.act().map(|agent| agent.to_string()), Some(acting.agent.clone()));
    assert!(caller.require("orders:read").is_ok() && caller.require("bills:read").is_err());
}

#[tokio::test]
async fn who_acts_for_a_user_is_not_the_user() {
    let acting = Acting::new().await;
    let ground = &acting.ground;
    let reply = acting.exchange((&acting.token().await, ACCESS), &[("resource", &ground.app.base)]).await;
    let delegated = text(&reply, "access_token").to_owned();
    let bearer = ground.app.with_bearer(&delegated);
    refused(&ground.userinfo(&delegated).await, 401, "invalid_token");
    refused(&bearer.delete(&ground.path(&format!("consents/{}", ground.client))).send().await, 403, "access_denied");
    refused(&bearer.get("/v1/me").send().await, 403, "access_denied");
    assert_eq!(ground.introspect(&delegated).await, json!({ "active": false }), "the client's it is not");
    let members = acting.introspect(&delegated).await;
    assert_eq!((&members["act"], &members["token_type"]), (&json!({ "sub": acting.agent }), &json!("Bearer")));
    assert_eq!((&members["sub"], &members["dat"]), (&json!(ground.user), &json!({ "type": "agent" })));
}
