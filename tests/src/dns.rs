//! A name server on loopback that knows what a test tells it, and answers everything else with "no such name".

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const A: u16 = 1;
const TXT: u16 = 16;
const AAAA: u16 = 28;

/// Data of records, by name and type.
type Records = Arc<Mutex<HashMap<(String, u16), Vec<Vec<u8>>>>>;

/// The server; it stops with the value.
pub struct Dns {
    /// Where it listens.
    pub address: SocketAddr,
    records: Records,
    silent: Arc<Mutex<bool>>,
    task: JoinHandle<()>,
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Dns {
    /// Knows nothing yet.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (records, silent) = (Records::default(), Arc::new(Mutex::new(false)));
        let (known, is_silent) = (Arc::clone(&records), Arc::clone(&silent));
        let task = tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, asker)) = socket.recv_from(&mut question).await {
                let reply = answer(&question[..length], &known.lock().unwrap(), *is_silent.lock().unwrap());
                let _ = socket.send_to(&reply, asker).await;
            }
        });
        Self { address, records, silent, task }
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

    /// Forgets everything about a name.
    pub fn forget(&self, name: &str) {
        self.records.lock().unwrap().retain(|(known, _), _| known != name);
    }

    /// Answers "server failure" from now on, or no longer.
    pub fn fail(&self, fails: bool) {
        *self.silent.lock().unwrap() = fails;
    }

    fn add(&self, name: &str, kind: u16, data: Vec<u8>) {
        self.records.lock().unwrap().entry((name.to_owned(), kind)).or_default().push(data);
    }
}

/// The reply to one question (RFC 1035 §4).
fn answer(question: &[u8], records: &HashMap<(String, u16), Vec<Vec<u8>>>, fails: bool) -> Vec<u8> {
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
    let none = Vec::new();
    let found = if fails { &none } else { records.get(&(name.clone(), kind)).unwrap_or(&none) };
    let code: u8 = match (fails, records.keys().any(|(known, _)| *known == name)) {
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
    for data in found {
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 0]);
        reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        reply.extend_from_slice(data);
    }
    reply
}
