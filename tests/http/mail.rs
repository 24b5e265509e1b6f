//! Mail, from the change that causes it to the server that takes it.

use std::sync::Arc;
use std::time::Duration;

use authpi_core::worker;
use authpi_transport::{MailFolder, SmtpMailer};
use serde_json::json;
use tests::App;
use tests::postbox::Postbox;
use tests::smtp::{Mood, SmtpSink, decoded};

use super::DRIVER;

const DAY: Duration = Duration::from_hours(24);

struct Ground {
    app: App,
    sink: SmtpSink,
    issuer: String,
    invitations: String,
}

impl Ground {
    async fn new() -> Self {
        let sink = SmtpSink::start().await;
        let mailer = SmtpMailer::connect(&sink.url, "no-reply@id.example").unwrap();
        let app = App::start_mailing(DRIVER, Arc::new(mailer)).await;
        let issuer = app.issuer().await;
        let invitations = format!("{}/invitations", app.organization(&issuer).await);
        Self { app, sink, issuer, invitations }
    }

    async fn invite(&self, email: &str) -> String {
        let body = json!({ "email": email, "scopes": ["a:read"], "message": "Grüße & Küsse" });
        self.app.root().post(&self.invitations, body).expect(201).await.id()
    }

    async fn work(&self) {
        worker::run_once(self.app.authpi.services()).await.unwrap();
    }

    async fn waiting(&self) -> usize {
        let reads = self.app.authpi.services().store.reads();
        reads.mails().made_before(authpi_core::timestamp::Timestamp::from_millis(i64::MAX), 100).await.unwrap().len()
    }

