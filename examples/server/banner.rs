//! What a person sees at start.

use std::io::{IsTerminal, Write};

use crate::bootstrap::First;
use crate::settings::Settings;

/// Where it listens; at the first start also what to try next, and the credentials, this once, where no file has them.
pub(crate) fn show(settings: &Settings, public_url: &str, first: &First) {
    tracing::info!("listening on {}, public URL {public_url}", settings.listen);
    let mut out = std::io::stdout();
    let paint = Paint(out.is_terminal());
    let (prelude, key, account) = match first {
        First::Nothing => return,
        First::Here(credentials) => {
            let (account, id, secret) = (credentials.account_id, credentials.key_id, credentials.key_secret.expose());
            let warning = "The secret is shown this once. AUTHPI_BOOTSTRAP_FILE writes it to a file instead.";
            let prelude = format!(
                "  account     {account}\n  key id      {id}\n  key secret  {secret}\n\n{}\n\n",
                paint.yellow(warning)
            );
            (prelude, format!("{id}:{secret}"), account.to_string())
        }
        // The file is the reader's alone, and so is its content: the commands name it, not the secret.
        First::InFile => (String::new(), "KEY_ID:KEY_SECRET".to_owned(), "ACCOUNT_ID".to_owned()),
    };
    let text = format!(
        "\n{title}\n\n{prelude}{next}\n\n\
         \x20 curl -u {key} {public_url}/v1/me\n\
         \x20 curl -u {key} {public_url}/v1/accounts/{account}/issuers --json '{{\"name\":\"acme-prod\"}}'\n\
         \x20 curl -u {key} {public_url}/v1/accounts/{account}/events\n\n",
        title = paint.bold("authpi is ready, with its first account and an API key that may do everything there."),
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
