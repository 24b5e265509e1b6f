//! Mailers: an SMTP server, or a folder of `.eml` files for development.

mod folder;
mod message;
mod smtp;

pub use folder::MailFolder;
pub use smtp::SmtpMailer;

/// Why a mailer could not be made. Tells nothing of credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailSetupError {
    /// The URL is none of an SMTP server.
    #[error("the mail server must be given as smtp://user:password@host:port or smtps://user:password@host:port")]
    Url,
    /// Credentials would be sent in clear.
    #[error("credentials are sent over TLS only; leave out ?tls=none")]
    ClearCredentials,
    /// The sender is not exactly one mailbox.
    #[error("the sender of mail must be one e-mail address")]
    Sender,
    /// What is to be trusted is no certificate in PEM.
    #[error("the certificate to trust is none in PEM")]
    Certificate,
    /// TLS cannot be set up.
    #[error("TLS for the mail server cannot be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
    /// The folder cannot be made or written to.
    #[error("the folder for mail cannot be used: {0}")]
    Folder(#[from] std::io::Error),
}
