//! The tamper-evident trail across crashes, and the program that checks it.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use authpi_core::webhook::model::signature;
use authpi_core::worker::run_once;
use authpi_verifier::trail::Trail;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::server::{Home, Server, binary, free_port};
use tests::{App, Backend, Caller, Dns, Driver, Receiver};
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
    let mut trail = Trail::new().expecting(known.parse().unwrap()).unwrap();
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

/// An account, and exports of it in a folder.
struct Exports {
    app: App,
    folder: TempDir,
}

impl Exports {
    async fn new() -> Self {
        Self::of(App::start(Driver::Axum).await)
    }

    fn of(app: App) -> Self {
        Self { app, folder: tempfile::tempdir().unwrap() }
    }

    async fn export(&self, query: &str) -> String {
        let reply = self.app.root().get(&self.app.path(&format!("/events/export?{query}"))).expect(200).await;
        String::from_utf8(reply.bytes).unwrap()
    }

    /// The end of the chain, as the checker takes it.
    async fn head(&self) -> String {
        let head = self.app.root().get(&self.app.path("/events/chain")).expect(200).await;
        format!("{}:{}", head.data()["sequence"], head.text("head"))
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Arguments, the exit code, and what it tells.
    async fn assert(&self, runs: &[(&[&str], i32, &str)]) {
        for (arguments, code, told) in runs {
            let (found, text) = check(self.folder.path(), arguments).await;
            assert!(found == *code && text.contains(told), "{arguments:?}: {found} {text}");
        }
    }
}

/// What number `sequence` goes on from.
fn previous(line: &str, sequence: u64) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["chain"]["sequence"], sequence);
    line["chain"]["previous"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_checker_says_what_it_checked_and_where_it_breaks() {
    let exports = Exports::new().await;
    let issuer = exports.app.issuer().await;
    let user = exports.app.user(&issuer, "ada@example.com").await;
    exports.app.organization(&issuer).await;
    let whole = exports.export("").await;
    let lines: Vec<&str> = whole.lines().collect();
    let head = exports.head().await;
    let cursor: Value = serde_json::from_str(lines[1]).unwrap();
    let part = format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..lines[2].len() / 2]);
    exports.write("part-2", exports.export(&format!("cursor={}", cursor["id"].as_str().unwrap())).await);
    exports.write("of-ada", exports.export(&format!("user_id={user}")).await);
    for (name, text) in [
        ("whole", whole.clone()),
        ("part-1", part),
        ("edited", whole.replacen("issuer.created", "issuer.updated", 1)),
        ("cut-off", lines[..lines.len() - 2].join("\n") + "\n"),
        ("twice", whole.replacen("\"type\":", "\"type\":\"user.deleted\",\"type\":", 1)),
    ] {
        exports.write(name, text);
    }
    let events = lines.len() - 1;
    let runs: [(&[&str], _, _); _] = [
        (&["whole"], 0, &*format!("events: {events}\n")),
        (&["--head", &head, "whole"], 0, &format!("head to keep: {head}")),
        (&["part-1", "part-2"], 0, &format!("numbers 1 to {events};")),
        (&["part-2"], 0, "what is before number 3 was not looked at"),
        (&["part-1"], 3, "INCOMPLETE"),
        (&["--against", "whole", "of-ada"], 0, "events: 1\n"),
        (&["edited"], 1, "is not what it was when the next one was made"),
        (&["--against", "edited", "of-ada"], 1, "NOT WHOLE: edited:"),
        (&["cut-off"], 3, "INCOMPLETE"),
        (&["--head", &head, "cut-off"], 1, &format!("the trail ends at number {}", events - 1)),
        (&["twice"], 1, "NOT WHOLE: twice:1: this is no line of an export"),
        (&["nowhere"], 2, "nowhere"),
        (&["--head", "7", "whole"], 2, "a head is a number"),
    ];
    exports.assert(&runs).await;
}

