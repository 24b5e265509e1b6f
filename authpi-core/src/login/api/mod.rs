//! The flow API (idp §23.2): each step of a login as a JSON call of the page that shows it.

mod bodies;
mod discovery;
mod frame;
mod guard;
mod invitations;
mod links;
mod mails;
mod pages;
mod problems;
mod reset_link;
mod sign_up;
mod state;
mod steps;
mod view;
mod views;

use std::sync::Arc;

use frame::Json;

use crate::web::endpoint::Operation;

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::runtime(state::GetFlow),
        Operation::runtime(state::ShowLogin),
        Operation::runtime(Json(steps::Identify)),
        Operation::runtime(Json(steps::Password)),
        Operation::runtime(Json(steps::PasswordChange)),
        Operation::runtime(Json(mails::EmailCode)),
        Operation::runtime(Json(mails::VerifyEmailCode)),
        Operation::runtime(Json(mails::MagicLink)),
        Operation::runtime(Json(mails::PasswordReset)),
        Operation::runtime(Json(mails::CompletePasswordReset)),
        Operation::runtime(Json(sign_up::SignUp)),
        Operation::runtime(Json(steps::Mfa)),
        Operation::runtime(Json(steps::MfaEnroll)),
        Operation::runtime(Json(steps::Consent)),
        Operation::runtime(Json(steps::SelectOrganization)),
        Operation::runtime(Json(steps::Invitation)),
        Operation::runtime(Json(steps::Abort)),
        Operation::runtime(links::LookAtMagicLink),
        Operation::runtime(links::UseMagicLink),
        Operation::runtime(links::VerifyEmail),
        Operation::runtime(links::ConfirmEmail),
        Operation::runtime(reset_link::ShowPasswordReset),
        Operation::runtime(invitations::ShowInvitation),
        Operation::runtime(discovery::DiscoverSso),
    ]
}
