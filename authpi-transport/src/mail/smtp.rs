//! Mail through an SMTP server (RFC 5321), over TLS unless it is on the same machine.

use std::time::Duration;

use async_trait::async_trait;
use authpi_core::transport::{MailFailure, Mailer, OutgoingMail};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters, TlsParametersBuilder};
use lettre::transport::smtp::response::Code;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::{Host, Url};

use super::MailSetupError;
use super::message::{Sender, message};

/// How long the server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Hands mail to an SMTP server.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
}

impl SmtpMailer {
    /// A mailer for the server at `url`, with mail from the mailbox `from`. Connects when there is mail.
    ///
    /// - `smtps://user:password@host` speaks TLS from the beginning (port 465);
    /// - `smtp://user:password@host` demands STARTTLS (port 587), except from a server on a loopback address;
    /// - `smtp://localhost?tls=required` demands it there, too;
    /// - `smtp://host?tls=none` does without TLS: for a relay inside a trusted network, without credentials.
    ///
    /// User and password are percent-encoded.
    ///
    /// # Errors
    /// [`MailSetupError`].
    pub fn connect(url: &str, from: &str) -> Result<Self, MailSetupError> {
        Self::connect_trusting(url, from, None)
    }

    /// The same for a server whose certificate no public authority vouches for: `authority` in PEM does, or is it.
    ///
    /// # Errors
    /// [`MailSetupError`].
    pub fn connect_trusting(url: &str, from: &str, authority: Option<&str>) -> Result<Self, MailSetupError> {
        let server = Server::parse(url)?;
        let tls = match server.security {
            Security::Wrapped => Tls::Wrapper(server.parameters(authority)?),
            Security::StartTls => Tls::Required(server.parameters(authority)?),
            Security::Clear => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = server.credentials {
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(Self { transport: builder.build(), sender: Sender::parse(from)? })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailFailure> {
        let message = message(&self.sender, mail)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() && self.is_served(error.status()).await => {
                // The code says enough: the text of the answer may repeat the address.
                let code = error.status().map(|code| code.to_string());
                tracing::warn!(mail = mail.message_id, code, "the mail server refuses a mail for good");
                Err(MailFailure::Refused)
            }
            Err(error) => {
                let code = error.status().map(|code| code.to_string());
                let (timeout, tls) = (error.is_timeout(), error.is_tls());
                tracing::warn!(mail = mail.message_id, code, timeout, tls, "a mail could not be handed over");
                Err(MailFailure::Temporary)
            }
        }
    }
}

impl SmtpMailer {
    /// Whether a refusal for good was one of this mail, and not of us: the same codes greet those whom a server does not
    /// want to talk to, so it is greeted once more.
    async fn is_served(&self, code: Option<Code>) -> bool {
        code.is_none_or(concerns_mail) && self.transport.test_connection().await.unwrap_or(false)
    }
}

/// The code may be about the mail. Others say that our credentials or the way we connect do not please (RFC 4954 §6,
/// RFC 3207 §4) or that nobody takes mail there (RFC 7504): they would lose every mail until the setup is mended.
fn concerns_mail(code: Code) -> bool {
    !matches!(u16::from(code), 521 | 530 | 534 | 535 | 538)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    Wrapped,
    StartTls,
    Clear,
}

struct Server {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<(String, String)>,
}

impl Server {
    fn parse(url: &str) -> Result<Self, MailSetupError> {
        let url = Url::parse(url).map_err(|_| MailSetupError::Url)?;
        let host = match url.host().ok_or(MailSetupError::Url)? {
            // The host of a scheme that browsers do not know is not parsed as an address.
            Host::Domain(name) => Host::parse(name).map_err(|_| MailSetupError::Url)?,
            Host::Ipv4(address) => Host::Ipv4(address),
            Host::Ipv6(address) => Host::Ipv6(address),
        };
        let is_local = match &host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let wants = |wanted: &str| url.query_pairs().any(|(name, value)| name == "tls" && value == wanted);
        let (security, default_port) = match url.scheme() {
            "smtps" => (Security::Wrapped, 465),
            "smtp" if wants("required") => (Security::StartTls, 587),
            "smtp" if is_local || wants("none") => (Security::Clear, 25),
            "smtp" => (Security::StartTls, 587),
            _ => return Err(MailSetupError::Url),
        };
        let decoded = |text: &str| percent_decoded(text).ok_or(MailSetupError::Url);
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((decoded(user)?, decoded(password.unwrap_or_default())?)),
        };
        if credentials.is_some() && security == Security::Clear && !is_local {
            return Err(MailSetupError::ClearCredentials);
        }
        let host = match host {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Ok(Self { host, port: url.port().unwrap_or(default_port), security, credentials })
    }

    fn parameters(&self, authority: Option<&str>) -> Result<TlsParameters, MailSetupError> {
        let mut builder = TlsParametersBuilder::new(self.host.clone());
        if let Some(pem) = authority {
            // What holds no certificate would be taken for an empty list of them.
            if !CertificateDer::pem_slice_iter(pem.as_bytes()).any(|certificate| certificate.is_ok()) {
                return Err(MailSetupError::Certificate);
            }
            let certificate = Certificate::from_pem(pem.as_bytes()).map_err(|_| MailSetupError::Certificate)?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build().map_err(MailSetupError::Tls)
    }
}

/// `%41` as `A` (RFC 3986 §2.1).
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[path = "smtp_tls_tests.rs"]
mod tls_tests;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn server(url: &str) -> (String, u16, Security, Option<(String, String)>) {
        let server = Server::parse(url).unwrap();
        (server.host, server.port, server.security, server.credentials)
    }

    #[test]
    fn tls_is_demanded_of_every_server_elsewhere() {
        let host = || "mail.example.com".to_owned();
        let user = || Some(("a@b".to_owned(), "p:w/%".to_owned()));
        assert_eq!(server("smtps://a%40b:p%3Aw%2F%25@mail.example.com"), (host(), 465, Security::Wrapped, user()));
        assert_eq!(server("smtp://mail.example.com:2525"), (host(), 2525, Security::StartTls, None));
        assert_eq!(server("smtp://mail.example.com?tls=none"), (host(), 25, Security::Clear, None));
        assert_eq!(server("smtp://127.0.0.1:1025"), ("127.0.0.1".to_owned(), 1025, Security::Clear, None));
        assert_eq!(server("smtp://[::1]").0, "::1");
        assert_eq!(server("smtp://localhost").2, Security::Clear);
        assert_eq!(server("smtp://localhost?tls=required").2, Security::StartTls);
    }

    #[tokio::test]
    async fn what_is_no_server_is_refused_without_repeating_it() {
        for bad in ["", "mail.example.com", "http://mail.example.com", "smtp://", "smtp://a:%zz@h.example"] {
            assert!(matches!(SmtpMailer::connect(bad, "a@b.c"), Err(MailSetupError::Url)), "{bad}");
        }
        let clear = SmtpMailer::connect("smtp://user:secret@mail.example.com?tls=none", "a@b.c");
        let error = clear.err().unwrap();
        assert!(matches!(error, MailSetupError::ClearCredentials) && !format!("{error} {error:?}").contains("secret"));
        assert!(matches!(SmtpMailer::connect("smtp://h.example", "nobody"), Err(MailSetupError::Sender)));
    }
}
