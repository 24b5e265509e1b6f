//! Mail as files, one each, for development and tests.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use authpi_core::transport::{MailFailure, Mailer, OutgoingMail};

use super::MailSetupError;
use super::message::{Sender, message};

/// Writes each mail as one `.eml` file that its owner alone can read.
pub struct MailFolder {
    folder: PathBuf,
    sender: Sender,
}

impl MailFolder {
    /// Makes the folder if it is not there. Mail comes from the mailbox `from`.
    ///
    /// # Errors
    /// [`MailSetupError`].
    pub fn open(folder: impl Into<PathBuf>, from: &str) -> Result<Self, MailSetupError> {
        let (folder, sender) = (folder.into(), Sender::parse(from)?);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, sender })
    }
}

#[async_trait]
impl Mailer for MailFolder {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailFailure> {
        let bytes = message(&self.sender, mail)?.formatted();
        let id: String =
            mail.message_id.split('@').next().unwrap_or_default().chars().filter(|char| is_plain(*char)).collect();
        let (folder, millis) = (self.folder.clone(), mail.date.as_millis());
        let written = tokio::task::spawn_blocking(move || write(&folder, &format!("{millis}-{id}"), &bytes)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(%error, folder = %self.folder.display(), "a mail could not be written");
                Err(MailFailure::Temporary)
            }
            Err(_) => Err(MailFailure::Temporary),
        }
    }
}

fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}

/// Complete under its name, or not there.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!(".{name}.new"));
    let _ = fs::remove_file(&unfinished);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(format!("{name}.eml")))
}
