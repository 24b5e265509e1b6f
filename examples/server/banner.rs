//! What a person sees at start.

use std::io::{IsTerminal, Write};

use authpi_core::BootstrapCredentials;

use crate::settings::Settings;

/// Where it listens; at first start without a file also the credentials, this once, and what to try next.
pub(crate) fn show(settings: &Settings, public_url: &str, first: Option<&BootstrapCredentials>) {
    tracing::info!("listening on {}, public URL {public_url}", settings.listen);
    let Some(credentials) = first else { return };
    let mut out = std::io::stdout();
    let paint = Paint(out.is_terminal());
    let key = format!("{}:{}", credentials.key_id, credentials.key_secret.expose());
    let (account, core) = (credentials.account_id, &credentials.core_url);
    let text = format!(
        "\n{title}\n\n  account     {account}\n  key id      {id}\n  key secret  {secret}\n\n{warning}\n\n{next}\n\n\
         \x20 curl -u {key} {core}/v1/me\n\
         \x20 curl -u {key} {core}/v1/accounts/{account}/issuers -H 'Content-Type: application/json' -d '{{\"name\":\"acme-prod\"}}'\n\
         \x20 curl -u {key} {core}/v1/accounts/{account}/events\n\n",
        title = paint.bold("authpi is ready. The first account and its API key:"),
        id = credentials.key_id,
        secret = credentials.key_secret.expose(),
        warning = paint.yellow("The secret is shown this once. AUTHPI_BOOTSTRAP_FILE writes it to a file instead."),
        next = paint.bold("Three things to try:"),
    );
    // A terminal that is gone cannot be told anything.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
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
