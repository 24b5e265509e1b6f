//! What is personal and what is secret in an invitation.

use serde::{Deserialize, Serialize};

use super::Invitation;
use crate::error::Refusal;
use crate::id::InvitationId;
use crate::seal::{RootKey, Sealed};
use crate::secret::{Peppers, Secret, SecretHash};

/// What the hashes of link tokens are made for.
const TOKEN_PURPOSE: &str = "invitation-link";

/// Who is invited, and what they are told: personal, of somebody who is no user yet.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitee {
    /// The address, in lower case.
    pub email: String,
    /// What the inviter says.
    pub message: Option<String>,
    /// What the inviter is called.
    pub inviter_name: Option<String>,
}

/// Personal data stays out of logs.
impl std::fmt::Debug for Invitee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Invitee(..)")
    }
}

fn seal_context(id: InvitationId) -> String {
    format!("invitation:{id}")
}

impl Invitee {
    /// Seals it as that of the invitation `id`.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the seal fails.
    pub fn sealed(&self, root: &RootKey, id: InvitationId) -> Result<Sealed, Refusal> {
        let plain = serde_json::to_vec(self).map_err(Refusal::internal)?;
        root.seal(&seal_context(id), &plain).map_err(Refusal::internal)
    }
}

impl Invitation {
    /// Who is invited; `None` once that was erased.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it does not open.
    pub fn invitee(&self, root: &RootKey) -> Result<Option<Invitee>, Refusal> {
        let Some(sealed) = &self.sealed else { return Ok(None) };
        let plain = root.open(&seal_context(self.id), sealed).map_err(Refusal::internal)?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| Refusal::internal("a sealed invitee is malformed"))
    }
}

/// What the link of an invitation carries: which one it is, and 256 random bits that prove its mail was read.
pub struct LinkToken {
    /// Which invitation.
    pub id: InvitationId,
    secret: Secret,
}

impl LinkToken {
    /// The token of a new link.
    pub const fn new(id: InvitationId, secret: Secret) -> Self {
        Self { id, secret }
    }

    /// From a link.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        Some(Self { id: id.parse().ok()?, secret: Secret::new(secret) })
    }

    /// As the link carries it.
    pub fn text(&self) -> Secret {
        Secret::new(format!("{}.{}", self.id, self.secret.expose()))
    }

    /// What is stored of it.
    pub fn hash(&self, peppers: &Peppers) -> SecretHash {
        peppers.hash(TOKEN_PURPOSE, self.text().expose().as_bytes())
    }

    /// It is the one that was hashed.
    pub fn is(&self, hash: &SecretHash, peppers: &Peppers) -> bool {
        peppers.verify(TOKEN_PURPOSE, self.text().expose().as_bytes(), hash)
    }
}
