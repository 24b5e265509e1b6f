//! What is wrong, as pages say it.

use http::StatusCode;

use crate::error::{FieldErrors, Refusal};
use crate::login::model::Reason;
use crate::login::operations::Problem;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::pages::html::fault::{Fault, FaultKind};
use crate::pages::html::{Errors, Problem as Told};
use crate::web::answer::Answer;
use crate::web::runtime::{IssuerCall, Step};

/// Why nothing was accepted, as pages say it.
pub(super) fn told(problem: Problem) -> Errors {
    Errors::of_form(match problem {
        Problem::InvalidCredentials => Told::WrongCredentials,
        Problem::InvalidCode => Told::WrongCode,
        Problem::Locked { retry_after } => {
            let minutes = retry_after.unwrap_or_default().div_ceil(60).max(1);
            Told::Locked { minutes: u32::try_from(minutes).unwrap_or(u32::MAX) }
        }
        Problem::Expired => Told::ExpiredCode,
        Problem::InvitationRefused => Told::TryAgain,
    })
}

/// What is wrong with the fields of a form, as pages say it.
pub(super) fn told_fields(errors: &FieldErrors, least: u32) -> Errors {
    errors.iter().fold(Errors::none(), |all, error| {
        use crate::error::FieldCode as Code;
        let is_password = error.field == "password";
        let problem = match error.code {
            Code::Required if error.field == "terms" => Told::MustAccept,
            Code::Required => Told::Required,
            Code::TooShort if is_password => Told::PasswordTooShort { least },
            Code::TooLong if is_password => Told::PasswordTooLong { most: 256 },
            Code::NotAllowed if is_password && error.message.contains("username") => Told::PasswordNamesUser,
            Code::NotAllowed if is_password => Told::PasswordBreached,
            Code::NotUnique => Told::Taken,
            Code::InvalidType => Told::NotANumber,
            Code::InvalidEnumValue => Told::NotAChoice,
            Code::InvalidFormat if error.field == "email" => Told::InvalidEmail,
            Code::InvalidFormat if error.field.starts_with("custom_fields.") => Told::NotADate,
            Code::InvalidFormat => Told::InvalidFormat,
            Code::TooSmall => Told::TooSmall { least: bound(&error.message) },
            Code::TooBig => Told::TooBig { most: bound(&error.message) },
            _ => Told::TryAgain,
        };
        let field = if error.field == "email" { "identifier" } else { error.field.as_str() };
        all.and(field, problem)
    })
}

/// The number that a rule about a number ends with.
fn bound(message: &str) -> String {
    message.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// A refusal as a page.
///
/// # Errors
/// [`Refusal`] as it came, for programs, and where it is none of the person's business.
pub(super) fn fault(call: &IssuerCall, refusal: Refusal) -> Result<Answer, Refusal> {
    if call.prefers_json() {
        return Err(refusal);
    }
    let (kind, status) = match &refusal {
        Refusal::NotFound => (FaultKind::FlowExpired, StatusCode::NOT_FOUND),
        Refusal::Conflict { .. } => (FaultKind::FlowReplayed, StatusCode::CONFLICT),
        Refusal::OAuth(error) => match error.code {
            OAuthCode::AccessDenied => (FaultKind::OtherBrowser, StatusCode::FORBIDDEN),
            OAuthCode::UnauthorizedClient => (FaultKind::OtherBrowser, StatusCode::UNAUTHORIZED),
            _ => return Err(refusal),
        },
        _ => return Err(refusal),
    };
    shown(call, kind, status, None)
}

/// What came of preparing a step; a refusal as a page for whoever has sent a form.
///
/// # Errors
/// The refusal of everybody else, and those that have no page of their own.
pub(super) fn prepared<P>(call: &IssuerCall, outcome: Result<Step<P>, Refusal>) -> Result<Step<P>, Refusal> {
    match outcome {
        Err(refusal) if call.sends_form() => fault(call, refusal).map(Step::Answer),
        other => other,
    }
}

/// Somebody is turned away, and no application is there to be told.
///
/// # Errors
/// [`Refusal::Internal`]: a defect of the page.
pub(super) fn turned_away(call: &IssuerCall, reason: Reason) -> Result<Answer, Refusal> {
    let kind = match reason {
        Reason::PendingApproval => FaultKind::NotApproved,
        Reason::Inactive | Reason::Blocked => FaultKind::AccountBlocked,
        Reason::SsoOnly | Reason::Unmet => FaultKind::NotAllowed,
        Reason::AnotherUser => FaultKind::WrongAccount,
        Reason::NotAdmitted => FaultKind::SignUpClosed,
        Reason::Closed => FaultKind::Inactive,
    };
    shown(call, kind, StatusCode::FORBIDDEN, Some(reason.error()))
}

/// An end of a login that no application is told of, as a page.
///
/// # Errors
/// [`Refusal::Internal`]: a defect of the page.
pub(super) fn shown(
    call: &IssuerCall,
    kind: FaultKind,
    status: StatusCode,
    error: Option<OAuthError>,
) -> Result<Answer, Refusal> {
    let page = Fault {
        kind,
        reference: call.reference().to_owned(),
        code: error.map(|error| error.code.as_str().to_owned()),
        description: error.map(|error| error.description.to_owned()),
        app: None,
        retry: None,
    };
    Answer::html(status, &call.frame(None), &page)
}
