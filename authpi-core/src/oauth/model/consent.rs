//! What a user has agreed that a client may get (idp §19).

use crate::id::{ClientId, IssuerId, UserId};
use crate::timestamp::Timestamp;

/// The consent of a user to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Where both live.
    pub issuer_id: IssuerId,
    /// Who agreed.
    pub user_id: UserId,
    /// To whom.
    pub client_id: ClientId,
    /// To which scopes; sorted.
    pub scopes: Vec<String>,
    /// For which audiences; sorted.
    pub resources: Vec<String>,
    /// When they agreed last.
    pub granted_at: Timestamp,
}

impl Consent {
    /// It covers these scopes and audiences.
    pub fn covers(&self, scopes: &[String], resources: &[String]) -> bool {
        scopes.iter().all(|scope| self.scopes.contains(scope))
            && resources.iter().all(|resource| self.resources.contains(resource))
    }

    /// The consent widened by what was agreed to at `now`.
    #[must_use]
    pub fn widened(mut self, scopes: &[String], resources: &[String], now: Timestamp) -> Self {
        for (known, new) in [(&mut self.scopes, scopes), (&mut self.resources, resources)] {
            known.extend(new.iter().cloned());
            known.sort_unstable();
            known.dedup();
        }
        self.granted_at = now;
        self
    }
}
