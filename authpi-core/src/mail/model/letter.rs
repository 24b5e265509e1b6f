//! What of a mail is sealed: who gets it and what it says.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Mail;
use crate::error::Refusal;
use crate::hostname::Hostname;
use crate::id::MailId;
use crate::mailbox::Mailbox;
use crate::seal::{RootKey, Sealed};
use crate::secret::Secret;
use crate::timestamp::Timestamp;

/// What of a mail is personal or secret: sealed until it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Letter {
    /// Recipient, as it stands on the record.
    pub to: Address,
    /// What it says beyond what can be asked for when it is rendered.
    pub content: Content,
}

/// A recipient inside a [`Letter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(pub Mailbox);

/// What a mail says beyond what can be asked for when it is rendered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// The link of an invitation.
    Link {
        /// What opens it.
        token: LinkToken,
    },
    /// Something happened.
    Notice(Notice),
    /// Something to go on with a login.
    Flow(FlowLetter),
}

/// What a mail says that somebody asked for in a login: one link, or one code, and how it came to be.
#[derive(Debug, Serialize, Deserialize)]
pub struct FlowLetter {
    /// What the link carries.
    pub token: Option<LinkToken>,
    /// What is typed.
    pub code: Option<LinkToken>,
    /// The application that asked.
    pub application: Option<String>,
    /// When it was asked for.
    pub at: Timestamp,
    /// From which address.
    pub ip: Option<String>,
    /// In which country.
    pub country: Option<String>,
    /// With what.
    pub device: Option<String>,
    /// From then on it is worth nothing.
    pub expires_at: Option<Timestamp>,
    /// The domain of the issuer where it was asked for; none at the base.
    #[serde(default)]
    pub site: Option<Hostname>,
}

/// The clear token of a link: nowhere else, and gone with the mail.
pub struct LinkToken(pub Secret);

/// What a notice tells of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The given name of the token, agent, key or webhook.
    pub name: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// Address it came from; known and told only when the user acted.
    pub ip: Option<String>,
    /// Country of the address.
    pub country: Option<String>,
    /// What it was done with.
    pub device: Option<String>,
    /// Somebody else than the user did it: an administrator or an application.
    pub by_another: bool,
    /// The same happened that many times more, and was not told by mails of their own.
    pub folded: u32,
}

impl Letter {
    /// Seals it as the letter of the mail `id`.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the seal fails.
    pub fn sealed(&self, root: &RootKey, id: MailId) -> Result<Sealed, Refusal> {
        let plain = Zeroizing::new(serde_json::to_vec(self).map_err(Refusal::internal)?);
        root.seal(&Mail::seal_context(id), &plain).map_err(Refusal::internal)
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Mailbox::parse(&text).map(Self).ok_or_else(|| serde::de::Error::custom("not a mailbox"))
    }
}

impl Serialize for LinkToken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for LinkToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(..)")
    }
}
