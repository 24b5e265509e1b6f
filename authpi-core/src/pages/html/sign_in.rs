//! Who are you, and can you prove it: the first factor.

use serde::Serialize;

use super::parts::{Account, Method, Step};
use super::policy::{Forms, Policy};
use super::render::Page;

/// Asks who signs in. Posts `identifier`.
#[derive(Clone, Debug, Serialize)]
pub struct Identify {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there; `None`: no method needs a name, only the buttons are shown.
    pub action: Option<String>,
    /// What was typed, or is a hint.
    pub identifier: String,
    /// Names are addresses: the keyboard of a telephone shows the at sign.
    pub is_email: bool,
    /// Other ways: passkeys and other providers.
    pub methods: Vec<Method>,
    /// Link to sign up.
    pub sign_up: Option<String>,
}

/// Asks for the password. Posts `password`, with the identifier beside it for password managers.
#[derive(Clone, Debug, Serialize)]
pub struct Password {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// Who.
    pub account: Account,
    /// Other ways.
    pub methods: Vec<Method>,
    /// Link for those who forgot it.
    pub forgot: Option<String>,
}

/// Asks for the way, where it is not the password.
#[derive(Clone, Debug, Serialize)]
pub struct ChooseMethod {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Who.
    pub account: Option<Account>,
    /// The ways.
    pub methods: Vec<Method>,
    /// After the first factor.
    pub second: bool,
}

/// Asks for the code that was mailed. Posts `code`.
#[derive(Clone, Debug, Serialize)]
pub struct EmailCode {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// What it is for.
    pub purpose: CodePurpose,
    /// Where it was sent, as it was typed.
    pub address: String,
    /// How many digits.
    pub length: u8,
    /// Sending another one posts there.
    pub resend: Option<String>,
    /// Other ways.
    pub methods: Vec<Method>,
}

/// What a mailed code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodePurpose {
    /// Signing in.
    SignIn,
    /// Adding the first second factor.
    Enrollment,
    /// Confirming the address.
    VerifyEmail,
}

fn methods_policy(methods: &[Method]) -> Policy {
    let connects = methods.iter().any(|method| method.kind.needs_script());
    Policy { connects, ..Policy::with(Forms::Anywhere) }
}

impl Page for Identify {
    const TEMPLATE: &'static str = "identify.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        methods_policy(&self.methods)
    }
}

impl Page for Password {
    const TEMPLATE: &'static str = "password.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        methods_policy(&self.methods)
    }
}

impl Page for ChooseMethod {
    const TEMPLATE: &'static str = "choose-method.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        methods_policy(&self.methods)
    }
}

impl Page for EmailCode {
    const TEMPLATE: &'static str = "email-code.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        methods_policy(&self.methods)
    }
}
