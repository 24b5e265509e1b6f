//! Kills a server under load, again and again: no committed event may be lost, and none may arrive that is not in the log.

#![allow(clippy::disallowed_methods, reason = "a process goes by real time")]

use std::collections::{HashMap, HashSet};
use std::process::Stdio;
use std::time::Duration;

use authpi_core::event::catalogue::EventType;
use futures_util::future::{join_all, join3};
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::database::Backend;
use crate::receiver::Receiver;
use crate::server::{Home, Server, free_port};

/// Callers that write at the same time.
const CALLERS: usize = 4;

/// How long everything may take to arrive after the last kill: leases of dead processes have to run out first.
const PATIENCE: Duration = Duration::from_mins(3);

/// How long until the leases of a dead process run out: as long as an attempt may take, and 30 s.
const LEASE: Duration = Duration::from_secs(31);

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Deliverable events in the log.
    pub events: usize,
    /// Writes that were answered.
    pub answered: usize,
    /// Deliveries that were asked for once more, and made.
    pub redelivered: usize,
    /// Requests that the receiver got beyond one for each event and webhook.
    pub repeated: usize,
}

/// Servers with webhooks to a receiver. On a database of its own a second process shares the work of the first.
pub struct Victim {
    home: Home,
    ports: Vec<u16>,
    receiver: Receiver,
    account: String,
    root: Caller,
    webhooks: Vec<Hook>,
    /// By path and event.
    bodies: HashMap<(String, String), Vec<u8>>,
    arrived: usize,
    redelivered: usize,
}

/// A webhook.
struct Hook {
    id: String,
    path: &'static str,
    /// The one type that it receives; `None` for all.
    only: Option<&'static str>,
}

impl Victim {
    /// Starts it; the servers run.
    pub async fn start(home: Home, backend: Backend) -> (Self, Vec<Server>) {
        let processes = if backend == Backend::Sqlite { 1 } else { 2 };
        let ports: Vec<u16> = (0..processes).map(|_| free_port()).collect();
        let receiver = Receiver::start().await;
        let servers = Self::processes(&home, &ports).await;
        let bootstrap = std::fs::read(home.folder.path().join("bootstrap.json")).unwrap();
        let bootstrap: Value = serde_json::from_slice(&bootstrap).unwrap();
        let text = |name: &str| bootstrap[name].as_str().unwrap().to_owned();
        let root = Caller::new(&servers[0].base, Some((text("key_id"), text("key_secret"))));
        let account = text("account_id");
        let mut webhooks = Vec::new();
        for (path, only) in [("/all", None), ("/some", Some("organization.created"))] {
            let mut body = json!({ "url": format!("{}{path}", receiver.base), "auth": { "type": "none" },
                "retry": { "initial_delay_seconds": 1, "multiplier": 1, "max_attempts": 15, "timeout_seconds": 1 },
                "circuit_breaker": { "enabled": false } });
            if let Some(kind) = only {
                body["events"] = json!([kind]);
            }
            let id = root.post(&format!("/v1/accounts/{account}/webhooks"), body).expect(201).await.id();
            webhooks.push(Hook { id, path, only });
        }
        let bodies = HashMap::new();
        (Self { home, ports, receiver, account, root, webhooks, bodies, arrived: 0, redelivered: 0 }, servers)
    }

