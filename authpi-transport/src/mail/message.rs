//! Messages as they are handed over.

use std::time::{Duration, SystemTime};

use authpi_core::mailbox::Mailbox as OneMailbox;
use authpi_core::transport::{MailFailure, OutgoingMail};
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use super::MailSetupError;

/// The address that mail comes from.
#[derive(Clone, Debug)]
pub(super) struct Sender(Address);

impl Sender {
    pub(super) fn parse(text: &str) -> Result<Self, MailSetupError> {
        address(text).map(Self).ok_or(MailSetupError::Sender)
    }
}

fn address(text: &str) -> Option<Address> {
    let wire = OneMailbox::parse(text)?.on_the_wire();
    let (local, domain) = wire.rsplit_once('@')?;
    Address::new(local, domain).ok()
}

/// The message with all its headers. Values are encoded, so that none can break out of its header.
///
/// # Errors
/// [`MailFailure::Refused`] for an address that is none.
pub(super) fn message(sender: &Sender, mail: &OutgoingMail) -> Result<Message, MailFailure> {
    let from_name = (!mail.from_name.is_empty()).then(|| one_line(&mail.from_name));
    let to = address(&mail.to).ok_or(MailFailure::Refused)?;
    let millis = u64::try_from(mail.date.as_millis()).unwrap_or_default();
    let mut message = Message::builder()
        .message_id(Some(format!("<{}>", mail.message_id)))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
        .from(Mailbox::new(from_name, sender.0.clone()))
        .to(Mailbox::new(None, to))
        .subject(one_line(&mail.subject))
        .header(AutoSubmitted)
        .header(ContentLanguage(mail.language.clone()));
    if let Some(reply_to) = &mail.reply_to {
        let reply_to = address(reply_to).ok_or(MailFailure::Refused)?;
        message = message.reply_to(Mailbox::new(None, reply_to));
    }
    let parts = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
    message.multipart(parts).map_err(|_| MailFailure::Refused)
}

/// Text that stays in its header: what would break the line is a space.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// RFC 3834 §5: nobody answers, least of all another machine.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// RFC 3282 §2.
#[derive(Clone)]
struct ContentLanguage(String);

impl Header for ContentLanguage {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Language")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use authpi_core::timestamp::Timestamp;

    use super::*;

    fn mail() -> OutgoingMail {
        OutgoingMail {
            message_id: "mail_1@id.example".to_owned(),
            date: Timestamp::from_millis(1_800_000_000_000),
            from_name: "Käse\r\nBcc: x@y.z".to_owned(),
            reply_to: None,
            to: "ada@example.com".to_owned(),
            subject: "Grüße\r\nBcc: x@y.z".to_owned(),
            text: "Hallo\r\n.\r\nWelt".to_owned(),
            html: "<p>Hallo</p>".to_owned(),
            language: "de".to_owned(),
        }
    }

    fn formatted(mail: &OutgoingMail) -> String {
        let sender = Sender::parse("no-reply@id.example").unwrap();
        String::from_utf8(message(&sender, mail).unwrap().formatted()).unwrap()
    }

    #[test]
    fn headers_are_complete_and_encoded() {
        let text = formatted(&mail());
        let (headers, body) = text.split_once("\r\n\r\n").unwrap();
        for line in [
            "Message-ID: <mail_1@id.example>",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000",
            "To: ada@example.com",
            "Auto-Submitted: auto-generated",
            "Content-Language: de",
            "MIME-Version: 1.0",
        ] {
            assert!(headers.lines().any(|header| header == line), "{line} in {headers}");
        }
        assert!(headers.contains("Content-Type: multipart/alternative"), "{headers}");
        assert!(!headers.lines().any(|header| header.starts_with("Bcc")), "{headers}");
        assert!(headers.is_ascii());
        assert!(body.contains("text/plain; charset=utf-8") && body.contains("text/html; charset=utf-8"), "{body}");
    }

    #[test]
    fn an_address_that_is_none_is_refused_for_good() {
        let sender = Sender::parse("no-reply@id.example").unwrap();
        for bad in ["", "a", "a@b.c, d@e.f", "a@b.c\r\nBcc: d@e.f", "A <a@b.c>"] {
            let mail = OutgoingMail { to: bad.to_owned(), ..mail() };
            assert_eq!(message(&sender, &mail).err(), Some(MailFailure::Refused), "{bad}");
        }
        assert!(Sender::parse("Example <a@b.c>").is_err());
    }
}
