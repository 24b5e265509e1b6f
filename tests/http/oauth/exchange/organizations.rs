//! The organization that an agent acts in.

use serde_json::{Value, json};

use super::super::{claims, refused, text};
use super::{ACCESS, Acting, STANDING, set, words};

/// An organization where the user is a member with these scopes; its path and id.
async fn organization(acting: &Acting, scopes: &[&str]) -> (String, String) {
    let path = acting.ground.app.organization(&acting.ground.issuer).await;
    let member = json!({ "member_id": acting.ground.user, "scopes": scopes, "user_title": "Clerk" });
    acting.ground.app.root().post(&format!("{path}/members"), member).expect(201).await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    (path, id)
}

/// A token of the user, selected to an organization.
async fn selected(acting: &Acting, org: &str) -> String {
    let code = acting.ground.code(&["openid"], Some(org)).await;
    text(&acting.ground.exchange(&code).await, "access_token").to_owned()
}

#[tokio::test]
async fn a_selected_organization_shows_what_was_given_there_and_no_more() {
    let acting = Acting::new().await;
    let (_, org) = organization(&acting, &["orders:read", "bills:*", "trips:book"]).await;
    let reply = acting.standing(&[("org", &org)]).await;
    assert_eq!(words(&reply), set(&["orders:read"]), "what the user holds elsewhere does not count here");
    let found = claims(text(&reply, "access_token"));
    let joined_at = found["organizations"][0]["joined_at"].clone();
    let entry = json!({ "id": org, "title": "Clerk", "scopes": ["orders:read"], "joined_at": joined_at });
    assert_eq!((&found["org_id"], &found["organizations"]), (&json!(org), &json!([entry])));
    assert!(joined_at.is_i64());
    let issued = acting.ground.events("machine.token.issued").await.pop().unwrap();
    assert_eq!(issued["subject"]["org_id"], org);
    let known = acting.introspect(text(&reply, "access_token")).await;
    assert_eq!((&known["org_id"], &known["delegation_id"]), (&json!(org), &json!(acting.delegation)));
}

#[tokio::test]
async fn it_is_named_by_the_request_the_record_or_the_token_and_they_agree() {
    let acting = Acting::new().await;
    let (_, here) = organization(&acting, &["orders:*", "bills:*"]).await;
    let (_, there) = organization(&acting, &["orders:*"]).await;
    let org_of = |reply: &tests::Reply| claims(text(reply, "access_token"))["org_id"].clone();
    let token = selected(&acting, &here).await;
    assert_eq!(org_of(&acting.exchange((&token, ACCESS), &[]).await), here, "by the token");
    assert_eq!(org_of(&acting.exchange((&token, ACCESS), &[("org", &here)]).await), here);
    refused(&acting.exchange((&token, ACCESS), &[("org", &there)]).await, 403, "access_denied");
    let within = acting.delegate(json!({ "scopes": ["orders:*", "bills:*"], "org_id": here })).await;
    assert_eq!(org_of(&acting.exchange((&within, STANDING), &[]).await), here, "by the record");
    assert_eq!(org_of(&acting.exchange((&within, STANDING), &[("org", &here)]).await), here);
    refused(&acting.exchange((&within, STANDING), &[("org", &there)]).await, 400, "invalid_grant");
    assert_eq!(org_of(&acting.standing(&[("org", &there)]).await), there, "by the request");
    assert_eq!(org_of(&acting.standing(&[]).await), Value::Null);
    // With a token for another organization, the record that is bound to this one does not cover.
    acting.revoke(&acting.delegation).await;
    let elsewhere = selected(&acting, &there).await;
    refused(&acting.exchange((&elsewhere, ACCESS), &[]).await, 400, "invalid_grant");
}