    async fn processes(home: &Home, ports: &[u16]) -> Vec<Server> {
        let mut servers = Vec::new();
        for port in ports {
            servers.push(Self::process(home, *port).await);
        }
        servers
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

    /// Asks for the newest delivery once more, until the connection breaks. How often that was done.
    async fn redeliver(&self) -> usize {
        let deliveries = self.path(&format!("/webhooks/{}/deliveries", self.webhooks[0].id));
        let mut made = 0;
        loop {
            let Ok(page) = self.root.get(&format!("{deliveries}?limit=1")).attempt().await else { return made };
            let Some(id) = page.data()[0]["id"].as_str() else { continue };
            match self.root.act(&format!("{deliveries}/{id}/redeliver")).attempt().await {
                Ok(reply) if reply.status.as_u16() == 200 => made += 1,
                // An attempt at it is under way.
                Ok(reply) if reply.status.as_u16() == 409 => {}
                Ok(reply) => panic!("{reply}"),
                Err(_) => return made,
            }
        }
    }

    /// Kills the servers `kills` times at points that differ, then `takeovers` times while the leases of those who died are
    /// taken over, and looks what has become of the events.
    pub async fn suffer(mut self, mut servers: Vec<Server>, kills: u64, takeovers: u64) -> Outcome {
        let made = self.root.post(&self.path("/issuers"), json!({ "name": "one" })).expect(201).await;
        let issuer = self.path(&format!("/issuers/{}", made.id()));
        let mut answered = Vec::new();
        for kill in 0..kills {
            // In some rounds the receiver fails, so that retries are cut off, too.
            self.receiver.answer(if kill % 3 == 1 { 500 } else { 204 }, &[], "");
            let delay = Duration::from_millis(20 + kill * 7_919 % 380);
            let writes = join_all((0..CALLERS).map(|_| self.write(&issuer)));
            let killed = async {
                tokio::time::sleep(delay).await;
                // A second process goes on in half of the rounds, and dies a moment later in the others.
                for server in servers.iter_mut().take(1 + (kill % 2) as usize) {
                    server.child.kill().await.unwrap();
                }
            };
            let (made, redelivered, ()) = join3(writes, self.redeliver(), killed).await;
            answered.extend(made.into_iter().flatten());
            self.redelivered += redelivered;
            self.restart(&mut servers).await;
        }
        for takeover in 0..takeovers {
            self.receiver.answer(204, &[], "");
            let delay = LEASE + Duration::from_millis(takeover * 7_919 % 1_500);
            tokio::time::sleep(delay).await;
            for server in &mut servers {
                server.child.kill().await.unwrap();
            }
            self.restart(&mut servers).await;
        }
        self.receiver.answer(204, &[], "");
        // What was asked for once more while the receiver failed has failed, and nobody tries it of their own accord.
        for hook in &self.webhooks {
            self.root.act(&self.path(&format!("/webhooks/{}/redeliver", hook.id))).expect(202).await;
        }
        let events = self.settled().await;
        self.judge(&events, &answered);
        let outcome = Outcome {
            events: events.len(),
            answered: answered.len(),
            redelivered: self.redelivered,
            repeated: self.arrived - self.bodies.len(),
        };
        drop(servers);
        self.home.remove().await;
        outcome
    }

    /// Whoever is dead lives again.
    async fn restart(&mut self, servers: &mut [Server]) {
        self.gather();
        for (server, port) in servers.iter_mut().zip(&self.ports) {
            if server.child.try_wait().unwrap().is_some() {
                *server = Self::process(&self.home, *port).await;
            }
        }
    }

    /// What was answered is in the log, and what has arrived says what the log says.
    fn judge(&self, events: &HashMap<String, Value>, answered: &[String]) {
        let created: HashSet<&str> = events
            .values()
            .filter(|event| event["type"] == "organization.created")
            .filter_map(|event| event["subject"]["org_id"].as_str())
            .collect();
        for id in answered {
            assert!(created.contains(id.as_str()), "{id} was answered, and its event is not in the log");
        }
        for ((path, id), body) in &self.bodies {
            let event = events.get(id).unwrap_or_else(|| panic!("{id} was delivered and is not in the log"));
            let hook = self.webhooks.iter().find(|hook| hook.path == path).unwrap();
            assert!(hook.wants(event), "{id} is not for {path}");
            let body: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(&body["data"], event);
        }
    }

    /// Takes what has arrived; a repetition has the same bytes.
    fn gather(&mut self) {
        for request in self.receiver.received() {
            self.arrived += 1;
            let key = (request.path.clone(), request.header("webhook-id").to_owned());
            let body = request.body.to_vec();
            let known = self.bodies.entry(key).or_insert_with(|| body.clone());
            assert_eq!(*known, body, "the same bytes on each attempt");
        }
    }

    /// Waits until every deliverable event in the log is delivered, and gives them by id.
    async fn settled(&mut self) -> HashMap<String, Value> {
        let begun = tokio::time::Instant::now();
        loop {
            let events = self.events().await;
            self.gather();
            let missing = self.missing(&events);
            let undelivered = self.undelivered().await;
            if missing == 0 && undelivered == 0 {
                return events;
            }
            assert!(begun.elapsed() < PATIENCE, "{missing} of {} events never arrived", events.len());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Events that have not arrived at a webhook that wants them.
    fn missing(&self, events: &HashMap<String, Value>) -> usize {
        let arrived = |hook: &Hook, id: &String| self.bodies.contains_key(&(hook.path.to_owned(), id.clone()));
        let of_one = |hook: &Hook| events.iter().filter(|(id, event)| hook.wants(event) && !arrived(hook, id)).count();
        self.webhooks.iter().map(of_one).sum()
    }

    /// Deliveries that are not recorded as arrived.
    async fn undelivered(&self) -> usize {
        let mut count = 0;
        for hook in &self.webhooks {
            for status in ["pending", "retrying", "failed"] {
                let path = self.path(&format!("/webhooks/{}/deliveries?status={status}", hook.id));
                count += self.root.get(&path).expect(200).await.data().as_array().unwrap().len();
            }
        }
        count
    }

    /// The deliverable events since the webhooks were made.
    async fn events(&self) -> HashMap<String, Value> {
        let (mut found, mut cursor) = (HashMap::new(), String::new());
        loop {
            let page = self.root.get(&self.path(&format!("/events?limit=100{cursor}"))).expect(200).await;
            for event in page.data().as_array().unwrap() {
                let kind = EventType::parse(event["type"].as_str().unwrap()).unwrap();
                if kind.is_deliverable() {
                    found.insert(event["id"].as_str().unwrap().to_owned(), event.clone());
                }
                if event["subject"]["webhook_id"] == self.webhooks[0].id {
                    return found;
                }
            }
            cursor = format!("&cursor={}", page.body["next_cursor"].as_str().expect("the webhook's own event"));
        }
    }
}

impl Hook {
    fn wants(&self, event: &Value) -> bool {
        self.only.is_none_or(|kind| event["type"] == kind)
    }
}
