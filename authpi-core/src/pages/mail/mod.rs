//! Mails: what each says, and how it looks.

mod context;
mod layout;

pub use context::{
    ApprovalRequestMail, Facts, FlowMail, FlowMailKind, InvitationMail, MailContext, NoticeKind, NoticeMail,
};
pub use layout::{Brand, RenderedMail, render};

/// Why a page could not be made: a defect of ours.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A catalogue lacks a text, or the text an argument.
    #[error("the text {0} cannot be made")]
    Text(String),
    /// A template asks for what its context does not have.
    #[error("the template cannot be rendered: {0}")]
    Template(#[from] minijinja::Error),
}
