//! Kinds of login methods.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;

/// Kinds of login methods, by the names of idp §23.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = AuthMethodName)]
#[non_exhaustive]
pub enum AuthMethodKind {
    /// A password.
    Password,
    /// A password that an administrator set: good for one login, which changes it.
    TemporaryPassword,
    /// A link in a mail.
    EmailLink,
    /// A code in a mail.
    EmailOtp,
    /// A passkey.
    Webauthn,
    /// Codes of an authenticator app.
    #[serde(rename = "totp_app")]
    TotpApp,
    /// Codes on paper.
    #[serde(rename = "backup_codes")]
    BackupCodes,
    /// Another provider, by OAuth or `OpenID` Connect. The only one that an issuer may have several of.
    Oauth2,
}

words!(AuthMethodKind:
    "password" => Self::Password,
    "temporary-password" => Self::TemporaryPassword,
    "email-link" => Self::EmailLink,
    "magic_link" => Self::EmailLink,
    "email-otp" => Self::EmailOtp,
    "email_otp" => Self::EmailOtp,
    "webauthn" => Self::Webauthn,
    "passkey" => Self::Webauthn,
    "totp_app" => Self::TotpApp,
    "totp" => Self::TotpApp,
    "backup_codes" => Self::BackupCodes,
    "oauth2" => Self::Oauth2,
    "oidc" => Self::Oauth2,
);

/// What a new issuer starts with.
pub const DEFAULT_KINDS: [AuthMethodKind; 2] = [AuthMethodKind::Password, AuthMethodKind::EmailLink];

impl AuthMethodKind {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::TemporaryPassword => "temporary-password",
            Self::EmailLink => "email-link",
            Self::EmailOtp => "email-otp",
            Self::Webauthn => "webauthn",
            Self::TotpApp => "totp_app",
            Self::BackupCodes => "backup_codes",
            Self::Oauth2 => "oauth2",
        }
    }

    /// What a method of this kind is called unless somebody says otherwise.
    pub const fn default_name(self) -> &'static str {
        match self {
            Self::Password => "Password",
            Self::TemporaryPassword => "Temporary password",
            Self::EmailLink => "Email link",
            Self::EmailOtp => "Email code",
            Self::Webauthn => "Passkey",
            Self::TotpApp => "Authenticator app",
            Self::BackupCodes => "Backup codes",
            Self::Oauth2 => "Another provider",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_word_stands_for_the_kind_that_the_wire_shows() {
        for word in AuthMethodKind::WORDS {
            let kind: AuthMethodKind = word.parse().unwrap();
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.as_str().parse::<AuthMethodKind>().unwrap(), kind);
        }
    }
}
