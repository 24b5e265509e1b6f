//! The first account: its credentials leave once, to a file or to the terminal.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use authpi_core::{AuthPi, Bootstrap, BootstrapCredentials};
use serde_json::json;

use crate::{StartError, banner};

/// What the first start made.
pub(crate) enum First {
    /// Nothing: there was an account before.
    Nothing,
    /// An account whose credentials are in the bootstrap file.
    InFile,
    /// An account whose credentials were printed.
    Printed(BootstrapCredentials),
}

/// Makes the first account if there was none ever.
///
/// # Errors
/// When the file cannot be written, or the store fails; then nothing was made.
pub(crate) async fn run(authpi: &AuthPi, file: Option<&Path>) -> Result<First, StartError> {
    let pending = match authpi.bootstrap("Main").await? {
        Bootstrap::Pending(pending) => pending,
        Bootstrap::Already => {
            if let Some(file) = file {
                finish(authpi, file).await?;
            }
            return Ok(First::Nothing);
        }
    };
    let Some(file) = file else {
        // Told before the account exists: whoever did not get them can start again.
        banner::tell(pending.credentials()).map_err(|error| format!("the credentials cannot be printed: {error}"))?;
        return Ok(First::Printed(pending.commit().await?));
    };
    // The file is complete on disk before the account exists, and gets its name after: whenever the process dies, the
    // credentials of an account that was made are in one of the two places.
    let unfinished = unfinished(file);
    write(&unfinished, pending.credentials()).map_err(|error| format!("{}: {error}", unfinished.display()))?;
    pending.commit().await?;
    rename(&unfinished, file)?;
    tracing::info!("the credentials of the first account are in {}", file.display());
    Ok(First::InFile)
}

fn unfinished(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn write(file: &Path, credentials: &BootstrapCredentials) -> std::io::Result<()> {
    let _ = std::fs::remove_file(file);
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    let content = json!({
        "account_id": credentials.account_id,
        "key_id": credentials.key_id,
        "key_secret": credentials.key_secret.expose(),
        "core_url": credentials.core_url,
        "idp_url": credentials.idp_url,
    });
    target.write_all(serde_json::to_string_pretty(&content)?.as_bytes())?;
    target.write_all(b"\n")?;
    target.sync_all()?;
    sync_folder(file)
}

fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)?;
    sync_folder(to)
}

fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// A process that died between commit and rename left a file whose key exists: it gets its name now. One that died
/// before the commit left a file whose key does not exist: it goes.
async fn finish(authpi: &AuthPi, file: &Path) -> Result<(), StartError> {
    let unfinished = unfinished(file);
    let Ok(content) = std::fs::read(&unfinished) else { return Ok(()) };
    let content: serde_json::Value = serde_json::from_slice(&content).unwrap_or_default();
    let key = content.get("key_id").and_then(|key| key.as_str()).and_then(|key| key.parse().ok());
    let is_ours = match key {
        Some(key) => authpi.knows_api_key(key).await?,
        None => false,
    };
    if is_ours {
        rename(&unfinished, file)?;
        tracing::info!("the credentials of the first account are in {}", file.display());
    } else {
        std::fs::remove_file(&unfinished)?;
    }
    Ok(())
}
