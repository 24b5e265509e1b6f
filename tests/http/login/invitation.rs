//! Invitations, from their link to a membership.

use http::Method;
use serde_json::{Value, json};
use tests::{Browser, Page, Reply};

use super::application::{Application, answer_of, go_on, login_of};
use super::{Ground, OTHER, PASSWORD};

struct Invited {
    ground: Ground,
    organization: String,
    id: String,
    link: String,
}

impl Invited {
    async fn new(email: &str, settings: Value) -> Self {
        let ground = Ground::with(settings).await;
        let organization = ground.app.organization(&ground.issuer).await;
        let body = json!({ "email": email, "scopes": ["a:read"], "message": "Come and join" });
        let made = ground.app.root().post(&format!("{organization}/invitations"), body).expect(201).await;
        let link = ground.link().await;
        assert!(link.starts_with("/invitation?token="), "{link}");
        Self { id: made.id(), ground, organization, link }
    }

    fn token(&self) -> &str {
        self.link.split("token=").nth(1).unwrap()
    }

    async fn status(&self) -> String {
        let path = format!("{}/invitations/{}", self.organization, self.id);
        self.ground.app.root().get(&path).expect(200).await.text("status")
    }

    async fn members(&self) -> usize {
        let page = self.ground.app.root().get(&format!("{}/members", self.organization)).expect(200).await;
        page.data().as_array().unwrap().len()
    }

    /// Opens the link; returns the page and the login that it is in.
    async fn open<'b, 'g>(&self, browser: &'b Browser<'g>) -> (String, Page<'b, 'g>) {
        let reply = browser.send(browser.call(Method::GET, &self.link)).await;
        assert_eq!(reply.status, 200, "{reply}");
        let html = String::from_utf8(reply.bytes).unwrap().replace("&#x2f;", "/");
        let flow = html.split("/flows/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        (html, browser.page(&flow).await)
    }
}

async fn submit(page: &Page<'_, '_>, step: &str, fields: &[(&str, &str)]) -> Reply {
    let mut all = vec![("ticket", page.ticket.as_str())];
    all.extend_from_slice(fields);
    let call = page.browser.call(Method::POST, &format!("/flows/{}/{step}", page.id));
    page.browser.send(call.header("origin", "null").form(&all)).await
}

async fn followed(browser: &Browser<'_>, reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{reply}");
    let path = reply.header("location").split_once("/login").map(|(_, rest)| format!("/login{rest}")).unwrap();
    let shown = browser.send(browser.call(Method::GET, &path)).await;
    assert_eq!(shown.status, 200, "{shown}");
    String::from_utf8(shown.bytes).unwrap().replace("&#x2f;", "/")
}

#[tokio::test]
async fn whoever_has_read_the_mail_may_decline_without_an_account() {
    let invited = Invited::new("bob@example.com", json!({})).await;
    let browser = invited.ground.browser();
    for _ in 0..3 {
        let (html, _) = invited.open(&browser).await;
        assert!(html.contains("Come and join"), "{html}");
    }
    assert_eq!(invited.status().await, "pending", "looking at it changes nothing");
    let (_, page) = invited.open(&browser).await;
    let answered = submit(&page, &format!("invitation?token={}", invited.token()), &[("accept", "false")]).await;
    let html = followed(&browser, &answered).await;
    assert!(!html.contains("/identify"), "there is nothing left to do: {html}");
    assert_eq!(invited.status().await, "declined");
    let dead = browser.send(browser.call(Method::GET, &invited.link)).await;
    assert_eq!(dead.status, 400);
    let (again, page) = (json!({ "token": invited.token(), "accept": true }), browser.login().await);
    assert_eq!(page.step("invitation", again).await, "invitation_refused");
}

#[tokio::test]
async fn somebody_new_joins_by_the_pages_alone() {
    let invited = Invited::new("bob@example.com", json!({ "access": { "mode": "invite_only" } })).await;
    let browser = invited.ground.browser();
    let (_, page) = invited.open(&browser).await;
    let answered = submit(&page, &format!("invitation?token={}", invited.token()), &[("accept", "true")]).await;
    let html = followed(&browser, &answered).await;
    assert!(
        html.contains("bob@example.com") && html.contains("view&#x3d;signup") || html.contains("view=signup"),
        "{html}"
    );
    let form = browser.send(browser.call(Method::GET, &format!("/login?flow={}&view=signup", page.id))).await;
    let form = String::from_utf8(form.bytes).unwrap();
    assert!(form.contains("bob@example.com") && form.contains("readonly"), "the address stays: {form}");
    let other = submit(&page, "signup", &[("identifier", "eve@example.com"), ("password", OTHER)]).await;
    assert_eq!((other.status.as_u16(), invited.members().await), (303, 0), "it is for one address: {other}");
    let turned = browser.send(browser.call(Method::GET, &format!("/login?flow={}", page.id))).await;
    assert_eq!(turned.status, 403, "and the page says so: {turned}");
    let (_, page) = invited.open(&browser).await;
    submit(&page, &format!("invitation?token={}", invited.token()), &[("accept", "true")]).await;
    let done = submit(&page, "signup", &[("identifier", "bob@example.com"), ("password", OTHER)]).await;
    let html = followed(&browser, &done).await;
    assert!(!html.contains("<form"), "told, and nothing is asked: {html}");
    assert_eq!((invited.status().await.as_str(), invited.members().await), ("accepted", 1));
    assert!(browser.cookie("op").is_some());
}

#[tokio::test]
async fn who_is_signed_in_joins_at_once_and_somebody_else_does_not() {
    let invited = Invited::new("ada@example.com", json!({})).await;
    Ground::made(&invited.ground.app, &invited.ground.issuer, "bob@example.com").await;
    let stranger = invited.ground.browser();
    assert_eq!(stranger.login().await.password("bob@example.com", PASSWORD).await, "done");
    let (html, page) = invited.open(&stranger).await;
    assert!(!html.contains("bob@example.com"), "it is not theirs: {html}");
    assert_eq!(page.state().await["step"], "identify");
    let browser = invited.ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let (html, page) = invited.open(&browser).await;
    assert!(html.contains("ada@example.com"), "{html}");
    let answered = submit(&page, &format!("invitation?token={}", invited.token()), &[("accept", "true")]).await;
    followed(&browser, &answered).await;
    assert_eq!((invited.status().await.as_str(), invited.members().await), ("accepted", 1));
}

#[tokio::test]
async fn an_invitation_that_cannot_be_accepted_leaves_no_half_of_it() {
    let invited = Invited::new("ada@example.com", json!({})).await;
    let root = invited.ground.app.root();
    let bob = Ground::made(&invited.ground.app, &invited.ground.issuer, "bob@example.com").await;
    let member = json!({ "member_id": bob, "scopes": ["a:read"] });
    root.post(&format!("{}/members", invited.organization), member).expect(201).await;
    root.patch(&invited.organization, json!({ "max_members": 1 })).expect(200).await;
    let browser = invited.ground.browser();
    let page = browser.login().await;
    let wish = json!({ "token": invited.token(), "accept": true });
    assert_eq!(page.step("invitation", wish).await, "identify");
    let before = invited.ground.event_count().await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "invitation_refused");
    assert!(browser.cookie("op").is_some(), "the login is none the worse");
    assert_eq!((invited.status().await.as_str(), invited.members().await), ("pending", 1));
    let told = invited.ground.events_after(before).await;
    assert_eq!(told, ["user.verification.succeeded", "session.created"]);
}

