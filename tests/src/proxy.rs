//! A TCP proxy that a test can cut, or make silent.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of what arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Through,
    Cut,
    /// Connections are accepted and kept, and nothing is ever answered.
    Silent,
}

/// Forwards to one address, unless it is cut or silent.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    way: watch::Sender<Way>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Forwards to `target`, `host:port`.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, watched) = watch::channel(Way::Through);
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(forward(connection, target.clone(), watched.clone()));
            }
        });
        Self { address, way, task }
    }

    /// Ends all connections and lets none through.
    pub fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    /// Keeps all connections, accepts more, and says nothing.
    pub fn fall_silent(&self) {
        self.way.send_replace(Way::Silent);
    }

    /// Lets new connections through.
    pub fn restore(&self) {
        self.way.send_replace(Way::Through);
    }
}

async fn forward(mut connection: TcpStream, target: String, mut way: watch::Receiver<Way>) {
    if *way.borrow() == Way::Through {
        let Ok(mut server) = TcpStream::connect(target).await else { return };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut connection, &mut server) => return,
            _ = way.wait_for(|way| *way != Way::Through) => {}
        }
    }
    // Whoever was met with silence does not go on: the connection ends with it.
    let _ = way.wait_for(|way| *way != Way::Silent).await;
}
