//! A name server on loopback that knows what a test tells it, and answers everything else with "no such name".

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

const A: u16 = 1;
const CNAME: u16 = 5;
const TXT: u16 = 16;
const AAAA: u16 = 28;

/// Most bytes of an answer over UDP; whoever wants more asks again over TCP (RFC 1035 §4.2.1).
const MOST_OF_UDP: usize = 512;

/// Aliases that one answer follows; askers may go on from there.
const MOST_ALIASES: usize = 16;

#[derive(Default)]
struct Known {
    /// Data of records, by name and type.
    records: HashMap<(String, u16), Vec<Vec<u8>>>,
    /// Names that are others.
    aliases: HashMap<String, String>,
    /// Addresses that a name has one after the other: the next question gets the next one, the last one stays.
    turns: HashMap<String, VecDeque<[u8; 4]>>,
    /// How often the IPv4 addresses of a name were asked for.
    asked: HashMap<String, usize>,
    fails: bool,
    is_silent: bool,
    /// Aliases are followed in the answer; otherwise the asker has to.
    follows: bool,
}

/// The server; it stops with the value.
pub struct Dns {
    /// Where it listens.
    pub address: SocketAddr,
    known: Arc<Mutex<Known>>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Dns {
    /// Knows nothing yet.
    pub async fn start() -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            // The port may be taken for the other protocol.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let known = Arc::new(Mutex::new(Known { follows: true, ..Known::default() }));
        let tasks = [
            tokio::spawn(serve_udp(udp, Arc::clone(&known))), //
            tokio::spawn(serve_tcp(tcp, Arc::clone(&known))),
        ];
        Self { address, known, tasks }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// Adds a TXT record, its text split into strings of at most 255 bytes.
    pub fn txt(&self, name: &str, text: &str) {
        let mut data = Vec::new();
        for part in text.as_bytes().chunks(255) {
            data.push(u8::try_from(part.len()).unwrap());
            data.extend_from_slice(part);
        }
        self.add(name, TXT, data);
    }

    /// Adds an address.
    pub fn address_of(&self, name: &str, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => self.add(name, A, v4.octets().to_vec()),
            IpAddr::V6(v6) => self.add(name, AAAA, v6.octets().to_vec()),
        }
    }

    /// Gives a name other addresses at every question, the last one for good.
    pub fn turns(&self, name: &str, addresses: &[&str]) {
        let octets = |address: &&str| address.parse::<std::net::Ipv4Addr>().unwrap().octets();
        self.known().turns.insert(name.to_owned(), addresses.iter().map(octets).collect());
    }

    /// Makes a name an alias of another.
    pub fn alias(&self, name: &str, target: &str) {
        self.known().aliases.insert(name.to_owned(), target.to_owned());
    }

    /// Whether answers follow aliases, as they do at first, or name the next one only.
    pub fn follow(&self, follows: bool) {
        self.known().follows = follows;
    }

    /// How often the IPv4 addresses of a name were asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.known().asked.get(name).copied().unwrap_or_default()
    }

    /// Forgets everything about a name.
    pub fn forget(&self, name: &str) {
        let mut known = self.known();
        known.records.retain(|(known, _), _| known != name);
        known.aliases.remove(name);
        known.turns.remove(name);
    }

    /// Answers "server failure" from now on, or no longer.
    pub fn fail(&self, fails: bool) {
        self.known().fails = fails;
    }

    /// Answers nothing from now on.
    pub fn fall_silent(&self) {
        self.known().is_silent = true;
    }

    fn add(&self, name: &str, kind: u16, data: Vec<u8>) {
        self.known().records.entry((name.to_owned(), kind)).or_default().push(data);
    }
}

async fn serve_udp(socket: UdpSocket, known: Arc<Mutex<Known>>) {
    let mut question = [0; 512];
    while let Ok((length, asker)) = socket.recv_from(&mut question).await {
        let Some(mut reply) = known.lock().unwrap().answer(&question[..length]) else { continue };
        if reply.len() > MOST_OF_UDP {
            // Cut off after the question, and marked as such.
            reply.truncate(end_of_question(&question));
            reply[2] |= 2;
            reply[6..12].fill(0);
        }
        let _ = socket.send_to(&reply, asker).await;
    }
}

async fn serve_tcp(listener: TcpListener, known: Arc<Mutex<Known>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let known = Arc::clone(&known);
        tokio::spawn(async move {
            while let Ok(length) = stream.read_u16().await {
                let mut question = vec![0; usize::from(length)];
                if stream.read_exact(&mut question).await.is_err() {
                    break;
                }
                let Some(reply) = known.lock().unwrap().answer(&question) else { continue };
                let mut framed = u16::try_from(reply.len()).unwrap().to_be_bytes().to_vec();
                framed.extend(reply);
                if stream.write_all(&framed).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Where the only question of a message ends.
fn end_of_question(message: &[u8]) -> usize {
    let mut at = 12;
    while message[at] != 0 {
        at += usize::from(message[at]) + 1;
    }
    at + 5
}

impl Known {
    /// The reply to one question (RFC 1035 §4).
    fn answer(&mut self, question: &[u8]) -> Option<Vec<u8>> {
        if self.is_silent {
            return None;
        }
        let mut labels = Vec::new();
        let mut at = 12;
        while question[at] != 0 {
            let length = usize::from(question[at]);
            labels.push(String::from_utf8_lossy(&question[at + 1..=at + length]).to_lowercase());
            at += length + 1;
        }
        let end = at + 5;
        let name = labels.join(".");
        let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
        if kind == A {
            *self.asked.entry(name.clone()).or_default() += 1;
        }
        let found = if self.fails { Vec::new() } else { self.found(&name, kind) };
        let code: u8 = match (self.fails, self.knows(&name)) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 3,
        };
        let mut reply = question[..2].to_vec();
        // An answer, authoritative, recursion available.
        reply.extend([0x85, 0x80 | code, 0, 1]);
        reply.extend(u16::try_from(found.len()).unwrap().to_be_bytes());
        reply.extend([0, 0, 0, 0]);
        reply.extend_from_slice(&question[12..end]);
        for (owner, kind, data) in found {
            reply.extend(encoded(&owner));
            reply.extend(kind.to_be_bytes());
            reply.extend([0, 1, 0, 0, 0, 0]);
            reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            reply.extend_from_slice(&data);
        }
        Some(reply)
    }

    fn knows(&self, name: &str) -> bool {
        self.records.keys().any(|(known, _)| known == name)
            || self.aliases.contains_key(name)
            || self.turns.contains_key(name)
    }

    fn found(&mut self, name: &str, kind: u16) -> Vec<(String, u16, Vec<u8>)> {
        let mut found = Vec::new();
        let mut owner = name.to_owned();
        while let Some(target) = self.aliases.get(&owner).filter(|_| found.len() < MOST_ALIASES) {
            let (data, next) = (encoded(target), target.clone());
            found.push((std::mem::replace(&mut owner, next), CNAME, data));
            if !self.follows {
                return found;
            }
        }
        if let Some(turns) = self.turns.get_mut(&owner).filter(|_| kind == A) {
            let next = if turns.len() > 1 { turns.pop_front() } else { turns.front().copied() };
            found.extend(next.map(|octets| (owner.clone(), A, octets.to_vec())));
        }
        let records = self.records.get(&(owner.clone(), kind)).into_iter().flatten();
        found.extend(records.map(|data| (owner.clone(), kind, data.clone())));
        found
    }
}

/// A name as it stands in messages, without compression.
fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
