//! A login as a row: what of it storage sees, and what it does not.

use std::time::Duration;

use zeroize::Zeroizing;

use super::cookies::BrowserMark;
use super::flow::FlowState;
use super::proof::MailProof;
use crate::error::Refusal;
use crate::id::{AccountId, ClientId, FlowId, IssuerId};
use crate::seal::{RootKey, Sealed};
use crate::timestamp::Timestamp;

/// How long a login may take (D82).
pub const LASTS: Duration = Duration::from_mins(15);

/// How much longer one is kept for what was mailed in it, however often it was: as long as an issuer may have links of
/// logins be good.
const WAITED_FOR: Duration = Duration::from_hours(1);

/// How long one whose time is over is still known: whoever comes too late is told, and leaves a trace. Logins that nobody
/// comes back to leave none, as anybody can begin any number of them.
pub const OVER_KEPT: Duration = Duration::from_hours(1);

/// A login under way.
#[derive(Clone)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// Account of the issuer.
    pub account_id: AccountId,
    /// Where it leads.
    pub issuer_id: IssuerId,
    /// The browser it was begun in.
    pub browser: BrowserMark,
    /// How far it has come.
    pub state: FlowState,
    /// From then on it leads nowhere.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Its version: every step compares and moves it.
    pub updated_at: Timestamp,
}

/// A login as storage holds it.
#[derive(Clone, Debug)]
pub struct SealedFlow {
    /// [`Flow::id`]
    pub id: FlowId,
    /// [`Flow::account_id`]
    pub account_id: AccountId,
    /// [`Flow::issuer_id`]
    pub issuer_id: IssuerId,
    /// The application that asked.
    pub client_id: Option<ClientId>,
    /// [`Flow::browser`]
    pub browser: BrowserMark,
    /// [`FlowState`], under the root key of the issuer.
    pub sealed: Sealed,
    /// [`Flow::expires_at`]
    pub expires_at: Timestamp,
    /// [`Flow::created_at`]
    pub created_at: Timestamp,
    /// [`Flow::updated_at`]
    pub updated_at: Timestamp,
}

fn seal_context(id: FlowId) -> String {
    format!("flow:{id}")
}

impl Flow {
    /// What a mail says of its time holds, as far as a login waits for anything.
    pub fn wait_for(&mut self, mail: &MailProof) {
        let at_most = self.created_at.plus(LASTS + WAITED_FOR);
        self.expires_at = self.expires_at.max(mail.expires_at.min(at_most));
    }

    /// For storage.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the seal fails.
    pub fn sealed(&self, root: &RootKey) -> Result<SealedFlow, Refusal> {
        let plain = Zeroizing::new(serde_json::to_vec(&self.state).map_err(Refusal::internal)?);
        Ok(SealedFlow {
            id: self.id,
            account_id: self.account_id,
            issuer_id: self.issuer_id,
            client_id: self.state.request.client_id,
            browser: self.browser,
            sealed: root.seal(&seal_context(self.id), &plain).map_err(Refusal::internal)?,
            expires_at: self.expires_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl SealedFlow {
    /// As it is worked with.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it does not open.
    pub fn opened(self, root: &RootKey) -> Result<Flow, Refusal> {
        let plain = root.open(&seal_context(self.id), &self.sealed).map_err(Refusal::internal)?;
        let state = serde_json::from_slice(&plain).map_err(|_| Refusal::internal("a sealed flow is malformed"))?;
        Ok(Flow {
            id: self.id,
            account_id: self.account_id,
            issuer_id: self.issuer_id,
            browser: self.browser,
            state,
            expires_at: self.expires_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;
    use crate::login::model::{LoginRequest, Step};

    #[test]
    fn no_changed_byte_of_a_stored_flow_opens() {
        let root = RootKey::new([5; 32]);
        let flow = Flow {
            id: FlowId::from_uuid(Uuid::from_u128(1)),
            account_id: AccountId::from_uuid(Uuid::nil()),
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            browser: BrowserMark::from_bytes([1; 32]),
            state: FlowState::new(LoginRequest::default()),
            expires_at: Timestamp::EPOCH,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        };
        let stored = flow.sealed(&root).unwrap();
        assert_eq!(stored.clone().opened(&root).unwrap().state.step(), Step::Identify);
        for place in 0..stored.sealed.as_bytes().len() {
            let mut bytes = stored.sealed.as_bytes().to_vec();
            bytes[place] ^= 1;
            assert!(SealedFlow { sealed: Sealed::from_bytes(bytes), ..stored.clone() }.opened(&root).is_err());
        }
        let moved = SealedFlow { id: FlowId::from_uuid(Uuid::from_u128(2)), ..stored };
        assert!(moved.opened(&root).is_err());
    }
}
