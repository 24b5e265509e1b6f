//! What people and programs leave behind at the endpoints of an issuer.

use std::time::Duration;

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::error::Refusal;
use authpi_core::id::{AccountId, ClientId, IssuerId, UserId};
use authpi_core::login::model::{LoginRequest, Wants};
use authpi_core::oauth::model::{CodeBinding, Consent, GrantBinding, OnceKey, Resources};
use authpi_core::outcome::InsertOutcome;
use authpi_core::store::Change;
use serde_json::json;

use crate::App;
use crate::sessions::Authorization;
use crate::world::World;

/// A consent, a token that is revoked, and an assertion that is spent.
struct Traces {
    account: AccountId,
    issuer: IssuerId,
    user: UserId,
    client: ClientId,
}

#[async_trait]
impl Work for Traces {
    type Output = ();

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.issuer)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let (now, issuer) = (change.now(), self.issuer);
        let until = now.plus(Duration::from_mins(10));
        let (user_id, client_id) = (self.user, self.client);
        let (scopes, resources) = (vec!["openid".to_owned()], Vec::new());
        let consent = Consent { issuer_id: issuer, user_id, client_id, scopes, resources, granted_at: now };
        let peppers = &change.keyring().peppers;
        let (token, assertion) =
            (OnceKey::of_token(peppers, issuer, "jti"), OnceKey::of_assertion(peppers, client_id, "jti"));
        let grants = change.unit().grants();
        grants.write_consent(&consent).await?;
        grants.deny(issuer, token, until).await?;
        match grants.use_once(issuer, assertion, until).await? {
            InsertOutcome::Inserted => Ok(()),
            InsertOutcome::Taken => Err(Refusal::conflict("The assertion was spent before.")),
        }
    }
}

impl World {
    /// An authorization, a login that goes on, what was tried and mailed in it.
    pub(crate) async fn signing_in(&self, app: &App) {
        let (user, client, issuer) = (self.id("user_id"), self.id("client_id"), self.in_issuer(""));
        let resources = Resources::parse(std::iter::empty()).unwrap();
        let authorization = Authorization {
            op: app.log_in(&issuer, user).await.parse().unwrap(),
            client: client.parse().unwrap(),
            org: Some(self.id("org_id").parse().unwrap()),
            grant: GrantBinding {
                iss: format!("{}/{}", app.base, self.id("issuer_id")),
                scopes: vec!["openid".to_owned()],
                resources: resources.clone(),
                claims: None,
            },
            code: CodeBinding {
                redirect_uri: "https://app.example.com/cb".to_owned(),
                challenge: None,
                nonce: None,
                resources,
            },
        };
        app.authorization_code(&issuer, authorization).await;
        let account = self.account().parse().unwrap();
        let issuer_id = self.id("issuer_id").parse().unwrap();
        let traces =
            Traces { account, issuer: issuer_id, user: user.parse().unwrap(), client: client.parse().unwrap() };
        app.authpi.run(&traces).await.unwrap();
        let shown = self.root.get(&self.in_issuer(&format!("/users/{user}"))).expect(200).await;
        let name = shown.data()["username"].as_str().unwrap();
        let wants = Wants { fresh: true, ..Wants::default() };
        let request = LoginRequest { client_id: Some(client.parse().unwrap()), wants, ..LoginRequest::default() };
        let browser = app.browser(&issuer);
        let page = browser.begin(request).await;
        page.step("identify", json!({ "identifier": name })).await;
        page.step("password", json!({ "password": "not this one" })).await;
        page.step("magic-link", json!({})).await;
    }
}
