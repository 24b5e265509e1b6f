//! A browser at the issuer of a server that runs as a process: it is known by its address alone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use http::Method;
use serde_json::{Value, json};

use crate::caller::Call;
use crate::{Caller, Reply};

/// A browser with its cookies.
pub struct Visitor {
    caller: Caller,
    issuer: String,
    jar: Mutex<BTreeMap<String, String>>,
}

impl Visitor {
    /// At the issuer with this id, of the server at `base`.
    pub fn new(base: &str, issuer: &str) -> Self {
        Self { caller: Caller::new(base, None), issuer: issuer.to_owned(), jar: Mutex::default() }
    }

    /// A call below the issuer, with the cookies.
    fn call(&self, method: Method, path: &str) -> Call {
        let cookies: Vec<_> = self.jar.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.caller.call(method, &format!("/{}{path}", self.issuer)).header("cookie", &cookies.join("; "))
    }

    async fn send(&self, call: Call) -> Reply {
        let reply = call.send().await;
        for line in reply.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.jar.lock().unwrap().insert(name.to_owned(), value.to_owned());
        }
        reply
    }

    async fn step(&self, flow: &str, step: &str, body: Value) {
        let state = self.send(self.call(Method::GET, &format!("/flows/{flow}"))).await;
        let ticket = state.body["ticket"].as_str().unwrap_or_else(|| panic!("no ticket in {state}")).to_owned();
        let call = self.call(Method::POST, &format!("/flows/{flow}/{step}")).header("authpi-portal", &ticket);
        let reply = self.send(call.json(body)).await;
        assert!(reply.status.is_success() && reply.body.get("error").is_none(), "{reply}");
    }

    /// Signs in with a password where an authorization request leads; returns the code that comes of it.
    ///
    /// # Panics
    /// When something else is asked.
    pub async fn code(&self, query: &str, email: &str, password: &str) -> String {
        let asked = self.send(self.call(Method::GET, &format!("/authorize?{query}"))).await;
        let flow = asked.header("location").rsplit("flow=").next().unwrap().to_owned();
        self.step(&flow, "identify", json!({ "identifier": email })).await;
        self.step(&flow, "password", json!({ "password": password })).await;
        let answer = self.send(self.call(Method::GET, &format!("/authorize?flow={flow}"))).await;
        let to = url::Url::parse(answer.header("location")).unwrap();
        let code = to.query_pairs().find(|(name, _)| name == "code");
        code.unwrap_or_else(|| panic!("no code in {to}")).1.into_owned()
    }
}
