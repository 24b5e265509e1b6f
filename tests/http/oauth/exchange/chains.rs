//! Agents that act through agents.

use serde_json::json;

use super::super::machines::agent;
use super::super::{claims, refused, text};
use super::{ACCESS, Acting, STANDING, set, words};

/// Another agent, with a record of the same user.
async fn second(acting: &mut Acting, scopes: &[&str], delegated: &[&str]) -> (String, String, String) {
    let (id, secret) = agent(&acting.ground, scopes).await;
    let first = std::mem::replace(&mut acting.agent, id.clone());
    let delegation = acting.delegate(json!({ "scopes": delegated })).await;
    acting.agent = first;
    (id, secret, delegation)
}

/// Puts that agent in the place of the one that calls.
fn call_as(acting: &mut Acting, (id, secret, delegation): &(String, String, String)) {
    acting.agent.clone_from(id);
    acting.secret.clone_from(secret);
    acting.delegation.clone_from(delegation);
}

#[tokio::test]
async fn a_second_agent_goes_on_with_what_the_first_has_and_no_third_does() {
    let mut acting = Acting::new().await;
    let first = (acting.agent.clone(), acting.secret.clone(), acting.delegation.clone());
    let next = second(&mut acting, &["orders:read", "orders:write", "bills:read"], &["*:*"]).await;
    let third = second(&mut acting, &["orders:read"], &["*:*"]).await;
    let token = acting.token().await;
    let narrowed = acting.exchange((&token, ACCESS), &[("scope", "orders:read")]).await;
    let first_token = text(&narrowed, "access_token").to_owned();
    refused(&acting.exchange((&first_token, ACCESS), &[]).await, 400, "invalid_request");

    call_as(&mut acting, &next);
    let reply = acting.exchange((&first_token, ACCESS), &[]).await;
    assert_eq!(words(&reply), set(&["orders:read"]), "no more than the first one has");
    let chained = text(&reply, "access_token").to_owned();
    let found = claims(&chained);
    assert_eq!(found["act"], json!({ "sub": next.0, "act": { "sub": first.0 } }));
    assert_eq!((&found["sub"], &found["client_id"]), (&json!(acting.ground.user), &json!(next.0)));
    assert_eq!((&found["delegation_id"], &found["sid"]), (&json!(next.2), &claims(&token)["sid"]));
    let used = acting.ground.events("user.delegation.used").await.pop().unwrap();
    assert_eq!(used["data"], json!({ "scope": "orders:read", "chain_depth": 2 }));
    refused(&acting.exchange((&chained, ACCESS), &[]).await, 400, "invalid_request");
    assert_eq!(acting.introspect(&chained).await["act"], found["act"]);

    call_as(&mut acting, &third);
    refused(&acting.exchange((&chained, ACCESS), &[]).await, 400, "invalid_request");
    assert_eq!(acting.exchange((&first_token, ACCESS), &[]).await.status.as_u16(), 200);
    // A delegated token is nobody's own: it says who acts for whom, not who calls.
    let actor = [("actor_token", first_token.as_str()), ("actor_token_type", ACCESS)];
    refused(&acting.exchange((&token, ACCESS), &actor).await, 400, "invalid_request");
}

#[tokio::test]
async fn a_chain_breaks_with_any_of_its_links() {
    let mut acting = Acting::new().await;
    let first = (acting.agent.clone(), acting.secret.clone(), acting.delegation.clone());
    let next = second(&mut acting, &["orders:read"], &["orders:*"]).await;
    let first_token = text(&acting.standing(&[]).await, "access_token").to_owned();
    call_as(&mut acting, &next);
    let chained = text(&acting.exchange((&first_token, ACCESS), &[]).await, "access_token").to_owned();
    assert_eq!(claims(&chained)["sid"], json!(null), "a standing grant comes from no session");
    assert_eq!(acting.introspect(&chained).await["active"], true);
    let path = format!("{}/agents/{}", acting.ground.issuer, first.0);
    acting.ground.app.root().patch(&path, json!({ "status": "suspended" })).expect(200).await;
    assert_eq!(acting.introspect(&chained).await, json!({ "active": false }));
    refused(&acting.exchange((&first_token, ACCESS), &[]).await, 400, "invalid_grant");
    acting.ground.app.root().patch(&path, json!({ "status": "active" })).expect(200).await;
    assert_eq!(acting.exchange((&first_token, ACCESS), &[]).await.status.as_u16(), 200);
    acting.revoke(&first.2).await;
    refused(&acting.exchange((&first_token, ACCESS), &[]).await, 400, "invalid_grant");
    assert_eq!(acting.exchange((&next.2, STANDING), &[]).await.status.as_u16(), 200, "its own record stands");
}
