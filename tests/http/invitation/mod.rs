//! /v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/invitations

mod answers;
mod approval;
mod bounds;
mod making;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::error::Refusal;
use authpi_core::id::{AccountId, IssuerId, UserId};
use authpi_core::invitation::model::LinkToken;
use authpi_core::invitation::operations::{Door, accept, decline};
use authpi_core::membership::model::Membership;
use authpi_core::store::Change;
use authpi_core::worker;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::postbox::Postbox;
use tests::{App, Reply};

use super::DRIVER;

const DAY: Duration = Duration::from_hours(24);

/// An organization that people are invited into.
struct Ground {
    app: App,
    post: Arc<Postbox>,
    issuer: String,
    organization: String,
    invitations: String,
}

impl Ground {
    async fn new(organization: Value) -> Self {
        let post = Postbox::new();
        let app = App::start_mailing(DRIVER, Arc::clone(&post) as _).await;
        let issuer = app.issuer().await;
        let made = app.root().post(&format!("{issuer}/organizations"), organization).expect(201).await;
        let organization = format!("{issuer}/organizations/{}", made.id());
        let invitations = format!("{organization}/invitations");
        Self { app, post, issuer, organization, invitations }
    }

    async fn plain() -> Self {
        Self::new(json!({ "name": "Acme" })).await
    }

    async fn with_approval() -> Self {
        Self::new(json!({ "name": "Acme", "invitations": { "require_approval": true } })).await
    }

    async fn invite(&self, body: Value) -> Reply {
        self.app.root().post(&self.invitations, body).expect(201).await
    }

    async fn invited(&self, email: &str) -> String {
        self.invite(json!({ "email": email, "scopes": ["a:read"] })).await.id()
    }

    fn one(&self, id: &str) -> String {
        format!("{}/{id}", self.invitations)
    }

    async fn act(&self, id: &str, action: &str, status: u16) -> Reply {
        self.app.root().act(&format!("{}/{action}", self.one(id))).expect(status).await
    }

    async fn get(&self, id: &str) -> Value {
        self.app.root().get(&self.one(id)).expect(200).await.data().clone()
    }

    async fn statuses(&self, query: &str) -> Vec<String> {
        let page = self.app.root().get(&format!("{}?{query}", self.invitations)).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap().to_owned()).collect()
    }

    async fn pending(&self) -> Value {
        let organization = self.app.root().get(&self.organization).expect(200).await;
        organization.data()["stats"]["n_pending_invitations"].clone()
    }

    async fn work(&self) {
        worker::run_once(self.app.authpi.services()).await.unwrap();
    }

    /// The token of the link in the mail that was sent since the last look.
    async fn token(&self) -> String {
        self.work().await;
        let text = self.post.only().text;
        text.split("/invitation?token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }

    /// A user whose address is proven, or not.
    async fn user(&self, email: &str, verified: bool) -> UserId {
        let body = json!({ "email": email, "profile": { "email_verified": verified } });
        self.app.root().post(&format!("{}/users", self.issuer), body).expect(201).await.id().parse().unwrap()
    }

    fn entering(&self, token: &str, user: UserId) -> Enter {
        Enter {
            account: self.app.account.parse().unwrap(),
            issuer: self.issuer.rsplit('/').next().unwrap().parse().unwrap(),
            door: Door::Link(LinkToken::parse(token).unwrap()),
            user,
        }
    }

    async fn accept(&self, token: &str, user: UserId) -> Result<Membership, Refusal> {
        self.app.authpi.run(&Accept(self.entering(token, user))).await
    }
}

struct Enter {
    account: AccountId,
    issuer: IssuerId,
    door: Door,
    user: UserId,
}

struct Accept(Enter);

struct Decline(Enter);

#[async_trait]
impl Work for Accept {
    type Output = Membership;

    fn account(&self) -> AccountId {
        self.0.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.0.issuer)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<Membership, Refusal> {
        accept(change, self.0.issuer, &self.0.door, self.0.user).await
    }
}

#[async_trait]
impl Work for Decline {
    type Output = ();

    fn account(&self) -> AccountId {
        self.0.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.0.issuer)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        decline(change, self.0.issuer, &self.0.door, self.0.user).await
    }
}
