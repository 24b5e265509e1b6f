//! Who does what over HTTP.

use std::fmt;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// Somebody with, or without, a credential.
#[derive(Clone)]
pub struct Caller {
    client: reqwest::Client,
    base: String,
    key: Option<(String, String)>,
    bearer: Option<String>,
}

impl Caller {
    /// A caller of the server at `base`.
    pub fn new(base: &str, key: Option<(String, String)>) -> Self {
        // Servers of tests speak plain HTTP: reading the certificates of the machine takes longer than many a test.
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let client = builder.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { client, base: base.to_owned(), key, bearer: None }
    }

    /// The same caller, who presents a token.
    #[must_use]
    pub fn bearing(self, token: &str) -> Self {
        Self { key: None, bearer: Some(token.to_owned()), ..self }
    }

    /// GET.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// POST.
    pub fn post(&self, path: &str, body: Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// POST without a body.
    pub fn act(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// PATCH.
    pub fn patch(&self, path: &str, body: Value) -> Call {
        self.call(Method::PATCH, path).json(body)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// Any method.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some((id, secret)) = &self.key {
            request = request.basic_auth(id, Some(secret));
        }
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        Call(request)
    }
}

/// A request that is not sent yet.
pub struct Call(reqwest::RequestBuilder);

impl Call {
    /// A JSON body.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "a body is written where it is sent")]
    pub fn json(self, body: Value) -> Self {
        Self(self.0.json(&body))
    }

    /// Any header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Any body.
    #[must_use]
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.header("content-type", content_type).body(body.into()))
    }

    /// A form.
    #[must_use]
    pub fn form(self, parameters: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        self.body("application/x-www-form-urlencoded", form)
    }

    /// HTTP Basic.
    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        Self(self.0.basic_auth(user, Some(password)))
    }

    /// Sends it.
    pub async fn send(self) -> Reply {
        self.attempt().await.unwrap()
    }

    /// Sends it to somebody who may be gone.
    ///
    /// # Errors
    /// What became of the connection.
    pub async fn attempt(self) -> reqwest::Result<Reply> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Reply { status, headers, body, bytes: bytes.to_vec() })
    }

    /// Sends it, and leaves the body to be read chunk by chunk.
    pub async fn open(self) -> reqwest::Response {
        self.0.send().await.unwrap()
    }

    /// Sends it and demands a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> impl Future<Output = Reply> {
        let place = std::panic::Location::caller();
        async move {
            let reply = self.send().await;
            assert_eq!(reply.status.as_u16(), status, "at {place}: {reply}");
            reply
        }
    }
}

/// What came back.
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, `null` when it is no JSON.
    pub body: Value,
    /// Body as it came.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// `data`.
    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    /// A string member of `data`.
    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        self.body["data"][name].as_str().unwrap_or_else(|| panic!("no {name} in {self}")).to_owned()
    }

    /// `data.id`.
    #[track_caller]
    pub fn id(&self) -> String {
        self.text("id")
    }

    /// A header.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name} in {self}")).to_str().unwrap()
    }

    /// `error`, and the fields as `field code`, sorted.
    pub fn refusal(&self) -> (String, Vec<String>) {
        let error = self.body["error"].as_str().unwrap_or_default().to_owned();
        let field = |entry: &Value| format!("{} {}", entry["field"].as_str().unwrap(), entry["code"].as_str().unwrap());
        let mut fields: Vec<_> = self.body["fields"].as_array().into_iter().flatten().map(field).collect();
        fields.sort();
        (error, fields)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.bytes))
    }
}
