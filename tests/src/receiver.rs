//! A server on loopback that remembers what it is sent, and answers what a test tells it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::task::JoinHandle;

/// The server; it stops with the value.
pub struct Receiver {
    /// `http://127.0.0.1:port`
    pub base: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Received>>,
    answer: Mutex<(u16, HeaderMap, Bytes)>,
}

/// A request that came.
#[derive(Clone)]
pub struct Received {
    /// Method.
    pub method: Method,
    /// Path.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Received {
    /// A header, empty when it was not sent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Answers 204.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let app = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let receiver = Self { base, shared, task };
        receiver.answer(204, &[], "");
        receiver
    }

    /// Answers this from now on.
    pub fn answer(&self, status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        *self.shared.answer.lock().unwrap() = (status, headers, body.into());
    }

    /// What came since the last look.
    pub fn received(&self) -> Vec<Received> {
        std::mem::take(&mut *self.shared.seen.lock().unwrap())
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    shared.seen.lock().unwrap().push(Received { method: parts.method, path, headers: parts.headers, body });
    let (status, headers, body) = shared.answer.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), headers, body).into_response()
}
