//! What a person sees at start.

use std::io::{IsTerminal, Write};

use authpi_core::BootstrapCredentials;

use crate::bootstrap::First;
use crate::settings::Settings;

/// The credentials of the first account, this once.
///
/// # Errors
/// When nobody can read them.
pub(crate) fn tell(credentials: &BootstrapCredentials) -> std::io::Result<()> {
    let (account, id, secret) = (credentials.account_id, credentials.key_id, credentials.key_secret.expose());
    print(|paint| {
        let title = paint.bold("The first account, and an API key that may do everything there:");
        let warning = paint.yellow("The secret is shown this once. AUTHPI_BOOTSTRAP_FILE writes it to a file instead.");
        format!("\n{title}\n\n  account     {account}\n  key id      {id}\n  key secret  {secret}\n\n{warning}\n")
    })
}

/// Where it listens, and at the first start what to try.
pub(crate) fn show(settings: &Settings, public_url: &str, first: &First) {
    tracing::info!("listening on {}, public URL {public_url}", settings.listen);
    let (key, account) = match first {
        First::Nothing => return,
        First::Printed(credentials) => {
            let key = format!("{}:{}", credentials.key_id, credentials.key_secret.expose());
            (key, credentials.account_id.to_string())
        }
        // The file is its reader's alone: the commands do not repeat what is in it.
        First::InFile => ("KEY_ID:KEY_SECRET".to_owned(), "ACCOUNT_ID".to_owned()),
    };
    let shown = print(|paint| {
        format!(
            "\n{}\n\n\
             \x20 curl -u {key} {public_url}/v1/me\n\
             \x20 curl -u {key} {public_url}/v1/accounts/{account}/issuers --json '{{\"name\":\"acme-prod\"}}'\n\
             \x20 curl -u {key} {public_url}/v1/accounts/{account}/events\n\n",
            paint.bold("authpi is ready. Three things to try:")
        )
    });
    if let Err(error) = shown {
        tracing::warn!(%error, "standard output is closed");
    }
}

fn print(text: impl FnOnce(&Paint) -> String) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let paint = Paint(out.is_terminal());
    out.write_all(text(&paint).as_bytes())?;
    out.flush()
}

/// Colours, on a terminal only.
struct Paint(bool);

impl Paint {
    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn yellow(&self, text: &str) -> String {
        self.with("33", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