    /// Everything in the database file and its log, as bytes.
    fn database(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.app.folder.path()).unwrap() {
            all.extend(std::fs::read(entry.unwrap().path()).unwrap_or_default());
        }
        all
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_mail_reaches_the_server_whole_and_leaves_nothing_behind() {
    let ground = Ground::new().await;
    let id = ground.invite("ada@example.com").await;
    assert_eq!(ground.waiting().await, 1);
    ground.work().await;
    let received = ground.sink.received();
    assert_eq!(received.len(), 1);
    let mail = &received[0];
    assert_eq!((mail.from.as_str(), mail.to.as_str()), ("no-reply@id.example", "ada@example.com"));
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert_eq!(mail.header("Subject"), "Invitation to Acme");
    assert_eq!(mail.header("From"), "acme <no-reply@id.example>");
    assert_eq!(mail.header("Date"), "Fri, 15 Jan 2027 08:00:00 +0000");
    assert!(mail.header("Content-Type").starts_with("multipart/alternative"));
    let text = mail.text();
    assert!(text.contains("> Grüße & Küsse") && text.contains("Grüße &amp; Küsse"), "{text}");
    let token = text.split("token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let (invitation, secret) = token.split_once('.').unwrap();
    assert_eq!((invitation, secret.len()), (id.as_str(), 43));
    let sent = &ground.app.events("event_types=email.sent").await[0];
    let message_id = sent["data"]["message_id"].as_str().unwrap();
    assert_eq!(mail.header("Message-ID"), format!("<{message_id}>"));
    assert_eq!(sent["trigger"], "system");
    assert_eq!(ground.waiting().await, 0);
    let database = ground.database();
    assert!(contains(&database, "authpi_mail"), "the files were read");
    for secret in [secret, "ada@example.com", "Küsse"] {
        assert!(!contains(&database, secret), "{secret} is in the database in clear");
    }
    ground.work().await;
    assert_eq!(ground.sink.attempts(), 1, "once");
}

#[tokio::test]
async fn a_busy_server_is_tried_five_times_within_a_day_under_one_message_id() {
    let ground = Ground::new().await;
    ground.sink.becomes(Mood::Busy);
    ground.invite("ada@example.com").await;
    let mut attempts = Vec::new();
    for pause in [0, 5, 30, 180, 1225] {
        // Not a moment earlier than it is due.
        if pause > 0 {
            ground.app.advance(Duration::from_secs(60 * pause - 1));
            ground.work().await;
            ground.app.advance(Duration::from_secs(1));
        }
        ground.work().await;
        attempts.push(ground.sink.attempts());
        let expected = usize::from(attempts.len() < 5);
        assert_eq!(ground.waiting().await, expected);
    }
    assert_eq!(attempts, [1, 2, 3, 4, 5]);
    let failed = ground.app.events("event_types=email.failed").await;
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (&failed[0]["data"]["cause"], &failed[0]["data"]["template"]),
        (&json!("exhausted"), &json!("invitation"))
    );
    assert!(failed[0]["data"].get("message_id").is_none());
    assert_eq!(ground.app.event_types("event_types=email.sent").await.len(), 0);
}

#[tokio::test]
async fn a_server_that_comes_back_gets_the_mail() {
    let ground = Ground::new().await;
    ground.sink.becomes(Mood::Busy);
    ground.invite("ada@example.com").await;
    ground.work().await;
    ground.sink.becomes(Mood::Accepting);
    ground.work().await;
    assert!(ground.sink.received().is_empty(), "it is not due yet");
    ground.app.advance(Duration::from_mins(5));
    ground.work().await;
    assert_eq!(ground.sink.received().len(), 1);
    assert_eq!(ground.app.event_types("event_types=email.sent,email.failed").await, ["email.sent"]);
}

#[tokio::test]
async fn what_a_server_refuses_for_good_is_not_tried_again() {
    let ground = Ground::new().await;
    ground.sink.becomes(Mood::Refusing);
    let id = ground.invite("ada@example.com").await;
    ground.work().await;
    assert_eq!((ground.sink.attempts(), ground.waiting().await), (1, 0));
    let failed = &ground.app.events("event_types=email.failed").await[0];
    assert_eq!((&failed["data"]["cause"], &failed["subject"]["invitation_id"]), (&json!("refused"), &json!(id)));
    assert_eq!(failed["data"]["recipient_hash"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn a_server_that_refuses_us_and_not_the_mail_is_tried_again() {
    for mood in [Mood::Closed, Mood::Guarded] {
        let ground = Ground::new().await;
        ground.sink.becomes(mood);
        ground.invite("ada@example.com").await;
        ground.work().await;
        assert_eq!(ground.waiting().await, 1, "{mood:?}");
        ground.sink.becomes(Mood::Accepting);
        ground.app.advance(Duration::from_mins(5));
        ground.work().await;
        assert_eq!(ground.sink.received().len(), 1, "{mood:?}");
        assert_eq!(ground.app.event_types("event_types=email.sent,email.failed").await, ["email.sent"], "{mood:?}");
    }
}

#[tokio::test]
async fn without_a_mailer_mail_waits_for_a_week() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let body = json!({ "email": "ada@example.com", "scopes": ["a:read"] });
    app.root().post(&format!("{organization}/invitations"), body).expect(201).await;
    app.advance(DAY * 7);
    worker::run_once(app.authpi.services()).await.unwrap();
    assert_eq!(app.event_types("event_types=email.failed").await.len(), 0);
    app.advance(Duration::from_secs(1));
    worker::run_once(app.authpi.services()).await.unwrap();
    assert_eq!(app.events("event_types=email.failed").await[0]["data"]["cause"], "expired");
}

#[tokio::test]
async fn mails_have_the_looks_and_the_language_of_their_issuer() {
    let post = Postbox::new();
    let app = App::start_mailing(DRIVER, Arc::clone(&post) as _).await;
    let issuer = app.issuer().await;
    let branding = json!({
        "display_name": "Käse & Co", "logo_url": "https://acme.example/logo.png", "primary_color": "#f80",
        "locales": ["pt-BR", "ja", "en"],
    });
    app.root().patch(&issuer, json!({ "settings": { "branding": branding } })).expect(200).await;
    let organization = app.organization(&issuer).await;
    let body = json!({
        "email": "ada@example.com", "scopes": ["a:read"], "message": "Join https://evil.example now\nwww.evil.example",
        "inviter": { "name": "Ann <b> evil.example" },
    });
    app.root().post(&format!("{organization}/invitations"), body).expect(201).await;
    worker::run_once(app.authpi.services()).await.unwrap();
    let mail = post.only();
    assert_eq!((mail.language.as_str(), mail.from_name.as_str()), ("ja", "Käse & Co"));
    assert_eq!(mail.subject, "Acme への招待");
    assert!(mail.html.contains("lang=\"ja\"") && mail.html.contains("#ff8800"), "{}", mail.html);
    assert!(mail.html.contains("https:&#x2f;&#x2f;acme.example&#x2f;logo.png"), "{}", mail.html);
    assert!(mail.html.contains("Ann &lt;b&gt;") && mail.text.contains("> Join now"), "{}", mail.text);
    for body in [&mail.text, &mail.html] {
        assert!(!body.contains("evil.example"), "{body}");
    }
}

#[tokio::test]
async fn a_former_address_is_told_of_the_change_in_the_language_of_the_user() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let body = json!({
        "email": "ada@example.com", "profile": { "email_verified": true, "locale": "de-AT" },
    });
    let user = app.root().post(&format!("{}/users", ground.issuer), body).expect(201).await.id();
    let path = format!("{}/users/{user}", ground.issuer);
    app.root().patch(&path, json!({ "email": "new@example.com" })).expect(200).await;
    // The new one is not proven: nobody is told of the next change.
    app.root().patch(&path, json!({ "email": "newer@example.com" })).expect(200).await;
    ground.work().await;
    let received = ground.sink.received();
    assert_eq!(received.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["ada@example.com"]);
    let text = received[0].text();
    assert!(text.contains("Ihre E-Mail-Adresse wurde geändert") && !text.contains("new@example.com"), "{text}");
    assert_eq!(received[0].header("Content-Language"), "de");
    let sent = &app.events("event_types=email.sent").await[0];
    assert_eq!((&sent["data"]["template"], &sent["subject"]["user_id"]), (&json!("email_changed"), &json!(user)));
}

#[tokio::test]
async fn an_issuer_turns_notices_off() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let patch = json!({ "settings": { "security": { "notifications": { "credentials": false } } } });
    app.root().patch(&ground.issuer, patch).expect(200).await;
    let body = json!({ "email": "ada@example.com", "profile": { "email_verified": true } });
    let user = app.root().post(&format!("{}/users", ground.issuer), body).expect(201).await.id();
    app.root().patch(&format!("{}/users/{user}", ground.issuer), json!({ "email": "b@c.d" })).expect(200).await;
    ground.work().await;
    assert_eq!((ground.sink.attempts(), ground.waiting().await), (0, 0));
    assert_eq!(app.event_types("event_types=email.sent,email.failed").await, [""; 0]);
}

#[tokio::test]
async fn mail_of_a_deleted_issuer_is_dropped() {
    let ground = Ground::new().await;
    ground.invite("ada@example.com").await;
    ground.app.root().delete(&ground.issuer).expect(204).await;
    ground.work().await;
    assert_eq!((ground.sink.attempts(), ground.waiting().await), (0, 0));
}

#[tokio::test]
async fn a_folder_holds_each_mail_as_a_file_of_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = folder.path().join("mailbox");
    let mailer = MailFolder::open(&mailbox, "no-reply@id.example").unwrap();
    let app = App::start_mailing(DRIVER, Arc::new(mailer)).await;
    let organization = app.organization(&app.issuer().await).await;
    for email in ["ada@example.com", "bob@example.com"] {
        let body = json!({ "email": email, "scopes": ["a:read"] });
        app.root().post(&format!("{organization}/invitations"), body).expect(201).await;
    }
    worker::run_once(app.authpi.services()).await.unwrap();
    let mut recipients = Vec::new();
    for entry in std::fs::read_dir(&mailbox).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.extension().unwrap(), "eml", "nothing unfinished is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let data = std::fs::read_to_string(&path).unwrap();
        assert!(decoded(&data).contains("/invitation?token=inv_"), "{data}");
        recipients.extend(data.lines().find_map(|line| line.strip_prefix("To: ").map(str::to_owned)));
    }
    recipients.sort();
    assert_eq!(recipients, ["ada@example.com", "bob@example.com"]);
}

#[tokio::test]
async fn strangers_get_so_many_mails_and_no_more() {
    let app = App::start_with(DRIVER, authpi_core::web::services::Options::default()).await;
    let issuer = app.issuer().await;
    let (first, second) = (app.organization(&issuer).await, app.organization(&issuer).await);
    let body = json!({ "email": "ada@example.com", "scopes": ["a:read"] });
    app.root().post(&format!("{first}/invitations"), body.clone()).expect(201).await;
    let refused = app.root().post(&format!("{second}/invitations"), body.clone()).expect(429).await;
    assert_eq!(refused.header("retry-after"), "60");
    app.advance(Duration::from_mins(1));
    let made = app.root().post(&format!("{second}/invitations"), body).expect(201).await.id();
    let resend = format!("{second}/invitations/{made}/resend");
    for _ in 0..3 {
        app.advance(Duration::from_mins(1));
        app.root().act(&resend).expect(200).await;
    }
    app.advance(Duration::from_mins(1));
    let refused = app.root().act(&resend).expect(429).await;
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((60..720).contains(&wait), "{wait}");
}
