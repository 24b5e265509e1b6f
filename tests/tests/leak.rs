//! Nothing that was issued or told in confidence is found in the database files or in the log (security §4), and no
//! column holds an unkeyed hash of a request body (row 54).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../leak/story.rs"]
mod story;

use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::log::CapturedLog;
use tests::{App, Driver};

use story::Story;

/// Everything that the tests of this file log, at every level.
static LOG: LazyLock<CapturedLog> = LazyLock::new(CapturedLog::of_process);

/// The forms in which a secret could lie around.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let digest = Sha256::digest(secret.as_bytes());
    let hex = authpi_core::secret::hex(&digest);
    vec![
        secret.as_bytes().to_vec(),
        STANDARD.encode(secret).trim_end_matches('=').as_bytes().to_vec(),
        URL_SAFE_NO_PAD.encode(secret).as_bytes().to_vec(),
        digest.to_vec(),
        hex.into_bytes(),
    ]
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A character for each byte: the search of the standard library is compiled with optimizations, ours is not.
fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// A short code is only itself where it does not stand inside of a longer word or number.
fn tells(text: &str, secret: &str) -> bool {
    let is_end = |next: Option<char>| !next.is_some_and(|next| next.is_ascii_alphanumeric());
    let alone = |(at, _): (usize, &str)| {
        is_end(text[..at].chars().next_back()) && is_end(text[at + secret.len()..].chars().next())
    };
    text.match_indices(secret).any(alone)
}

fn database_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    bytes
}

#[tokio::test]
async fn nothing_secret_is_found_in_the_database_files_or_the_log() {
    LazyLock::force(&LOG);
    let app = App::start(Driver::Axum).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let mut secrets = vec![app.key.1.clone()];
    let mut bodies = Vec::new();

    let key = json!({ "name": "k", "type": "api_key", "restrictions": { "scopes": ["a:read"] } });
    let made =
        app.root().post(&format!("{organization}/api-keys"), key).header("idempotency-key", "x").expect(201).await;
    secrets.push(made.text("secret_plain"));
    let rotated = app.root().act(&app.path(&format!("/api-keys/{}/rotate", made.id()))).expect(200).await;
    secrets.push(rotated.text("secret_plain"));
    app.with_key(&made.id(), &rotated.text("secret_plain")).get("/v1/me").expect(200).await;
    app.with_key(&made.id(), "wrong-secret-0123456789").get("/v1/me").expect(401).await;
    secrets.push("wrong-secret-0123456789".to_owned());

    let chosen = "Caller-chosen_secret.with+enough~entropy=0123456789";
    let body = json!({ "name": "imported", "restrictions": { "scopes": [] }, "secret": chosen });
    bodies.push(body.clone());
    app.root().post(&app.path("/api-keys"), body).expect(201).await;
    secrets.push(chosen.to_owned());

    let client = json!({
        "name": "web", "type": "external", "confidential": true,
        "settings": { "protocol": "oidc", "openid": { "redirect_uris": ["https://app.example.com/cb"] } },
    });
    let client = app.root().post(&format!("{issuer}/clients"), client).expect(201).await;
    secrets.push(client.text("secret"));
    let rotate = format!("{issuer}/clients/{}/secret/rotate", client.id());
    secrets.push(app.root().act(&rotate).expect(200).await.text("secret"));

    let body = json!({ "email": "ann@example.com", "password": "quartz lantern 47 marmalade ridge" });
    bodies.push(body.clone());
    app.root().post(&format!("{issuer}/users"), body).header("idempotency-key", "y").expect(201).await;
    secrets.push("quartz lantern 47 marmalade ridge".to_owned());
    app.root().post(&format!("{issuer}/users"), json!({ "password": "short", "email": "x" })).expect(400).await;
    app.anonymous().get(&format!("/{}/jwks.json", issuer.rsplit('/').next().unwrap())).expect(200).await;
    app.event_types("").await;

    let database = database_bytes(app.folder.path());
    assert!(contains(&database, b"organization.created"), "the database files are read");
    let log = LOG.text();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is captured");
    for secret in &secrets {
        for form in forms(secret) {
            assert!(!contains(&database, &form), "a secret is in the database");
            assert!(!contains(log.as_bytes(), &form), "a secret is in the log");
        }
        let pair = format!("{}:{secret}", app.key.0);
        assert!(!log.contains(&STANDARD.encode(pair)), "an Authorization header is in the log");
    }
    for body in bodies {
        let digest = Sha256::digest(Value::to_string(&body).as_bytes());
        assert!(!contains(&database, &digest), "an unkeyed hash of a body is in the database");
    }
    // The directory and the events hold no personal data; the record of the user does.
    let events = serde_json::to_string(&app.events("").await).unwrap();
    assert!(!events.contains("ann@example.com"));
}

/// What is told to one person, one client or one machine, in a whole life with an issuer.
#[tokio::test]
async fn no_token_code_cookie_or_seed_is_in_the_database_the_log_the_events_or_a_refusal() {
    LazyLock::force(&LOG);
    let (mut story, provider) = Story::begin().await;
    story.machines(&provider).await;
    story.sign_up(&provider).await;
    story.sign_in(&provider).await;
    story.reset(&provider).await;
    assert!(story.secrets.len() > 25 && story.refusals.len() > 8, "{} secrets", story.secrets.len());

    let database = database_bytes(provider.app.folder.path());
    assert!(contains(&database, b"session.created"), "the database files are read");
    let events = serde_json::to_string(&provider.app.events("").await).unwrap();
    assert!(events.contains("user.password.reset"), "the events are read");
    let log = characters(LOG.text().as_bytes());
    let places = [
        ("database", characters(&database)),
        ("log", log),
        ("events", characters(events.as_bytes())),
        ("refusals", characters(story.refusals.concat().as_bytes())),
    ];
    let mut found = Vec::new();
    for (what, secret) in &story.secrets {
        for (place, text) in &places {
            let is_there = match secret.len() {
                ..16 => tells(text, secret),
                _ => forms(secret).iter().any(|form| text.contains(&characters(form))),
            };
            if is_there {
                found.push(format!("{what} in the {place}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
