//! Sign-ups, and who may.

use serde_json::{Value, json};
use tests::Page;

use super::{Ground, OTHER, PASSWORD, request};
use authpi_core::login::model::Wants;

fn body(email: &str) -> Value {
    json!({ "email": email, "password": OTHER, "profile": { "display_name": "Bob" } })
}

async fn signed_up(ground: &Ground, page: &Page<'_, '_>, email: &str) -> String {
    assert_eq!(page.step("signup", body(email)).await, "verify_email");
    let link = ground.link().await;
    let phone = ground.browser();
    let shown = phone.send(phone.call(http::Method::GET, &link).header("accept", "application/json")).await;
    let code = shown.body["code"].as_str().unwrap().to_owned();
    page.step("email-code/verify", json!({ "code": code })).await
}

async fn users(ground: &Ground) -> usize {
    let page = ground.app.root().get(&format!("{}/users?limit=100", ground.issuer)).expect(200).await;
    page.data().as_array().unwrap().len()
}

#[tokio::test]
async fn nobody_becomes_a_user_before_the_address_is_proven() {
    let ground = Ground::new().await;
    let before = ground.event_count().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    assert_eq!(page.state().await["signup"], true);
    assert_eq!(page.step("signup", body("bob@example.com")).await, "verify_email");
    assert_eq!(users(&ground).await, 1, "nothing of a stranger's waits in somebody's account");
    let link = ground.link().await;
    let phone = ground.browser();
    let shown = phone.send(phone.call(http::Method::GET, &link).header("accept", "application/json")).await;
    assert_eq!((shown.status.as_u16(), &shown.body["verified"]), (200, &json!(false)), "elsewhere it changes nothing");
    assert_eq!(users(&ground).await, 1);
    let code = shown.body["code"].clone();
    assert_eq!(page.step("email-code/verify", json!({ "code": code })).await, "done");
    let told = ground.events_after(before).await;
    let expected = ["email.sent", "user.created", "user.verifier.created", "user.email.verified", "session.created"];
    assert_eq!(told, expected);
    assert_eq!(ground.last("user.created").await["origin"], "signup");
    assert_eq!(ground.last("session.created").await["new_device"], false);
    let again = ground.browser();
    assert_eq!(again.login().await.password("bob@example.com", OTHER).await, "done");
}

#[tokio::test]
async fn pages_that_are_turned_off_make_no_user_by_a_mail_that_is_out() {
    for (portal, waited) in [("signup", 0), ("login", 0), ("signup", 2), ("login", 2)] {
        let ground = Ground::new().await;
        let browser = ground.browser();
        let page = browser.begin(request(Wants::default())).await;
        page.step("signup", body("bob@example.com")).await;
        let link = ground.link().await;
        let turn = async |enabled: bool| {
            let settings = json!({ "settings": { "portals": { portal: { "enabled": enabled } } } });
            ground.app.root().patch(&ground.issuer, settings).expect(200).await;
        };
        turn(false).await;
        // In its login, or after that is over.
        ground.app.advance(std::time::Duration::from_hours(waited));
        browser.send(browser.call(http::Method::GET, &link).header("accept", "application/json")).await;
        assert_eq!(users(&ground).await, 1, "{portal} {waited}");
    }
}

