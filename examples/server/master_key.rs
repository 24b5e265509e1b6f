//! The master key: given, or generated in development, beside the SQLite file or in the working folder.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use authpi_core::transport::{Entropy, MasterKey, SystemEntropy};
use authpi_core::urls::Urls;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::StartError;
use crate::settings::Settings;

/// Loads the key that the settings name.
///
/// # Errors
/// When there is none and none may be generated, or what is there is no key.
pub(crate) fn load(settings: &Settings, urls: &Urls) -> Result<MasterKey, StartError> {
    if let Some(key) = &settings.master_key {
        return decode(key, "AUTHPI_MASTER_KEY");
    }
    if let Some(file) = &settings.master_key_file {
        return read(file);
    }
    if urls.is_secure() {
        return Err("no master key: set AUTHPI_MASTER_KEY or AUTHPI_MASTER_KEY_FILE to 32 random bytes in base64 \
                    (openssl rand -base64 32); one is generated only behind a loopback URL"
            .into());
    }
    let file = development_file(&settings.database_url);
    if !file.exists() {
        generate(&file)?;
    }
    read(&file)
}

fn read(file: &Path) -> Result<MasterKey, StartError> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("master key {}: {error}", file.display()))?;
    decode(&text, &file.display().to_string())
}

fn decode(text: &str, place: &str) -> Result<MasterKey, StartError> {
    let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(MasterKey::new).ok_or_else(|| format!("{place} must hold 32 bytes in base64").into())
}

/// `authpi.key` beside `authpi.db`; in the working folder for a database that is no file.
fn development_file(url: &str) -> PathBuf {
    let path = url.strip_prefix("sqlite:").map(|rest| rest.trim_start_matches("//"));
    let path = path.and_then(|rest| rest.split('?').next()).filter(|path| !path.is_empty() && *path != ":memory:");
    path.map_or_else(|| PathBuf::from("authpi.key"), |path| Path::new(path).with_extension("key"))
}

/// Written whole beside its name and renamed, so that a crash leaves a key or none; never over another one.
fn generate(file: &Path) -> Result<(), StartError> {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes)?;
    let unfinished = file.with_extension("key.new");
    let _ = std::fs::remove_file(&unfinished);
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    target.write_all(STANDARD.encode(bytes).as_bytes())?;
    target.sync_all()?;
    std::fs::hard_link(&unfinished, file)?;
    std::fs::remove_file(&unfinished)?;
    tracing::info!("a master key was generated in {}; keep it with every backup of the database", file.display());
    Ok(())
}
