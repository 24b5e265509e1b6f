//! What is wrong with what somebody typed.

use serde::Serialize;

/// A problem that a page names; the catalogues have its text as `problem-…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "key", content = "arguments", rename_all = "kebab-case")]
pub enum Problem {
    /// Nothing was given.
    Required,
    /// Not an e-mail address.
    InvalidEmail,
    /// Not a telephone number.
    InvalidPhone,
    /// Of no form that is allowed.
    InvalidFormat,
    /// User and password do not belong together; says not which of them is wrong.
    WrongCredentials,
    /// Not the present password.
    WrongPassword,
    /// Not the code.
    WrongCode,
    /// The code or link is too old, or was used.
    ExpiredCode,
    /// Too many wrong tries: locked for a while.
    Locked {
        /// For so long yet.
        minutes: u32,
    },
    /// Too many requests.
    TooMany {
        /// For so long yet.
        seconds: u32,
    },
    /// The new password is too short.
    PasswordTooShort {
        /// So many characters at least.
        least: u32,
    },
    /// The new password is too long.
    PasswordTooLong {
        /// So many characters at most.
        most: u32,
    },
    /// The new password is known from a breach.
    PasswordBreached,
    /// The new password has the username in it.
    PasswordNamesUser,
    /// The new password is the old one.
    PasswordUnchanged,
    /// Somebody has it already.
    Taken,
    /// Addresses of other domains cannot sign up.
    DomainNotAllowed,
    /// Must be ticked.
    MustAccept,
    /// Too many characters.
    TooLong {
        /// So many at most.
        most: u32,
    },
    /// Not a number.
    NotANumber,
    /// Too small a number.
    TooSmall {
        /// The smallest.
        least: String,
    },
    /// Too large a number.
    TooBig {
        /// The largest.
        most: String,
    },
    /// Not a day.
    NotADate,
    /// None of the choices.
    NotAChoice,
    /// The passkey was refused, or nobody confirmed it.
    PasskeyFailed,
    /// The mail could not be sent.
    MailFailed,
    /// Something else; try again.
    TryAgain,
}

/// The problems of a form, by the name of the field; the empty name is the whole form. The order is that of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Errors(Vec<FieldProblem>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct FieldProblem {
    field: String,
    problem: Problem,
}

impl Errors {
    /// No problem.
    pub fn none() -> Self {
        Self::default()
    }

    /// A problem of the whole form.
    pub fn of_form(problem: Problem) -> Self {
        Self::default().and("", problem)
    }

    /// A problem of one field.
    pub fn of(field: impl Into<String>, problem: Problem) -> Self {
        Self::default().and(field, problem)
    }

    /// One problem more.
    #[must_use]
    pub fn and(mut self, field: impl Into<String>, problem: Problem) -> Self {
        self.0.push(FieldProblem { field: field.into(), problem });
        self
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