#[tokio::test]
async fn an_organization_out_of_reach_is_refused_whatever_the_reason() {
    let acting = Acting::new().await;
    let root = acting.ground.app.root();
    let (path, org) = organization(&acting, &["orders:*"]).await;
    let token = acting.token().await;
    let ask = async || acting.exchange((&token, ACCESS), &[("org", &org)]).await;
    assert_eq!(ask().await.status.as_u16(), 200);
    let foreign = acting.ground.app.organization(&acting.ground.issuer).await;
    let unknown = [foreign.rsplit('/').next().unwrap(), "org_0000000000000000000000000", "c_1", "org"];
    let mut wordings = Vec::new();
    for org in unknown {
        let reply = acting.exchange((&token, ACCESS), &[("org", org)]).await;
        refused(&reply, 403, "access_denied");
        wordings.push(text(&reply, "error_description").to_owned());
    }
    root.patch(&path, json!({ "status": "suspended" })).expect(200).await;
    refused(&ask().await, 403, "access_denied");
    refused(&acting.standing(&[("org", &org)]).await, 403, "access_denied");
    root.patch(&path, json!({ "status": "active" })).expect(200).await;
    let member = format!("{path}/members/{}", acting.ground.user);
    root.patch(&member, json!({ "status": "suspended" })).expect(200).await;
    refused(&ask().await, 403, "access_denied");
    root.patch(&member, json!({ "status": "active" })).expect(200).await;
    // The client whose token it is may show no organizations; a standing grant comes from no client.
    let client = format!("{}/clients/{}", acting.ground.issuer, acting.ground.client);
    let restricted = |mode: &str| json!({ "settings": { "organizations": { "mode": mode, "ids": [] } } });
    root.patch(&client, restricted("none")).expect(200).await;
    refused(&ask().await, 403, "access_denied");
    assert_eq!(acting.standing(&[("org", &org)]).await.status.as_u16(), 200);
    root.patch(&client, restricted("all")).expect(200).await;
    // D182: the login has one factor, and a standing grant comes from none.
    root.patch(&path, json!({ "security": { "mfa_required": true } })).expect(200).await;
    let reply = ask().await;
    refused(&reply, 403, "access_denied");
    wordings.push(text(&reply, "error_description").to_owned());
    refused(&acting.standing(&[("org", &org)]).await, 403, "access_denied");
    assert!(wordings.iter().all(|wording| *wording == wordings[0]), "{wordings:?}");
    root.patch(&path, json!({ "security": { "mfa_required": false } })).expect(200).await;
    assert_eq!(ask().await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_token_of_a_client_that_works_in_one_organization_at_a_time_leads_into_no_other() {
    let acting = Acting::new().await;
    let (_, here) = organization(&acting, &["orders:*"]).await;
    let (_, there) = organization(&acting, &["orders:*"]).await;
    let (none, token) = (acting.token().await, selected(&acting, &here).await);
    let client = format!("{}/clients/{}", acting.ground.issuer, acting.ground.client);
    let select = json!({ "settings": { "organizations": { "select": true } } });
    acting.ground.app.root().patch(&client, select).expect(200).await;
    let reply = acting.exchange((&token, ACCESS), &[("org", &here)]).await;
    assert_eq!(claims(text(&reply, "access_token"))["org_id"], here);
    refused(&acting.exchange((&token, ACCESS), &[("org", &there)]).await, 403, "access_denied");
    for org in [&here, &there] {
        refused(&acting.exchange((&none, ACCESS), &[("org", org)]).await, 403, "access_denied");
    }
    let reply = acting.exchange((&none, ACCESS), &[]).await;
    assert!(claims(text(&reply, "access_token"))["org_id"].is_null());
}

#[tokio::test]
async fn what_an_agent_holds_in_an_organization_ends_with_it_at_once() {
    let acting = Acting::new().await;
    let root = acting.ground.app.root();
    let (path, org) = organization(&acting, &["orders:*"]).await;
    let member = format!("{path}/members/{}", acting.ground.user);
    let by_grant = text(&acting.standing(&[("org", &org)]).await, "access_token").to_owned();
    let token = acting.token().await;
    let by_token = text(&acting.exchange((&token, ACCESS), &[("org", &org)]).await, "access_token").to_owned();
    let elsewhere = text(&acting.standing(&[]).await, "access_token").to_owned();
    let known = async || {
        let mut active = Vec::new();
        for token in [&by_grant, &by_token, &elsewhere] {
            let known = acting.introspect(token).await;
            let is_active = known["active"] == true;
            assert!(is_active || known == json!({ "active": false }), "no further detail: {known}");
            active.push(is_active);
        }
        active
    };
    assert_eq!(known().await, [true, true, true]);
    for place in [&path, &member] {
        root.patch(place, json!({ "status": "suspended" })).expect(200).await;
        assert_eq!(known().await, [false, false, true], "{place} is suspended");
        root.patch(place, json!({ "status": "active" })).expect(200).await;
        assert_eq!(known().await, [true, true, true]);
    }
    root.delete(&member).expect(204).await;
    assert_eq!(known().await, [false, false, true], "not a member any more");
}