#[tokio::test]
async fn the_checker_takes_nothing_behind_an_export_and_half_a_line_at_its_end() {
    let exports = Exports::new().await;
    exports.app.issuer().await;
    let whole = exports.export("").await.into_bytes();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for (name, broken_off, rest) in [
        ("whole-and-bytes", false, &b"\xff\n"[..]),
        ("whole-and-half-bytes", false, b"\xff"),
        ("whole-and-half-a-line", false, b"{"),
        ("part-and-bytes", true, b"\xff\n"),
        ("part-and-half-a-line", true, b"{\n"),
        ("part-and-half-a-character", true, b"{\"id\":\"\xc3"),
    ] {
        let export = if broken_off { &whole[..first] } else { &whole };
        exports.write(name, [export, rest].concat());
    }
    let runs: [(&[&str], _, _); _] = [
        (&["whole-and-bytes"], 1, "something follows the trailer"),
        (&["whole-and-half-bytes"], 1, "something follows the trailer"),
        (&["whole-and-half-a-line"], 1, "something follows the trailer"),
        (&["part-and-bytes"], 1, "part-and-bytes:2: this is no line of an export"),
        (&["part-and-half-a-line"], 1, "part-and-half-a-line:2: this is no line of an export"),
        (&["part-and-half-a-character"], 3, "INCOMPLETE"),
    ];
    exports.assert(&runs).await;
}

#[tokio::test]
async fn the_checker_tells_what_it_cannot_look_at_from_tampering() {
    let exports = Exports::new().await;
    let issuer = exports.app.issuer().await;
    let (ada, grace) = (exports.app.user(&issuer, "ada@example.com").await, "grace@example.com");
    let whole = exports.export("").await;
    let lines: Vec<&str> = whole.lines().collect();
    let (head, end) = (exports.head().await, lines.len() as u64 - 1);
    let beginning = format!("0:{}", previous(lines[0], 1));
    let first = format!("1:{}", previous(lines[1], 2));
    let (other, other_end) = (format!("1:{}", "0".repeat(64)), format!("{end}:{}", "0".repeat(64)));
    let beyond = format!("{}:{}", end + 1, "0".repeat(64));
    let last: Value = serde_json::from_str(lines[lines.len() - 2]).unwrap();
    exports.write("whole", &whole);
    exports.write("nothing-new", exports.export(&format!("cursor={}", last["id"].as_str().unwrap())).await);
    let grace = exports.app.user(&issuer, grace).await;
    let users = exports.export("event_types=user.created").await;
    assert!(users.contains(&ada) && users.contains(&grace));
    exports.write("newer", &users);
    exports.write("newer-and-edited", users.replacen("\"status\":\"active\"", "\"status\":\"blocked\"", 1));
    exports.write("of-nobody", exports.export("event_types=user.deleted").await);
    exports.write("newer-whole", exports.export("").await);
    let runs: [(&[&str], _, _); _] = [
        (&["nothing-new"], 0, "no events"),
        (&["--head", &head, "nothing-new"], 0, &*format!("head to keep: {head}")),
        (&["--head", &first, "nothing-new"], 3, "NOT COVERED: at the end: number 1 is known"),
        (&["--head", &first, "--head", &head, "nothing-new"], 3, "number 1 is known"),
        (&["--head", &head, "--head", &beyond, "nothing-new"], 1, "NOT WHOLE: at the end: the trail ends at number"),
        (&["--head", &other_end, "whole", "nothing-new"], 1, "is known to be another one"),
        (&["--head", &beginning, "--head", &first, "--head", &head, "whole", "nothing-new"], 0, "head to keep"),
        (&["--head", &first, "--head", &other, "whole"], 1, "NOT WHOLE: --head: number 1 is known twice"),
        (&["--against", "newer-whole", "newer"], 0, "events: 2\n"),
        (&["--against", "whole", "newer"], 3, &format!("does not reach to number {}", end + 1)),
        (&["--against", "whole", "of-nobody"], 3, "NOT COVERED: at the end: the full export does not hold the link"),
        (&["--against", "whole", "newer-and-edited"], 1, "NOT WHOLE: newer-and-edited:1:"),
        (&["--head", &first, "--against", "nothing-new", "newer"], 3, "number 1 is known"),
    ];
    exports.assert(&runs).await;
}

