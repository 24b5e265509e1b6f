//! Many people who sign in at the same moment: the queue for password hashes has an end, and memory with it.

use std::process::Stdio;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tests::server::{Home, Server, free_port};
use tests::{Backend, Caller, Reply};

const PEOPLE: usize = 1_000;
const PASSWORD: &str = "k7!qZp2vv-Rw9xT4mN6bH8cJ";
const CALLBACK: &str = "https://app.example.com/cb";

/// Most that the server may have had in memory, in KiB: a hash takes 19 MiB, and a thousand at once would take 19 GiB.
const MOST: u64 = 640 * 1024;

/// A login that waits for its password.
struct Waiting {
    path: String,
    cookie: String,
    ticket: String,
}

/// An issuer with somebody who signs in, and a client of its own.
struct Ground {
    anonymous: Caller,
    issuer: String,
    authorize: String,
}

impl Ground {
    async fn new(server: &Server, first: &Value) -> Self {
        let text = |name: &str| first[name].as_str().unwrap().to_owned();
        let root = Caller::new(&server.base, Some((text("key_id"), text("key_secret"))));
        let issuers = format!("/v1/accounts/{}/issuers", text("account_id"));
        let issuer = root.post(&issuers, json!({ "name": "crowd" })).expect(201).await.id();
        let below = format!("{issuers}/{issuer}");
        let user = json!({ "email": "ada@example.com", "password": PASSWORD, "profile": { "email_verified": true } });
        root.post(&format!("{below}/users"), user).expect(201).await;
        let client = json!({ "name": "App", "type": "internal", "confidential": true,
            "settings": { "scopes": ["openid"], "openid": { "redirect_uris": [CALLBACK] } } });
        let client = root.post(&format!("{below}/clients"), client).expect(201).await.id();
        let query = format!("response_type=code&scope=openid&state=s&client_id={client}&redirect_uri={CALLBACK}");
        Self { anonymous: Caller::new(&server.base, None), authorize: format!("/{issuer}/authorize?{query}"), issuer }
    }

    async fn begin(&self) -> Waiting {
        let begun = self.anonymous.get(&self.authorize).expect(302).await;
        let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
        let flow = begun.header("location").rsplit_once('=').unwrap().1.to_owned();
        let path = format!("/{}/flows/{flow}", self.issuer);
        let state = self.anonymous.get(&path).header("cookie", &cookie).expect(200).await;
        let waiting = Waiting { ticket: state.body["ticket"].as_str().unwrap().to_owned(), path, cookie };
        let named = self.post(&waiting, "identify", json!({ "identifier": "ada@example.com" })).await;
        assert_eq!(named.status, 200, "{named}");
        waiting
    }

    async fn post(&self, waiting: &Waiting, step: &str, body: Value) -> Reply {
        let call = self.anonymous.call(Method::POST, &format!("{}/{step}", waiting.path));
        call.header("cookie", &waiting.cookie).header("authpi-portal", &waiting.ticket).json(body).send().await
    }

    async fn password(&self, waiting: &Waiting) -> Reply {
        self.post(waiting, "password", json!({ "password": PASSWORD })).await
    }
}

/// The most that a process has had in memory, in KiB.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

#[tokio::test]
async fn a_thousand_logins_at_once_are_answered_or_told_to_come_back_and_memory_has_a_bound() {
    let home = Home::new(Backend::Sqlite).await.unwrap();
    let port = free_port();
    let mut command = home.command(port);
    command.env("AUTHPI_RATE_LIMIT", "off").env("AUTHPI_BILLING", "off");
    // Nobody reads its log here: a pipe would fill, and hold the server up.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server::start(command, port).await;
    let first = std::fs::read(home.folder.path().join("bootstrap.json")).unwrap();
    let ground = Ground::new(&server, &serde_json::from_slice(&first).unwrap()).await;
    let mut waiting = Vec::new();
    while waiting.len() < PEOPLE {
        waiting.extend(join_all((0..50).map(|_| ground.begin())).await);
    }
    let replies = join_all(waiting.iter().map(|waiting| ground.password(waiting))).await;
    let of = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    let (answered, turned_away) = (of(200), of(503));
    let other = replies.iter().find(|reply| reply.status != 200 && reply.status != 503);
    assert!(other.is_none(), "{}", other.unwrap());
    assert!(answered > 0 && turned_away > 0, "{answered} answered, {turned_away} turned away");
    for reply in replies.iter().filter(|reply| reply.status == 503) {
        assert!(reply.headers.contains_key("retry-after") && reply.body["retryable"] == json!(true), "{reply}");
    }
    let peak = peak(&server);
    assert!(peak < MOST, "{peak} KiB");
    eprintln!("{answered} of {PEOPLE} logins answered at once, peak {} MiB", peak / 1024);
    // Whoever was turned away comes in with the same login.
    let (late, _) = waiting.iter().zip(&replies).find(|(_, reply)| reply.status == 503).unwrap();
    let again = ground.password(late).await;
    assert_eq!((again.status.as_u16(), &again.body["step"]), (200, &json!("done")), "{again}");
    home.remove().await;
}