#[tokio::test]
async fn in_the_browser_that_asked_the_link_itself_is_enough() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    page.step("signup", body("bob@example.com")).await;
    let link = ground.link().await;
    let scanned = browser.send(browser.call(http::Method::GET, &link)).await;
    assert_eq!((scanned.status.as_u16(), users(&ground).await), (200, 1), "a page asks first");
    assert!(String::from_utf8_lossy(&scanned.bytes).contains("bob@example.com"), "{scanned}");
    let used = browser.send(browser.call(http::Method::GET, &link).header("accept", "application/json")).await;
    assert_eq!((used.status.as_u16(), &used.body), (200, &json!({ "verified": true, "email": "bob@example.com" })));
    assert!(browser.cookie("op").is_some());
    assert_eq!(page.state().await["step"], "done", "and the login has gone on");
    let again = browser.send(browser.call(http::Method::GET, &link).header("accept", "application/json")).await;
    assert_eq!((again.status.as_u16(), &again.body["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn a_taken_address_ends_like_any_other_and_the_mail_says_so() {
    let ground = Ground::new().await;
    let mut answers = Vec::new();
    for email in ["ada@example.com", "bob@example.com"] {
        let browser = ground.browser();
        let page = browser.login().await;
        let reply = page.post("signup", body(email)).await;
        let typed = page.post("email-code/verify", json!({ "code": "1234" })).await;
        let invalid =
            page.post("signup", json!({ "email": email, "password": OTHER, "custom_fields": { "x": 1 } })).await;
        answers.push((reply.status, reply.body, typed.body, invalid.status));
    }
    assert_eq!(answers[0], answers[1]);
    let mut subjects: Vec<_> = ground.mails().await.into_iter().map(|mail| (mail.to, mail.subject)).collect();
    subjects.sort();
    let expected = [
        ("ada@example.com", "You already have an account at acme"),
        ("bob@example.com", "Confirm your address for acme"),
    ];
    assert_eq!(subjects, expected.map(|(to, subject)| (to.to_owned(), subject.to_owned())));
    assert_eq!(ground.browser().login().await.password("ada@example.com", OTHER).await, "invalid_credentials");
}

#[tokio::test]
async fn who_may_sign_up_is_for_the_issuer_to_say() {
    let cases = [
        (json!({ "mode": "open" }), "bob@other.example", true),
        (json!({ "mode": "closed" }), "bob@example.com", false),
        (json!({ "mode": "invite_only" }), "bob@example.com", false),
        (json!({ "mode": "domain_restricted", "allowed_domains": ["example.com"] }), "bob@example.com", true),
        (json!({ "mode": "domain_restricted", "allowed_domains": ["example.com"] }), "bob@sub.example.com", false),
    ];
    for (access, email, may) in cases {
        let ground = Ground::with(json!({ "access": access })).await;
        let browser = ground.browser();
        let page = browser.begin(request(Wants::default())).await;
        if may {
            assert_eq!(signed_up(&ground, &page, email).await, "done", "{access}");
            continue;
        }
        let reply = page.post("signup", body(email)).await;
        assert_eq!((reply.status.as_u16(), &reply.body["error"]), (403, &json!("access_denied")), "{access} {reply}");
        assert_eq!((users(&ground).await, ground.mails().await.len()), (1, 0), "{access}");
    }
}

#[tokio::test]
async fn a_restricted_domain_implies_a_proof() {
    let access =
        json!({ "mode": "domain_restricted", "allowed_domains": ["example.com"], "signup": { "verify_email": false } });
    let ground = Ground::with(json!({ "access": access })).await;
    let browser = ground.browser();
    let page = browser.login().await;
    assert_eq!(page.step("signup", body("bob@example.com")).await, "verify_email");
}

#[tokio::test]
async fn without_proofs_a_sign_up_is_a_login_and_a_taken_address_shows() {
    let ground = Ground::with(json!({ "access": { "signup": { "verify_email": false } } })).await;
    let browser = ground.browser();
    let page = browser.login().await;
    assert_eq!(page.step("signup", body("bob@example.com")).await, "done");
    let browser = ground.browser();
    let page = browser.login().await;
    let taken = page.post("signup", body("ADA@example.com")).await;
    assert_eq!((taken.status.as_u16(), taken.refusal().1), (409, vec!["email not_unique".to_owned()]));
}

#[tokio::test]
async fn a_sign_up_waits_for_its_approval() {
    let ground = Ground::with(json!({ "access": { "signup": { "require_approval": true } } })).await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    page.step("signup", body("bob@example.com")).await;
    let link = ground.link().await;
    let phone = ground.browser();
    let code = phone.send(phone.call(http::Method::GET, &link).header("accept", "application/json")).await.body["code"]
        .clone();
    let reply = page.post("email-code/verify", json!({ "code": code })).await;
    let told = (reply.status.as_u16(), &reply.body["error"], &reply.body["error_description"]);
    assert_eq!(told, (403, &json!("access_denied"), &json!("approval_pending")));
    let pending = ground.app.root().get(&format!("{}/approvals", ground.issuer)).expect(200).await;
    let user = pending.data()[0]["user_id"].as_str().unwrap().to_owned();
    let approval = format!("{}/approvals/{user}", ground.issuer);
    ground.app.root().patch(&approval, json!({ "status": "approved" })).expect(200).await;
    assert_eq!(ground.browser().login().await.password("bob@example.com", OTHER).await, "done");
}

#[tokio::test]
async fn an_invitation_is_a_permit_a_proof_and_a_membership() {
    let ground = Ground::with(json!({ "access": { "mode": "invite_only" } })).await;
    let organization = ground.app.organization(&ground.issuer).await;
    let invite = json!({ "email": "bob@example.com", "scopes": ["a:read"] });
    ground.app.root().post(&format!("{organization}/invitations"), invite).expect(201).await;
    let link = ground.link().await;
    let token = link.split("token=").nth(1).unwrap();
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    let mut other = body("eve@example.com");
    other["invitation"] = json!(token);
    let refused = page.post("signup", other).await;
    assert_eq!(refused.status, 403, "it is for one address: {refused}");
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    let mut own = body("bob@example.com");
    own["invitation"] = json!(token);
    assert_eq!(page.step("signup", own).await, "done");
    let members = ground.app.root().get(&format!("{organization}/members")).expect(200).await;
    assert_eq!(members.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn somebody_who_has_an_account_accepts_an_invitation_with_the_login() {
    let ground = Ground::new().await;
    let organization = ground.app.organization(&ground.issuer).await;
    let invite = json!({ "email": "ada@example.com", "scopes": ["a:read"] });
    ground.app.root().post(&format!("{organization}/invitations"), invite).expect(201).await;
    let link = ground.link().await;
    let token = link.split("token=").nth(1).unwrap();
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("invitation", json!({ "token": token, "accept": true })).await;
    let members = format!("{organization}/members");
    assert_eq!(ground.app.root().get(&members).expect(200).await.data().as_array().unwrap().len(), 0);
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "done");
    assert_eq!(ground.app.root().get(&members).expect(200).await.data().as_array().unwrap().len(), 1);
    let browser = ground.browser();
    let page = browser.login().await;
    let again = json!({ "token": token, "accept": true });
    assert_eq!(page.step("invitation", again).await, "invitation_refused", "it was accepted");
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "done", "the login is none the worse");
}

#[tokio::test]
async fn people_say_of_themselves_what_they_may() {
    let fields = json!({ "team": { "type": "string", "visibility": "editable" }, "rank": { "type": "string" } });
    let ground = Ground::with(json!({ "users": { "custom_fields": fields } })).await;
    let browser = ground.browser();
    let page = browser.login().await;
    let told = json!({ "email": "bob@example.com", "password": OTHER,
        "profile": { "email_verified": true, "email": "x@y.z" }, "custom_fields": { "rank": "admiral", "team": "a" } });
    let refused = page.post("signup", told).await;
    let expected =
        ["custom_fields.rank not_allowed", "profile.email not_allowed", "profile.email_verified not_allowed"];
    assert_eq!(refused.refusal(), ("invalid_request".to_owned(), expected.map(str::to_owned).to_vec()));
    let weak = page.post("signup", json!({ "email": "bob@example.com", "password": "bob@example.com" })).await;
    assert_eq!(weak.refusal().1, ["password not_allowed"]);
    assert_eq!(page.post("signup", json!({ "email": "bob", "password": OTHER })).await.status, 400);
}

#[tokio::test]
async fn whoever_reads_the_mail_first_owns_the_account() {
    let ground = Ground::with(json!({ "access": { "signup": { "verify_email": false } } })).await;
    let thief = ground.browser();
    let page = thief.login().await;
    assert_eq!(page.step("signup", body("bob@example.com")).await, "done");
    let owner = ground.browser();
    let page = owner.login().await;
    page.step("identify", json!({ "identifier": "bob@example.com" })).await;
    page.step("email-code", json!({})).await;
    let code = ground.code().await;
    let before = ground.event_count().await;
    assert_eq!(page.step("email-code/verify", json!({ "code": code })).await, "done");
    let told = ground.events_after(before).await;
    for kind in ["session.terminated", "user.verifier.deleted", "user.email.verified"] {
        assert!(told.iter().any(|known| known == kind), "{kind}: {told:?}");
    }
    assert_eq!(ground.browser().login().await.password("bob@example.com", OTHER).await, "invalid_credentials");
    let again = thief.begin(request(Wants::default())).await;
    let reply = thief.send(thief.call(http::Method::GET, &format!("/flows/{}", again.id))).await;
    assert_eq!(reply.body["step"], "identify", "the session of the stranger is dead");
}

#[tokio::test]
async fn the_browser_of_the_sign_up_proves_the_address_without_losing_anything() {
    let ground = Ground::with(json!({ "access": { "signup": { "verify_email": false } } })).await;
    let browser = ground.browser();
    let page = browser.login().await;
    assert_eq!(page.step("signup", body("bob@example.com")).await, "done");
    let page = browser.begin(request(Wants { fresh: true, ..Wants::default() })).await;
    page.step("identify", json!({ "identifier": "bob@example.com" })).await;
    page.step("email-code", json!({})).await;
    let code = ground.code().await;
    assert_eq!(page.step("email-code/verify", json!({ "code": code })).await, "done");
    assert_eq!(ground.browser().login().await.password("bob@example.com", OTHER).await, "done");
}

#[tokio::test]
async fn an_organization_that_comes_with_a_user_says_how_they_joined_it() {
    let ground = Ground::with(json!({ "access": { "signup": { "create_org": true } } })).await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    assert_eq!(signed_up(&ground, &page, "bob@example.com").await, "done");
    let organizations = ground.app.root().get(&format!("{}/organizations", ground.issuer)).expect(200).await;
    assert_eq!(organizations.data()[0]["name"], "Bob");
    assert_eq!(ground.last("organization.membership.created").await["origin"], "signup");
}
