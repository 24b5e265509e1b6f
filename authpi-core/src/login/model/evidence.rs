//! What somebody has proven in the course of a login (idp §8.3, D61).

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::timestamp::Timestamp;

/// One factor.
pub const AAL1: &str = "aal1";

/// Two factors.
pub const AAL2: &str = "aal2";

/// What somebody proved first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstFactor {
    /// A password.
    Password,
    /// A password that an administrator set; it is spent, and another must take its place.
    TemporaryPassword,
    /// A mail was read: by its link.
    EmailLink,
    /// A mail was read: by its code.
    EmailCode,
    /// An earlier login in this browser, as its session tells.
    Session {
        /// Name of the method.
        method: String,
        /// What was proven.
        amr: Vec<String>,
    },
}

/// What somebody proved besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// A code of an app.
    Totp,
    /// A code on paper.
    BackupCode,
}

/// Everything that was proven in a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Who.
    pub user_id: UserId,
    /// By what.
    pub first: FirstFactor,
    /// By what else.
    pub second: Option<SecondFactor>,
    /// When the last of it was proven.
    pub at: Timestamp,
    /// A mail to the address of the user was read in this login.
    pub mail_read: bool,
    /// The browser stands in for the second factor: enough for a policy, and no factor.
    pub device_trusted: bool,
    /// Another password took the place of the one that was good for once.
    pub password_changed: bool,
    /// When the password of the user was set, if they proved one: once there is another, it proves nothing.
    #[serde(default)]
    pub password_set_at: Option<Timestamp>,
}

impl FirstFactor {
    /// Name of the login method, by idp §23.1.
    pub fn method(&self) -> &str {
        match self {
            Self::Password => "password",
            Self::TemporaryPassword => "temporary-password",
            Self::EmailLink => "email-link",
            Self::EmailCode => "email-otp",
            Self::Session { method, .. } => method,
        }
    }

    /// It shows that a mail was read.
    pub const fn is_mail(&self) -> bool {
        matches!(self, Self::EmailLink | Self::EmailCode)
    }

    fn amr(&self) -> Vec<String> {
        match self {
            Self::Password | Self::TemporaryPassword => vec!["pwd".to_owned()],
            Self::EmailLink => vec!["mlink".to_owned()],
            Self::EmailCode => vec!["otp".to_owned()],
            Self::Session { amr, .. } => amr.clone(),
        }
    }
}

impl SecondFactor {
    const fn amr(self) -> &'static str {
        match self {
            Self::Totp => "otp",
            Self::BackupCode => "bkc",
        }
    }
}

impl Evidence {
    /// A first factor, and nothing else.
    pub const fn new(user_id: UserId, first: FirstFactor, at: Timestamp) -> Self {
        let mail_read = first.is_mail();
        Self {
            user_id,
            first,
            second: None,
            at,
            mail_read,
            device_trusted: false,
            password_changed: false,
            password_set_at: None,
        }
    }

    /// A password, or one that is good for once, of a user whose password was set at `set_at`.
    pub fn of_password(user_id: UserId, first: FirstFactor, set_at: Option<Timestamp>, at: Timestamp) -> Self {
        Self { password_set_at: set_at, ..Self::new(user_id, first, at) }
    }

    /// It still proves something, if the password of the user was last set at `password_set_at`.
    pub fn holds(&self, password_set_at: Option<Timestamp>) -> bool {
        let is_typed = matches!(self.first, FirstFactor::Password | FirstFactor::TemporaryPassword);
        !is_typed || self.password_changed || self.password_set_at == password_set_at
    }

    /// Two factors were proven.
    pub fn is_mfa(&self) -> bool {
        let before = matches!(&self.first, FirstFactor::Session { amr, .. } if amr.iter().any(|word| word == "mfa"));
        before || self.second.is_some()
    }

    /// Authentication context class reference.
    pub fn acr(&self) -> &'static str {
        if self.is_mfa() { AAL2 } else { AAL1 }
    }

    /// Authentication methods references (RFC 8176).
    pub fn amr(&self) -> Vec<String> {
        let mut amr = self.first.amr();
        amr.extend(self.second.map(|second| second.amr().to_owned()));
        if self.is_mfa() {
            amr.push("mfa".to_owned());
        }
        let mut seen = std::collections::BTreeSet::new();
        amr.retain(|word| seen.insert(word.clone()));
        amr
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;

    fn evidence(first: FirstFactor, second: Option<SecondFactor>) -> Evidence {
        Evidence { second, ..Evidence::new(UserId::from_uuid(Uuid::nil()), first, Timestamp::EPOCH) }
    }

    #[test]
    fn mail_is_one_factor_and_two_of_them_are_two() {
        let told = |evidence: &Evidence| (evidence.amr().join(" "), evidence.acr());
        assert_eq!(told(&evidence(FirstFactor::Password, None)), ("pwd".to_owned(), AAL1));
        assert_eq!(told(&evidence(FirstFactor::EmailLink, None)), ("mlink".to_owned(), AAL1));
        let both = evidence(FirstFactor::EmailCode, Some(SecondFactor::Totp));
        assert_eq!(told(&both), ("otp mfa".to_owned(), AAL2));
        let paper = evidence(FirstFactor::Password, Some(SecondFactor::BackupCode));
        assert_eq!(told(&paper), ("pwd bkc mfa".to_owned(), AAL2));
        let read = Evidence { mail_read: true, device_trusted: true, ..evidence(FirstFactor::Password, None) };
        assert_eq!(told(&read), ("pwd".to_owned(), AAL1), "neither a mail nor a trusted browser is a second factor");
    }

    #[test]
    fn a_step_up_keeps_what_the_session_has_proven() {
        let session = |amr: &[&str]| FirstFactor::Session {
            method: "password".to_owned(),
            amr: amr.iter().map(|word| (*word).to_owned()).collect(),
        };
        assert_eq!(evidence(session(&["pwd"]), None).acr(), AAL1);
        let up = evidence(session(&["pwd"]), Some(SecondFactor::Totp));
        assert_eq!((up.amr().join(" "), up.acr(), up.first.method()), ("pwd otp mfa".to_owned(), AAL2, "password"));
        assert_eq!(evidence(session(&["pwd", "otp", "mfa"]), None).amr(), ["pwd", "otp", "mfa"]);
    }
}