/// Somebody of the platform who may make issuers: the path of the user, and a token.
async fn colleague(app: &App) -> (String, String) {
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let user = app.user(platform, "ada@example.com").await;
    let member = json!({ "member_id": user, "scopes": ["issuers:*"] });
    app.root().post(&format!("{organization}/members"), member).expect(201).await;
    let user = format!("{platform}/users/{user}");
    let token = json!({ "name": "t", "restrictions": { "scopes": ["issuers:*"] } });
    let made = app.root().post(&format!("{user}/tokens"), token).expect(201).await;
    (user, made.text("token_plain"))
}

#[tokio::test]
async fn what_is_redelivered_after_its_user_was_erased_says_nothing_personal_and_the_trail_is_whole() {
    let (dns, receiver) = (Dns::start().await, Receiver::start().await);
    let exports = Exports::of(App::start_reaching(Driver::Axum, &dns).await);
    let app = &exports.app;
    let work = async || run_once(app.authpi.services()).await.unwrap();
    let (ada, token) = colleague(app).await;
    work().await;
    let webhook = json!({
        "url": format!("{}/in", receiver.base), "auth": { "type": "signature" }, "events": ["issuer.created"],
    });
    let webhook = app.root().post(&app.path("/webhooks"), webhook).expect(201).await;
    let secret = webhook.data()["auth"]["signature_secret_plain"].as_str().unwrap().to_owned();
    let webhook = app.path(&format!("/webhooks/{}", webhook.id()));
    receiver.answer(500, &[], "");
    let made = app.with_bearer(&token).post(&app.path("/issuers"), json!({ "name": "acme" }));
    made.header("user-agent", "Lovelace/1").expect(201).await;
    app.root().delete(&ada).expect(204).await;
    work().await;
    let first = receiver.received().remove(0);
    let before = exports.export("").await;
    exports.write("before", &before);
    let agent = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["data"]["auth"]["user_agent"].clone();
    assert_eq!(agent(&first.body), "Lovelace/1");
    assert!(before.contains("Lovelace/1"));
    // All attempts fail, those of a second series as well, and the user is erased.
    let day = Duration::from_hours(24);
    for _ in 0..8 {
        app.advance(day);
        work().await;
    }
    let tried = receiver.received();
    assert!(
        tried.len() > 5 && tried.iter().all(|again| again.body == first.body),
        "the same bytes as long as it is tried"
    );
    assert_eq!(app.root().act(&format!("{webhook}/redeliver")).expect(202).await.body["data"]["queued"], 1);
    app.advance(day * 22 + Duration::from_secs(1));
    work().await;
    work().await;
    receiver.received();
    receiver.answer(204, &[], "");
    let deliveries = app.root().get(&format!("{webhook}/deliveries")).expect(200).await;
    let delivery = deliveries.data()[0]["id"].as_str().unwrap().to_owned();
    let again = app.root().act(&format!("{webhook}/deliveries/{delivery}/redeliver")).expect(200).await;
    assert_eq!(again.data()["success"], true);
    let again = receiver.received().remove(0);
    assert_eq!((agent(&again.body), again.header("webhook-id")), (Value::Null, first.header("webhook-id")));
    assert!(!String::from_utf8_lossy(&again.body).contains("Lovelace"));
    let signed = signature(&secret, first.header("webhook-id"), app.now() / 1_000, &again.body).unwrap();
    assert_eq!(again.header("webhook-signature"), signed);
    let after = exports.export("").await;
    assert!(!after.contains("Lovelace"));
    exports.write("after", &after);
    let head = exports.head().await;
    exports.assert(&[(&["before"], 0, "events: "), (&["--head", &head, "after"], 0, "events: ")]).await;
}
