//! How mail leaves: through a mail server, or into a folder.

use std::path::PathBuf;
use std::sync::Arc;

use authpi_core::transport::Mailer;
use authpi_core::urls::Urls;
use authpi_transport::{MailFolder, SmtpMailer};

use crate::StartError;
use crate::settings::Settings;

/// The mailer that the settings ask for; none where nothing is set and the server is no development one.
///
/// # Errors
/// When the mail server or the folder cannot be used.
pub(crate) fn mailer(settings: &Settings, urls: &Urls) -> Result<Option<Arc<dyn Mailer>>, StartError> {
    let from = match &settings.mail_from {
        Some(from) => from.clone(),
        None => format!("no-reply@{}", urls.mail_domain()),
    };
    if let Some(url) = &settings.smtp_url {
        let mailer = SmtpMailer::connect(url, &from).map_err(|error| format!("AUTHPI_SMTP_URL: {error}"))?;
        return Ok(Some(Arc::new(mailer)));
    }
    // Plain http is for loopback addresses only: nobody else reaches this server.
    let default = (!urls.is_secure()).then(|| PathBuf::from("mailbox"));
    let Some(folder) = settings.mailbox_dir.clone().or(default) else {
        tracing::warn!("no mail is sent: set AUTHPI_SMTP_URL");
        return Ok(None);
    };
    let mailer = MailFolder::open(&folder, &from).map_err(|error| format!("AUTHPI_MAILBOX_DIR: {error}"))?;
    tracing::info!("mail is written to {}", folder.display());
    Ok(Some(Arc::new(mailer)))
}