#[tokio::test]
async fn whom_the_wanted_organization_invites_is_asked_before_the_application_is_refused() {
    let invited = Invited::new("ada@example.com", json!({})).await;
    let application = Application::new(&invited.ground, "internal").await;
    let org = invited.organization.rsplit('/').next().unwrap();
    let browser = invited.ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let silent = answer_of(&application.ask(&browser, &[("org", org), ("prompt", "none")]).await);
    assert_eq!(silent["error"], "interaction_required");
    let flow = login_of(&application.ask(&browser, &[("org", org)]).await).expect("a question");
    let page = browser.page(&flow).await;
    let question = page.state().await["question"].clone();
    assert_eq!((&question["type"], &question["message"]), (&json!("invitation"), &json!("Come and join")));
    let other = page.post("consent", json!({ "approve": true })).await;
    assert_eq!(other.status, 409, "that is not what is asked: {other}");
    assert_eq!(page.step("invitation", json!({ "accept": true })).await, "done");
    let answer = answer_of(&go_on(&browser, &flow).await);
    let tokens = application.redeem(&answer["code"]).await;
    assert_eq!(tokens.status, 200, "{tokens}");
    assert_eq!((invited.status().await.as_str(), invited.members().await), ("accepted", 1));

    let declined = Invited::new("ada@example.com", json!({})).await;
    let application = Application::new(&declined.ground, "internal").await;
    let org = declined.organization.rsplit('/').next().unwrap();
    let browser = declined.ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let flow = login_of(&application.ask(&browser, &[("org", org)]).await).unwrap();
    let page = browser.page(&flow).await;
    assert_eq!(page.step("invitation", json!({ "accept": false })).await, "done");
    assert_eq!(answer_of(&go_on(&browser, &flow).await)["error"], "access_denied");
    assert_eq!(declined.status().await, "declined");
}

#[tokio::test]
async fn who_joins_an_organization_that_asks_for_a_second_factor_gives_one_in_the_same_login() {
    let invited = Invited::new("ada@example.com", json!({})).await;
    let security = json!({ "security": { "mfa_required": true } });
    invited.ground.app.root().patch(&invited.organization, security).expect(200).await;
    let application = Application::new(&invited.ground, "internal").await;
    let org = invited.organization.rsplit('/').next().unwrap();
    let browser = invited.ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let flow = login_of(&application.ask(&browser, &[("org", org)]).await).unwrap();
    assert_eq!(browser.page(&flow).await.step("invitation", json!({ "accept": true })).await, "done");
    assert_eq!((invited.status().await.as_str(), invited.members().await), ("accepted", 1));
    let more = login_of(&go_on(&browser, &flow).await).expect("a factor is asked for, and nobody is turned away");
    let page = browser.page(&more).await;
    assert_eq!(page.state().await["step"], "verify_email", "by the factor that there is");
    let _ = page.post("abort", json!({})).await;
    assert_eq!(answer_of(&go_on(&browser, &more).await)["error"], "access_denied");
}
