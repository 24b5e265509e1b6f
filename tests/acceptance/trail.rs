//! The tamper-evident trail across crashes, and the program that checks it.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use authpi_verifier::trail::Trail;
use serde_json::{Value, json};
use tests::server::{Home, Server, binary, free_port};
use tests::{App, Backend, Caller, Driver};
use tokio::process::Command;

tests::on_every_database! {
    a_kill_at_any_point_leaves_a_chain_without_holes,
}

async fn a_kill_at_any_point_leaves_a_chain_without_holes(backend: Backend) {
    let Some(home) = Home::new(backend).await else { return };
    let port = free_port();
    let mut server = Server::start(home.command(port), port).await;
    let text = std::fs::read(home.folder.path().join("bootstrap.json")).unwrap();
    let credentials: Value = serde_json::from_slice(&text).unwrap();
    let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
    let root = Caller::new(&text("core_url"), Some((text("key_id"), text("key_secret"))));
    let account = format!("/v1/accounts/{}", text("account_id"));
    let issuer = root.post(&format!("{account}/issuers"), json!({ "name": "a" })).expect(201).await.id();
    let list = format!("{account}/issuers/{issuer}/organizations");
    let mut known = String::new();
    for round in 0..6_u64 {
        // The worker looks every quarter of a second: some of these kills meet it at work.
        let writing = async {
            loop {
                root.post(&list, json!({ "name": "x" })).expect(201).await;
            }
        };
        let _: Result<(), _> = tokio::time::timeout(Duration::from_millis(230 + round * 40), writing).await;
        server.child.kill().await.unwrap();
        server = Server::start(home.command(port), port).await;
        if round == 2 {
            let head = root.get(&format!("{account}/events/chain")).expect(200).await;
            known = format!("{}:{}", head.data()["sequence"], head.text("head"));
        }
    }
    let export = root.get(&format!("{account}/events/export")).expect(200).await;
    let mut trail = Trail::new().expecting(known.parse().unwrap());
    for line in String::from_utf8(export.bytes).unwrap().lines() {
        trail.line(line).unwrap();
    }
    let report = trail.finish().unwrap();
    assert!(report.is_complete && report.first == 1 && report.events > 12, "{report:?}");
    let listed = root.get(&format!("{list}?limit=1")).expect(200).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 1);
    let created = format!("{account}/events/export?event_types=organization.created&issuer_id={issuer}");
    let created = root.get(&created).expect(200).await;
    let created = String::from_utf8(created.bytes).unwrap().lines().count() - 1;
    assert_eq!(created, organizations(&root, &list).await, "each change has its event, and each event its number");
    drop(server);
    home.remove().await;
}

async fn organizations(root: &Caller, list: &str) -> usize {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page = root.get(&format!("{list}?limit=100{cursor}")).expect(200).await;
        count += page.data().as_array().unwrap().len();
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

/// The checker, which `cargo build` put beside the server.
async fn check(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let program = binary().with_file_name("authpi-verify-trail");
    assert!(program.exists(), "it is missing: cargo build -p examples --bin authpi-verify-trail");
    let output: Output = Command::new(program).current_dir(folder).args(arguments).output().await.unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(told).unwrap())
}

#[tokio::test]
async fn the_checker_says_what_it_checked_and_where_it_breaks() {
    let app = App::start(Driver::Axum).await;
    let issuer = app.issuer().await;
    let user = app.user(&issuer, "ada@example.com").await;
    app.organization(&issuer).await;
    let export = async |query: &str| {
        let reply = app.root().get(&app.path(&format!("/events/export?{query}"))).expect(200).await;
        String::from_utf8(reply.bytes).unwrap()
    };
    let whole = export("").await;
    let lines: Vec<&str> = whole.lines().collect();
    let head = app.root().get(&app.path("/events/chain")).expect(200).await;
    let head = format!("{}:{}", head.data()["sequence"], head.text("head"));
    let cursor: Value = serde_json::from_str(lines[1]).unwrap();
    let part = format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..lines[2].len() / 2]);
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("whole", whole.clone()),
        ("part-1", part),
        ("part-2", export(&format!("cursor={}", cursor["id"].as_str().unwrap())).await),
        ("of-ada", export(&format!("user_id={user}")).await),
        ("edited", whole.replacen("issuer.created", "issuer.updated", 1)),
        ("cut-off", lines[..lines.len() - 2].join("\n") + "\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let events = lines.len() - 1;
    for (arguments, code, told) in [
        (vec!["whole"], 0, format!("events: {events}\n")),
        (vec!["--head", &head, "whole"], 0, format!("head to keep: {head}")),
        (vec!["part-1", "part-2"], 0, format!("numbers 1 to {events};")),
        (vec!["part-2"], 0, "what is before number 3 was not looked at".to_owned()),
        (vec!["part-1"], 3, "INCOMPLETE".to_owned()),
        (vec!["--against", "whole", "of-ada"], 0, "events: 1\n".to_owned()),
        (vec!["edited"], 1, "is not what it was when the next one was made".to_owned()),
        (vec!["--against", "edited", "of-ada"], 1, "NOT WHOLE: edited:".to_owned()),
        (vec!["cut-off"], 3, "INCOMPLETE".to_owned()),
        (vec!["--head", &head, "cut-off"], 1, format!("the trail ends at number {}", events - 1)),
        (vec!["nowhere"], 2, "nowhere".to_owned()),
        (vec!["--head", "7", "whole"], 2, "a head is a number".to_owned()),
    ] {
        let (found, text) = check(folder.path(), &arguments).await;
        assert!(found == code && text.contains(&told), "{arguments:?}: {found} {text}");
    }
}
