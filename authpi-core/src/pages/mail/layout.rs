//! How mails look: one layout, as text and as HTML.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::Serialize;

use super::PageError;
use super::context::MailContext;
use crate::pages::color::Color;
use crate::pages::inert::line;
use crate::pages::language::Language;

const HTML: &str = include_str!("../templates/mail.html");
const TEXT: &str = include_str!("../templates/mail.txt");

/// The colour of buttons where the issuer has none.
const DEFAULT_COLOR: &str = "#1f4b99";

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|name| match name {
        "mail.txt" => AutoEscape::None,
        _ => AutoEscape::Html,
    });
    for (name, source) in [("mail.html", HTML), ("mail.txt", TEXT)] {
        // A template that does not parse is missing, which the tests and every mail say.
        let _ = environment.add_template(name, source);
    }
    environment
});

/// Looks of an issuer.
#[derive(Clone, Debug)]
pub struct Brand {
    /// What it is called.
    pub name: String,
    /// Its logo, https.
    pub logo_url: Option<String>,
    /// Colour of buttons, as `#rgb` or `#rrggbb`.
    pub color: Option<String>,
}

/// A mail, ready to be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedMail {
    /// Subject line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// What a mail says, in one language.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Body {
    pub(super) subject: String,
    pub(super) heading: String,
    pub(super) paragraphs: Vec<String>,
    /// What somebody else wrote.
    pub(super) quote: Vec<String>,
    pub(super) facts: Vec<Fact>,
    pub(super) action: Option<Action>,
    pub(super) hints: Vec<String>,
    /// Why the reader got this.
    pub(super) reason: String,
}

/// A line of the table of facts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) value: String,
}

/// The one button.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Action {
    pub(super) label: String,
    /// Made by us from configured addresses, never from what somebody typed.
    pub(super) url: String,
}

