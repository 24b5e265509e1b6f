//! A TCP server that counts who connects, and speaks as a test tells it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The server; it stops with the value.
pub struct Wire {
    /// Where it listens.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    /// Listens at `address` and has `speak` answer every connection, each as a task.
    pub async fn start<S, F>(address: &str, speak: S) -> Self
    where
        S: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(speak(stream));
            }
        });
        Self { address, connections, task }
    }

    /// The same under a certificate; connections that get no further than the handshake are counted, too.
    pub async fn start_tls<S, F>(address: &str, acceptor: TlsAcceptor, speak: S) -> Self
    where
        S: Fn(TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start(address, move |stream| {
            let (acceptor, speak) = (acceptor.clone(), speak.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    speak(stream).await;
                }
            }
        })
        .await
    }

    /// A trap: whoever connects is counted, and hears the number of their connection.
    pub async fn trap(address: &str) -> Self {
        let next = AtomicUsize::new(0);
        Self::start(address, move |mut stream| {
            let number = u8::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap_or(u8::MAX);
            async move {
                let _ = stream.write_all(&[number]).await;
            }
        })
        .await
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Nobody has connected to this trap: the test's own connection, which comes behind all others, is the first. Can be
    /// asked once.
    pub async fn is_untouched(&self) -> bool {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.read_u8().await.unwrap() == 0
    }
}

/// Reads a request up to the end of its head, and its body when that comes with it.
pub async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut heard = Vec::new();
    while !heard.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut heard).await.unwrap_or(0) == 0 {
            break;
        }
    }
    heard
}

/// Says something, as far as anybody listens; tells whether somebody does.
pub async fn say(stream: &mut (impl AsyncWrite + Unpin), text: impl AsRef<[u8]>) -> bool {
    stream.write_all(text.as_ref()).await.is_ok() && stream.flush().await.is_ok()
}
