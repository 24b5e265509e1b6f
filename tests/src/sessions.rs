//! Sessions, begun in process: no endpoint begins one.

use std::time::Duration;

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::device::model::Fingerprint;
use authpi_core::device::operations::{self as device, NewTrust};
use authpi_core::error::Refusal;
use authpi_core::id::{AccountId, ClientId, IssuerId, OrganizationId, SessionId, UserId};
use authpi_core::oauth::model::{CodeBinding, GrantBinding};
use authpi_core::oauth::operations::{self as oauth, NewAuthorization};
use authpi_core::session::model::{Authentication, Device, Location, SessionDetails};
use authpi_core::session::operations::opening::{self, NewSession, NewSessionKind};
use authpi_core::store::Change;
use authpi_core::timestamp::Timestamp;

use crate::App;

/// What happens to sessions besides what the Core API does.
enum Deed {
    Open(Box<NewSession>),
    Authorize(Box<Authorization>),
    IssueTokens(SessionId),
    TrustDevice(UserId),
}

/// An authorization of a client, as the browser of the user would give it.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// The session at the issuer.
    pub op: SessionId,
    /// To whom.
    pub client: ClientId,
    /// The organization that its tokens are selected to.
    pub org: Option<OrganizationId>,
    /// What is granted.
    pub grant: GrantBinding,
    /// What the code is bound to.
    pub code: CodeBinding,
}

struct Login {
    account: AccountId,
    issuer: IssuerId,
    deed: Deed,
}

#[async_trait]
impl Work for Login {
    type Output = String;

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.issuer)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<String, Refusal> {
        match &self.deed {
            Deed::Open(new) => Ok(opening::open(change, self.issuer, NewSession::clone(new)).await?.id.to_string()),
            Deed::Authorize(new) => {
                let op = change.reads().sessions().find(self.issuer, new.op).await?.ok_or(Refusal::NotFound)?;
                let new = NewAuthorization {
                    op,
                    client_id: new.client,
                    org_id: new.org,
                    grant: new.grant.clone(),
                    code: new.code.clone(),
                    code_lifetime: Duration::from_mins(1),
                    idle_timeout: IDLE_TIMEOUT,
                    extends: true,
                    origin: None,
                };
                Ok(oauth::authorize(change, self.issuer, new).await?.code.expose().to_owned())
            }
            Deed::IssueTokens(id) => {
                let session = change.reads().sessions().find(self.issuer, *id).await?.ok_or(Refusal::NotFound)?;
                Ok(opening::issue_tokens(change, session, true).await?.id.to_string())
            }
            Deed::TrustDevice(user) => {
                let fingerprint = Fingerprint::of(change.root_of(self.issuer)?, "browser");
                let new = NewTrust { fingerprint, name: None, user_agent: None, ttl: None };
                Ok(device::trust(change, self.issuer, *user, new).await?.0.id.to_string())
            }
        }
    }
}

/// Seconds that the sessions of tests last, in all and without activity.
pub const TTL: u32 = 604_800;
/// See [`TTL`].
pub const IDLE_TIMEOUT: u32 = 43_200;

fn details() -> SessionDetails {
    SessionDetails {
        authentication: Authentication {
            method: "password".to_owned(),
            amr: vec!["pwd".to_owned()],
            acr: Some("aal1".to_owned()),
            mfa: false,
            authenticated_at: Timestamp::from_millis(1_800_000_000_000),
        },
        device: Device { name: Some("Firefox / Linux".to_owned()), ..Device::default() },
        location: Location { ip: Some("192.0.2.7".to_owned()), ..Location::default() },
        origin: None,
    }
}

impl App {
    async fn deed(&self, issuer: &str, deed: Deed) -> Result<String, Refusal> {
        let mut segments = issuer.trim_start_matches("/v1/accounts/").split("/issuers/");
        let account = segments.next().unwrap().parse().unwrap();
        let issuer = segments.next().unwrap().parse().unwrap();
        self.authpi.run(&Login { account, issuer, deed }).await
    }

    /// Signs a user in at the issuer at `issuer`.
    pub async fn try_log_in(&self, issuer: &str, user: &str) -> Result<String, Refusal> {
        let new = NewSession {
            user_id: user.parse().unwrap(),
            of: NewSessionKind::Op { secret: None },
            details: details(),
            ttl: TTL,
            idle_timeout: IDLE_TIMEOUT,
            new_device: false,
        };
        self.deed(issuer, Deed::Open(Box::new(new))).await
    }

    /// Signs a user in at the issuer at `issuer`; returns the id of the session.
    pub async fn log_in(&self, issuer: &str, user: &str) -> String {
        self.try_log_in(issuer, user).await.unwrap()
    }

    /// Gives a client a session from the one of the user at the issuer; returns its id. It has no token yet.
    pub async fn authorize(&self, issuer: &str, user: &str, op: &str, client: &str, org: Option<&str>) -> String {
        let new = NewSession {
            user_id: user.parse().unwrap(),
            of: NewSessionKind::Rp {
                op_session_id: op.parse().unwrap(),
                client_id: client.parse().unwrap(),
                org_id: org.map(|org| org.parse().unwrap()),
                unused_until: Timestamp::from_millis(self.now() + 60_000),
            },
            details: details(),
            ttl: TTL,
            idle_timeout: IDLE_TIMEOUT,
            new_device: false,
        };
        self.deed(issuer, Deed::Open(Box::new(new))).await.unwrap()
    }

    /// Gives a client a code.
    pub async fn authorization_code(&self, issuer: &str, authorization: Authorization) -> String {
        self.deed(issuer, Deed::Authorize(Box::new(authorization))).await.unwrap()
    }

    /// The browser of a user stands in for a second factor.
    pub async fn trust_device(&self, issuer: &str, user: &str) {
        self.deed(issuer, Deed::TrustDevice(user.parse().unwrap())).await.unwrap();
    }

    /// Tokens are issued for the session of a client.
    pub async fn issue_tokens(&self, issuer: &str, session: &str) {
        self.deed(issuer, Deed::IssueTokens(session.parse().unwrap())).await.unwrap();
    }
}
