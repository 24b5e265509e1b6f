//! An export is made while it is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authpi_core::event::catalogue;
use authpi_core::event::model::content;
use authpi_core::secret::hex;
use authpi_core::store::contract::account::account;
use authpi_core::store::contract::event::event;
use authpi_core::web::services::Options;
use base64::Engine as _;
use sea_orm::ConnectionTrait;
use tests::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// So many events of the account, all numbered.
async fn fill(app: &App, count: usize) {
    let (account, now) = (app.account.parse().unwrap(), app.authpi.services().now());
    let events: Vec<_> = (0..count).map(|_| event(account, catalogue::ORGANIZATION_UPDATED, now)).collect();
    append(app, &events).await;
    work(app).await;
}

#[tokio::test]
async fn twenty_thousand_events_come_in_small_chunks_and_verify() {
    const EVENTS: usize = 20_000;
    let app = App::start(DRIVER).await;
    fill(&app, EVENTS).await;
    let mut response = app.root().get(&app.path("/events/export")).open().await;
    let (mut trail, mut rest, mut largest) = (Trail::new(), Vec::new(), 0);
    while let Some(chunk) = response.chunk().await.unwrap() {
        largest = largest.max(chunk.len());
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            trail.line(std::str::from_utf8(&line).unwrap()).unwrap();
        }
    }
    let report = trail.finish().unwrap();
    assert!(report.is_complete && report.events > EVENTS as u64 && rest.is_empty(), "{report:?}");
    assert!(largest < 512 * 1024, "{largest} bytes at once");
}

#[tokio::test]
async fn while_no_line_is_found_spaces_tell_that_one_is_looked_for() {
    let app = App::start(DRIVER).await;
    fill(&app, 10_500).await;
    let export = export(&app, "event_types=webhook.created").await;
    assert_eq!((export.lines.len(), &export.trailer["count"]), (0, &json!(0)));
    let spaces = export.text.find('{').unwrap();
    assert_eq!(&export.text[..spaces], "  ", "one for each 5,000 events");
}

/// Asks for an export, and reads nothing yet.
async fn ask(app: &App) -> TcpStream {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", app.key.0, app.key.1));
    let path = app.path("/events/export");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {pair}\r\nconnection: close\r\n\r\n");
    let mut connection = TcpStream::connect(app.base.strip_prefix("http://").unwrap()).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

/// The number, once it has stayed the same for half a second.
async fn settled(counter: &AtomicUsize) -> usize {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let (mut last, mut same) = (0, 0);
    while same < 10 {
        tick.tick().await;
        let now = counter.load(Ordering::SeqCst);
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
    }
    last
}

#[tokio::test]
async fn who_does_not_read_holds_up_the_work_and_who_hangs_up_or_a_shutdown_ends_it() {
    const EVENTS: usize = 30_000;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
    let mut store = authpi_storage::connect(&url).await.unwrap();
    let pages = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pages);
    store.on_statement(move |sql| {
        if sql.starts_with("SELECT") && sql.contains("\"authpi_event_link\".\"previous\"") {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let app = App::start_on(DRIVER, Options { rate_limits: false, ..Options::default() }, store, folder).await;
    fill(&app, EVENTS).await;
    let (all, before) = (EVENTS / 200, pages.load(Ordering::SeqCst));

    let connection = ask(&app).await;
    let taken = settled(&pages).await - before;
    assert!(taken > 1 && taken < all * 2 / 3, "{taken} of {all} pages were read for somebody who reads nothing");
    drop(connection);
    let at_the_end = settled(&pages).await - before;
    assert!(at_the_end <= taken + 2, "{at_the_end} pages, for nobody");

    let mut connection = ask(&app).await;
    settled(&pages).await;
    app.authpi.end_streams();
    let mut text = Vec::new();
    connection.read_to_end(&mut text).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\"sequence\":1,") && !text.contains("trailer"), "it is not told to be complete");
}

#[tokio::test]
async fn what_cannot_be_read_breaks_the_export_off_without_a_trailer() {
    let app = App::start(DRIVER).await;
    fill(&app, 2_000).await;
    let database = sea_orm::Database::connect(&database(&app)).await.unwrap();
    database.execute_unprepared("DELETE FROM authpi_event_link WHERE sequence = 1500").await.unwrap();
    let mut response = app.root().get(&app.path("/events/export")).open().await;
    assert_eq!(response.status(), 200);
    let mut text = Vec::new();
    let broke = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broke, "nobody takes it for whole");
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("trailer") && !text.contains("\"sequence\":1500,"));
}

