//! Nothing that was issued or told in confidence is found in the database files or in the log (security §4), and no
//! column holds an unkeyed hash of a request body (row 54).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::log::CapturedLog;
use tests::{App, Driver};

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

fn database_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    bytes
}

#[tokio::test]
async fn nothing_secret_is_found_in_the_database_files_or_the_log() {
    let log = CapturedLog::of_process();
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
    let log = log.text();
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
