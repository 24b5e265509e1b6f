//! The second factor: asked for, added, and its codes of last resort.

use serde::{Serialize, Serializer};

use super::parts::{Account, Method, Step};
use super::policy::{Forms, Policy};
use super::qr;
use super::render::Page;

/// Asks for the second factor. Posts `code`, and `trust_device` = `true` when ticked.
#[derive(Clone, Debug, Serialize)]
pub struct SecondFactor {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// Which one.
    pub factor: Factor,
    /// Who.
    pub account: Option<Account>,
    /// This browser can be remembered, for so many days.
    pub trust_days: Option<u32>,
    /// Other ways.
    pub methods: Vec<Method>,
}

/// A second factor that is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// The code of an authenticator app.
    Totp,
    /// A backup code.
    BackupCode,
}

/// Adds an authenticator app. Posts its first `code`.
#[derive(Clone, Serialize)]
pub struct EnrollTotp {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// Secret in base 32.
    #[serde(serialize_with = "grouped")]
    pub secret: String,
    /// `otpauth://…`: shown as a QR code.
    #[serde(rename = "qr", serialize_with = "as_qr")]
    pub uri: String,
    /// Not now: posts there.
    pub skip: Option<String>,
}

/// In groups of four, which people can copy by hand.
fn grouped<S: Serializer>(secret: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let letters: Vec<char> = secret.chars().filter(|char| !char.is_whitespace()).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    serializer.serialize_str(&groups.join(" "))
}

fn as_qr<S: Serializer>(uri: &str, serializer: S) -> Result<S::Ok, S::Error> {
    qr::path(uri).serialize(serializer)
}

/// Shows backup codes, this once. Going on posts nothing but the ticket.
#[derive(Clone, Serialize)]
pub struct BackupCodes {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// Whose they are, for the printed page.
    pub identifier: String,
    /// The codes.
    pub codes: Vec<String>,
}

impl Page for SecondFactor {
    const TEMPLATE: &'static str = "second-factor.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        let connects = self.methods.iter().any(|method| method.kind.needs_script());
        Policy { connects, ..Policy::with(Forms::Anywhere) }
    }
}

impl Page for EnrollTotp {
    const TEMPLATE: &'static str = "enroll-totp.html";
    const SENSITIVE: bool = true;

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}

impl Page for BackupCodes {
    const TEMPLATE: &'static str = "backup-codes.html";
    const SENSITIVE: bool = true;

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}