/// Renders a mail.
///
/// # Errors
/// [`PageError`]: a defect of ours.
pub fn render(language: Language, brand: &Brand, mail: &MailContext) -> Result<RenderedMail, PageError> {
    let brand = Brand { name: line(&brand.name).unwrap_or_default(), ..brand.clone() };
    let body = mail.body(language, &brand)?;
    let color = Color::parse(brand.color.as_deref().unwrap_or(DEFAULT_COLOR)).unwrap_or_default();
    let page = context! {
        language => language.tag(),
        name => brand.name,
        logo_url => brand.logo_url,
        color => color.css(),
        on_color => color.ink().css(),
        mail => Serde(&body),
    };
    Ok(RenderedMail {
        text: TEMPLATES.get_template("mail.txt")?.render(page.clone())?,
        html: TEMPLATES.get_template("mail.html")?.render(page.clone())?,
        subject: line(&body.subject).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::context::{
        ApprovalRequestMail, Facts, FlowMail, FlowMailKind, InvitationMail, NoticeKind, NoticeMail,
    };
    use super::*;
    use crate::timestamp::Timestamp;

    fn brand() -> Brand {
        Brand {
            name: "Acme <b>&</b> Sons".to_owned(),
            logo_url: Some("https://acme.example/logo.png?a=1&b=\"2\"".to_owned()),
            color: Some("#f80".to_owned()),
        }
    }

    fn invitation() -> InvitationMail {
        InvitationMail {
            organization: Some("Evil <script>alert(1)</script> at https://evil.example".to_owned()),
            inviter: Some("Ann <a href='https://evil.example'>click</a>".to_owned()),
            message: Some("Join & win.\n\nGo to evil.example now\n<img src=x>".to_owned()),
            link: "https://id.example/i_1/invitation?token=inv_1.abc".to_owned(),
            expires_at: Timestamp::from_millis(1_800_000_000_000),
        }
    }

    fn everything() -> Vec<MailContext> {
        let facts = Facts {
            name: Some("deploy <token>".to_owned()),
            at: Timestamp::from_millis(1_800_000_000_000),
            ip: Some("192.0.2.7".to_owned()),
            country: Some("DE".to_owned()),
            device: Some("Firefox".to_owned()),
            by_another: true,
            folded: 3,
        };
        let request = ApprovalRequestMail {
            organization: None,
            invitee: "bob@example.com".to_owned(),
            scopes: vec!["owner".to_owned(), "a:read".to_owned()],
            link: Some("https://id.example/portal".to_owned()),
        };
        let bare = InvitationMail { organization: None, inviter: None, message: None, ..invitation() };
        let mut all = vec![
            MailContext::Invitation(invitation()),
            MailContext::Invitation(bare),
            MailContext::ApprovalRequest(request),
        ];
        for kind in FlowMailKind::ALL {
            all.push(MailContext::Flow(FlowMail {
                kind,
                application: Some("App <b>at</b> https://evil.example".to_owned()),
                facts: facts.clone(),
                link: Some("https://id.example/i_1/magic/mpf_1.abc".to_owned()),
                code: Some("123456".to_owned()),
                expires_at: Some(Timestamp::from_millis(1_800_000_000_000)),
            }));
        }
        for kind in NoticeKind::ALL {
            let link = Some("https://id.example/portal".to_owned());
            all.push(MailContext::Notice(NoticeMail { kind, facts: facts.clone(), link }));
            all.push(MailContext::Notice(NoticeMail { kind, facts: Facts::default(), link: None }));
        }
        all
    }

    #[test]
    fn every_mail_renders_in_every_language() {
        let mut subjects = std::collections::BTreeSet::new();
        for language in Language::ALL {
            for mail in everything() {
                let rendered = render(language, &brand(), &mail).unwrap();
                assert!(!rendered.subject.is_empty() && !rendered.subject.contains('\n'), "{rendered:?}");
                assert!(rendered.html.contains(&format!("lang=\"{}\"", language.tag())));
                assert!(!rendered.text.contains('{') && !rendered.html.contains("{{"), "{}", rendered.text);
                subjects.insert((language.tag(), rendered.subject));
            }
        }
        // The invitation with and without a name of the organization, the request, those of flows, and the notices.
        assert_eq!(
            subjects.len(),
            Language::ALL.len() * (2 + 1 + FlowMailKind::ALL.len() + NoticeKind::ALL.len()),
            "each has a subject of its own"
        );
    }

    #[test]
    fn what_people_typed_is_escaped_and_makes_no_link() {
        for language in Language::ALL {
            let rendered = render(language, &brand(), &MailContext::Invitation(invitation())).unwrap();
            for forbidden in ["<script", "<b>", "<img src=x", "evil.example", "alert(1)</"] {
                assert!(!rendered.html.contains(forbidden), "{forbidden}: {}", rendered.html);
            }
            assert!(!rendered.text.contains("evil.example"), "{}", rendered.text);
            assert!(rendered.html.contains("Join &amp; win."), "{}", rendered.html);
            assert!(rendered.html.contains("Acme &lt;b&gt;&amp;&lt;"), "{}", rendered.html);
            let link = "https:&#x2f;&#x2f;id.example&#x2f;i_1&#x2f;invitation?token=inv_1.abc";
            assert_eq!(rendered.html.matches("href=").count(), 1);
            assert!(rendered.html.contains(&format!("href=\"{link}\"")), "{}", rendered.html);
            assert!(rendered.text.contains("https://id.example/i_1/invitation?token=inv_1.abc\n"));
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_but_the_logo() {
        for mail in everything() {
            let html = render(Language::English, &brand(), &mail).unwrap().html;
            assert_eq!(html.matches("<img ").count(), 1, "{html}");
            assert!(!html.contains("url(") && !html.contains("@import") && !html.contains("<link"), "{html}");
            let plain = Brand { logo_url: None, ..brand() };
            assert!(!render(Language::English, &plain, &mail).unwrap().html.contains("<img "));
        }
    }
}
