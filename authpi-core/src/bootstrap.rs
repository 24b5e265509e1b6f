//! The first account of an empty instance: made once for all time, its credentials handed out once (core-api section 4).
//!
//! Whoever starts an empty instance gets a [`PendingBootstrap`]: everything is written and nothing is committed, so that
//! the host can put the credentials in a safe place first. Of several processes that start together one gets it, and the
//! others wait until it has committed, or try themselves when it gave up. Once an account existed there is no second
//! bootstrap, whatever is deleted later.

use std::fmt;
use std::sync::Arc;

use crate::account::operations as accounts;
use crate::account::operations::NewAccount;
use crate::authpi::AuthPi;
use crate::credential::model::KeyLevel;
use crate::credential::operations as credentials;
use crate::credential::operations::NewApiKey;
use crate::error::{Refusal, StoreError};
use crate::event::model::Trigger;
use crate::id::{AccountId, ApiKeyId};
use crate::issuer::model::{IssuerDetails, IssuerStatus};
use crate::issuer::operations as issuers;
use crate::issuer::operations::NewIssuer;
use crate::keyring::NewRoot;
use crate::metadata::Metadata;
use crate::outcome::InsertOutcome;
use crate::scope::{Scope, Scopes};
use crate::secret::Secret;
use crate::store::{Change, Platform, UnitOfWork};
use crate::web::services::{Origin, Services};

/// How often a process tries to be the one: each try waits for the other's lock as long as storage allows (2 s on
/// PostgreSQL), which adds up to more time than a host needs to write a file.
const ATTEMPTS: usize = 30;

/// Name of the platform's own issuer.
const PLATFORM_NAME: &str = "platform";

/// Name of the first API key.
const KEY_NAME: &str = "bootstrap";

/// What the start of an instance finds.
#[derive(Debug)]
pub enum Bootstrap {
    /// There was an account before, or another process has just made the first one.
    Already,
    /// The first account, about to exist.
    Pending(PendingBootstrap),
}

/// The first account, written and not committed. Dropping it undoes everything.
///
/// It holds a transaction, on SQLite the only one that may write: commit soon, and ask the engine nothing meanwhile.
pub struct PendingBootstrap {
    unit: Box<dyn UnitOfWork>,
    credentials: BootstrapCredentials,
}

/// What opens the first account; the secret is nowhere else.
pub struct BootstrapCredentials {
    /// The first account.
    pub account_id: AccountId,
    /// Its API key, which may do everything there.
    pub key_id: ApiKeyId,
    /// Secret of the key.
    pub key_secret: Secret,
    /// Base of the Core API, without `/v1`.
    pub core_url: String,
    /// Base of the IdP; an issuer is at `{idp_url}/{issuer_id}`.
    pub idp_url: String,
}

/// Why there is no first account.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process has begun and does not finish.
    #[error("another process has been making the first account for a long time; see whether it hangs")]
    Busy,
    /// The vault, the source of randomness, or a defect.
    #[error("the first account cannot be made: {0}")]
    Failed(Refusal),
}

impl fmt::Debug for BootstrapCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootstrapCredentials")
            .field("account_id", &self.account_id)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PendingBootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingBootstrap").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

impl From<Refusal> for BootstrapError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => Self::Store(error),
            other => Self::Failed(other),
        }
    }
}

impl PendingBootstrap {
    /// What to write down before committing.
    pub const fn credentials(&self) -> &BootstrapCredentials {
        &self.credentials
    }

    /// Makes the account exist.
    ///
    /// # Errors
    /// [`StoreError`]. Should the connection have broken during the commit itself, the account may exist all the same:
    /// keep the credentials, and ask [`AuthPi::knows_api_key`] at the next start.
    pub async fn commit(self) -> Result<BootstrapCredentials, StoreError> {
        self.unit.commit().await?;
        Ok(self.credentials)
    }
}

impl AuthPi {
    /// Makes the platform's issuer, the first account with an organization called `name`, and an API key that may do
    /// everything there, if there was no account ever.
    ///
    /// # Errors
    /// [`BootstrapError`]; then nothing was made.
    pub async fn bootstrap(&self, name: &str) -> Result<Bootstrap, BootstrapError> {
        let services = self.services();
        if services.platform().await?.is_some() {
            return Ok(Bootstrap::Already);
        }
        let root = services.new_root().await?;
        for _ in 0..ATTEMPTS {
            match attempt(services, &root, name).await {
                Ok(Some(pending)) => return Ok(Bootstrap::Pending(pending)),
                Ok(None) => return Ok(Bootstrap::Already),
                Err(refusal) if refusal.is_retryable() => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Err(BootstrapError::Busy)
    }

    /// There is such a key: tells whether credentials that an interrupted bootstrap left behind are of this instance.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn knows_api_key(&self, key: ApiKeyId) -> Result<bool, StoreError> {
        Ok(self.services().store.reads().api_keys().authentication(key).await?.is_some())
    }
}

/// One try; `None` when the platform was founded meanwhile.
async fn attempt(services: &Arc<Services>, root: &NewRoot, name: &str) -> Result<Option<PendingBootstrap>, Refusal> {
    let now = services.now();
    let account_id: AccountId = services.ids.mint(now).map_err(Refusal::internal)?;
    let origin = Origin::of_instance(account_id, Trigger::System);
    let context = services.change_context(origin, root.root());
    let mut change = Change::new(services.store.begin(now).await?, &context);
    let platform = Platform { issuer_id: root.issuer_id, account_id };
    // First, for it is what others wait at.
    if change.unit().instance().found_platform(platform).await? == InsertOutcome::Taken {
        return Ok(None);
    }
    accounts::open(&mut change, NewAccount { id: account_id, platform: platform.issuer_id, name: name.to_owned() })
        .await?;
    issuers::create(&mut change, platform_issuer(account_id, root)).await?;
    let (key, key_secret) = credentials::create(&mut change, first_key(platform)?).await?;
    let base = services.urls.base().to_owned();
    let credentials =
        BootstrapCredentials { account_id, key_id: key.id, key_secret, core_url: base.clone(), idp_url: base };
    Ok(Some(PendingBootstrap { unit: change.into_unit().await?, credentials }))
}

fn platform_issuer(account_id: AccountId, root: &NewRoot) -> NewIssuer<'_> {
    NewIssuer {
        account_id,
        root,
        platform: true,
        status: IssuerStatus::Active,
        details: IssuerDetails { name: PLATFORM_NAME.to_owned(), ..IssuerDetails::default() },
        metadata: Metadata::default(),
    }
}

fn first_key(platform: Platform) -> Result<NewApiKey, Refusal> {
    let everything: Scope = "*:**".parse().map_err(Refusal::internal)?;
    Ok(NewApiKey {
        account_id: platform.account_id,
        org_id: platform.account_id.organization(),
        issuer_id: platform.issuer_id,
        level: KeyLevel::Account,
        name: KEY_NAME.to_owned(),
        description: None,
        tags: Vec::new(),
        scopes: Scopes::from_iter([everything]),
        ip_allowlist: Vec::new(),
        rate_limit: None,
        expires_at: None,
        metadata: Metadata::default(),
        secret: None,
        secret_hint: None,
    })
}
