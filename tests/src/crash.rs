//! Kills a server under load, again and again: no committed event may be lost, and none may arrive that is not in the log.

#![allow(clippy::disallowed_methods, reason = "a process goes by real time")]

use std::collections::{HashMap, HashSet};
use std::process::Stdio;
use std::time::Duration;

use authpi_core::event::catalogue::EventType;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::receiver::Receiver;
use crate::server::{Home, Server, free_port};

/// Callers that write at the same time.
const CALLERS: usize = 4;

/// How long everything may take to arrive after the last kill: leases of dead processes have to run out first.
const PATIENCE: Duration = Duration::from_mins(3);

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Deliverable events in the log.
    pub events: usize,
    /// Writes that were answered.
    pub answered: usize,
    /// Requests that the receiver got beyond one for each event.
    pub repeated: usize,
}

/// A server with a webhook to a receiver.
pub struct Victim {
    home: Home,
    port: u16,
    receiver: Receiver,
    account: String,
    root: Caller,
    bodies: HashMap<String, Vec<u8>>,
    arrived: usize,
}

impl Victim {
    /// Starts it; the server runs.
    pub async fn start(home: Home) -> (Self, Server) {
        let (port, receiver) = (free_port(), Receiver::start().await);
        let server = Self::process(&home, port).await;
        let bootstrap = std::fs::read(home.folder.path().join("bootstrap.json")).unwrap();
        let bootstrap: Value = serde_json::from_slice(&bootstrap).unwrap();
        let text = |name: &str| bootstrap[name].as_str().unwrap().to_owned();
        let root = Caller::new(&text("core_url"), Some((text("key_id"), text("key_secret"))));
        let account = text("account_id");
        let body = json!({ "url": format!("{}/in", receiver.base), "auth": { "type": "none" },
            "retry": { "initial_delay_seconds": 1, "multiplier": 1, "max_attempts": 15, "timeout_seconds": 1 },
            "circuit_breaker": { "enabled": false } });
        root.post(&format!("/v1/accounts/{account}/webhooks"), body).expect(201).await;
        (Self { home, port, receiver, account, root, bodies: HashMap::new(), arrived: 0 }, server)
    }

    async fn process(home: &Home, port: u16) -> Server {
        let mut command = home.command(port);
        // All of the load comes with one key.
        command.env("AUTHPI_RATE_LIMIT", "off");
        // Nobody reads what it logs.
        command.env("AUTHPI_ALLOW_PRIVATE_NETWORK", "on").stdout(Stdio::null()).stderr(Stdio::null());
        Server::start(command, port).await
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/accounts/{}{rest}", self.account)
    }

    /// Writes until the connection breaks. Ids of what was answered.
    async fn write(&self, issuer: &str) -> Vec<String> {
        let mut made = Vec::new();
        loop {
            let call = self.root.post(&format!("{issuer}/organizations"), json!({ "name": "one" }));
            match call.attempt().await {
                Ok(reply) if reply.status.as_u16() == 201 => made.push(reply.id()),
                Ok(reply) => panic!("{reply}"),
                Err(_) => return made,
            }
        }
    }

    /// Kills the server `kills` times at points that differ, and looks what has become of the events.
    pub async fn suffer(mut self, mut server: Server, kills: u64) -> Outcome {
        let made = self.root.post(&self.path("/issuers"), json!({ "name": "one" })).expect(201).await;
        let issuer = self.path(&format!("/issuers/{}", made.id()));
        let mut answered = Vec::new();
        for kill in 0..kills {
            // In some rounds the receiver fails, so that retries are cut off, too.
            self.receiver.answer(if kill % 3 == 1 { 500 } else { 204 }, &[], "");
            let delay = Duration::from_millis(20 + kill * 7_919 % 380);
            let writes = futures_util::future::join_all((0..CALLERS).map(|_| self.write(&issuer)));
            let killed = async {
                tokio::time::sleep(delay).await;
                server.child.kill().await.unwrap();
            };
            let (made, ()) = futures_util::future::join(writes, killed).await;
            answered.extend(made.into_iter().flatten());
            self.gather();
            server = Self::process(&self.home, self.port).await;
        }
        self.receiver.answer(204, &[], "");
        let events = self.settled().await;
        let created: HashSet<&str> = events
            .values()
            .filter(|event| event["type"] == "organization.created")
            .filter_map(|event| event["subject"]["org_id"].as_str())
            .collect();
        for id in &answered {
            assert!(created.contains(id.as_str()), "{id} was answered, and its event is not in the log");
        }
        for (id, body) in &self.bodies {
            let event = events.get(id).unwrap_or_else(|| panic!("{id} was delivered and is not in the log"));
            let body: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(&body["data"], event);
        }
        let outcome =
            Outcome { events: events.len(), answered: answered.len(), repeated: self.arrived - self.bodies.len() };
        drop(server);
        self.home.remove().await;
        outcome
    }

    /// Takes what has arrived; a repetition has the same bytes.
    fn gather(&mut self) {
        for request in self.receiver.received() {
            self.arrived += 1;
            let id = request.header("webhook-id").to_owned();
            let body = request.body.to_vec();
            let known = self.bodies.entry(id).or_insert_with(|| body.clone());
            assert_eq!(*known, body, "the same bytes on each attempt");
        }
    }

    /// Waits until every deliverable event in the log is delivered, and gives them by id.
    async fn settled(&mut self) -> HashMap<String, Value> {
        let begun = tokio::time::Instant::now();
        loop {
            let events = self.events().await;
            self.gather();
            let missing = events.keys().filter(|id| !self.bodies.contains_key(*id)).count();
            let undelivered = self.undelivered().await;
            if missing == 0 && undelivered == 0 {
                return events;
            }
            assert!(begun.elapsed() < PATIENCE, "{missing} of {} events never arrived", events.len());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Deliveries that are not recorded as arrived.
    async fn undelivered(&self) -> usize {
        let webhooks = self.root.get(&self.path("/webhooks")).expect(200).await;
        let path = self.path(&format!("/webhooks/{}/deliveries", webhooks.data()[0]["id"].as_str().unwrap()));
        let mut count = 0;
        for status in ["pending", "retrying", "failed"] {
            let page = self.root.get(&format!("{path}?status={status}")).expect(200).await;
            count += page.data().as_array().unwrap().len();
        }
        count
    }

    /// The deliverable events since the webhook was made.
    async fn events(&self) -> HashMap<String, Value> {
        let mut found = HashMap::new();
        let mut cursor = String::new();
        loop {
            let page = self.root.get(&self.path(&format!("/events?limit=100{cursor}"))).expect(200).await;
            for event in page.data().as_array().unwrap() {
                let kind = EventType::parse(event["type"].as_str().unwrap()).unwrap();
                if kind.is_deliverable() {
                    found.insert(event["id"].as_str().unwrap().to_owned(), event.clone());
                }
                if event["type"] == "webhook.created" {
                    return found;
                }
            }
            cursor = format!("&cursor={}", page.body["next_cursor"].as_str().expect("the webhook's own event"));
        }
    }
}