#[tokio::test]
async fn what_cannot_be_read_at_once_is_an_error_of_the_usual_shape() {
    let app = lively().await;
    work(&app).await;
    let database = sea_orm::Database::connect(&database(&app)).await.unwrap();
    database.execute_unprepared("DELETE FROM authpi_event_link WHERE sequence = 2").await.unwrap();
    let reply = app.root().get(&app.path("/events/export")).expect(500).await;
    assert_eq!(reply.refusal().0, "server_error");
}

#[tokio::test]
async fn exports_beside_each_other_and_beside_writers_are_each_whole() {
    let app = Arc::new(lively().await);
    let issuer = app.issuer().await;
    let writers = (0..4).map(|writer| {
        let (app, issuer) = (Arc::clone(&app), issuer.clone());
        tokio::spawn(async move {
            for number in 0..10 {
                app.user(&issuer, &format!("user-{writer}-{number}@example.com")).await;
            }
        })
    });
    let readers = (0..4).map(|_| {
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            for _ in 0..5 {
                let export = export(&app, "").await;
                let mut trail = Trail::new();
                export.text.lines().for_each(|line| trail.line(line).unwrap());
                let report = trail.finish().unwrap();
                assert!(report.is_complete && report.first == 1);
            }
        })
    });
    for task in writers.chain(readers).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let export = export(&app, "").await;
    assert_eq!(export.events().len(), app.events("").await.len());
    verified(&app, &export).await;
}

#[tokio::test]
async fn what_a_later_version_has_written_gets_its_number_and_is_not_exported_without_a_part_of_it() {
    let app = lively().await;
    let database = sea_orm::Database::connect(&database(&app)).await.unwrap();
    let change = |to: &str| format!("UPDATE authpi_event SET subject = {to} WHERE kind = 'organization.created'");
    let later = change("json_set(subject, '$.shelf_id', 'shf_1')");
    database.execute_unprepared(&later).await.unwrap();
    work(&app).await;
    let sequence = chain(&app).await["sequence"].as_u64().unwrap();
    app.root().get(&app.path("/events/export")).expect(500).await;
    assert_eq!(app.events("event_types=organization.created").await.len(), 2, "what is known of them is shown");
    database.execute_unprepared(&change("json_remove(subject, '$.shelf_id')")).await.unwrap();
    let report = verified(&app, &export(&app, "").await).await;
    assert_eq!((report.events, sequence), (sequence, app.events("").await.len() as u64));
}

#[tokio::test]
async fn an_event_whose_hash_is_damaged_keeps_only_its_own_account_waiting() {
    let app = App::start(DRIVER).await;
    work(&app).await;
    let services = app.authpi.services();
    let stranger = account();
    let mut unit = services.store.begin(services.now()).await.unwrap();
    unit.accounts().insert(&stranger).await.unwrap();
    unit.commit().await.unwrap();
    let broken = event(stranger.id, catalogue::ACCOUNT_UPDATED, services.now());
    append(&app, std::slice::from_ref(&broken)).await;
    let database = sea_orm::Database::connect(&database(&app)).await.unwrap();
    let hash = |hash: &str| {
        let timestamp = broken.timestamp.as_millis();
        format!(
            "UPDATE authpi_event SET content_hash = x'{hash}' WHERE kind = 'account.updated' AND timestamp = {timestamp}"
        )
    };
    database.execute_unprepared(&hash("00")).await.unwrap();
    app.issuer().await;
    work(&app).await;
    let events = app.events("").await;
    assert_eq!(chain(&app).await["sequence"], events.len());
    assert_eq!(services.store.reads().events().head(stranger.id).await.unwrap(), None);
    database.execute_unprepared(&hash(&hex(&content(&broken).unwrap()))).await.unwrap();
    work(&app).await;
    let head = services.store.reads().events().head(stranger.id).await.unwrap().unwrap();
    assert_eq!((head.sequence, head.event_id), (1, Some(broken.id)));
}

fn database(app: &App) -> String {
    format!("sqlite://{}", app.folder.path().join("authpi.db").display())
}
