//! Domains of accounts, as if their DNS records had been found.

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::domain::model::{AccountDomain, DomainState};
use authpi_core::error::Refusal;
use authpi_core::hostname::Hostname;
use authpi_core::id::{AccountId, IssuerId};
use authpi_core::outcome::InsertOutcome;
use authpi_core::store::Change;

use crate::App;

/// Has a domain serve an issuer, or nobody.
struct Site {
    account: AccountId,
    host: Hostname,
    serves: Option<IssuerId>,
}

#[async_trait]
impl Work for Site {
    type Output = ();

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        self.serves
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let now = change.now();
        let state = match self.serves {
            Some(issuer_id) => DomainState::Assigned { verified_at: now, issuer_id, at: now },
            None => DomainState::Verified { at: now },
        };
        let found = change.reads().domains().find(self.account, &self.host).await?;
        let Some(before) = found else {
            let (account_id, host) = (self.account, self.host.clone());
            let domain = AccountDomain { host, account_id, state, primary: true, added_at: now, updated_at: now };
            return match change.unit().domains().insert(&domain).await? {
                InsertOutcome::Inserted => Ok(()),
                InsertOutcome::Taken => Err(Refusal::conflict("The domain is taken.")),
            };
        };
        let version = before.updated_at;
        let after = AccountDomain { state, updated_at: version.next_version(now), ..before };
        change.unit().domains().update(&after, version).await?.required()
    }
}

impl App {
    /// Has a domain of the account serve the issuer at a path from now on, or nobody.
    pub async fn serve_at(&self, host: &str, issuer: Option<&str>) {
        let serves = issuer.map(|issuer| issuer.rsplit('/').next().unwrap().parse().unwrap());
        let work = Site { account: self.account.parse().unwrap(), host: host.parse().unwrap(), serves };
        self.authpi.run(&work).await.unwrap();
    }
}
