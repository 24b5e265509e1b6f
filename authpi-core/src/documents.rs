//! The documents that describe the APIs: `/openapi.json` and `/llms.txt`, written when they are first asked for: a host starts
//! without them.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, StatusCode};
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::secret::hex;
use crate::store::Reads;
use crate::urls::Urls;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read};
use crate::web::openapi;
use crate::web::route::{RateClass, Route};

/// The documents about `operations`.
pub(crate) fn routes(operations: &[Arc<Operation>], urls: &Urls) -> Vec<Arc<Operation>> {
    let (described, base, of_guides) = (operations.to_vec(), urls.base().to_owned(), urls.base().to_owned());
    vec![
        Operation::read(Document {
            path: "/openapi.json",
            name: "getOpenApi",
            summary: "This description",
            write: Box::new(move || tagged(Answer::json(StatusCode::OK, &openapi::document(&described, &base)))),
            written: OnceLock::new(),
        }),
        Operation::read(Document {
            path: "/llms.txt",
            name: "getGuides",
            summary: "Guides for coding agents",
            write: Box::new(move || tagged(text(guides(&of_guides)))),
            written: OnceLock::new(),
        }),
    ]
}

fn guides(base: &str) -> String {
    format!(
        "# authpi\n\n> Identity platform: issuers, organizations, users, clients, API keys and signed events behind one \
         management API, and a standards-true OIDC issuer per tenant.\n\n## API\n\n- [OpenAPI 3.1 document]({base}/openapi.json)\n"
    )
}

fn text(body: String) -> Answer {
    let mut answer = Answer::empty(StatusCode::OK).header(CONTENT_TYPE, "text/markdown; charset=utf-8");
    answer.body = body.into();
    answer
}

/// Adds the hash of the content as its ETag.
fn tagged(answer: Answer) -> Answer {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(answer.body.bytes());
    let tag = format!("\"{}\"", hex(digest.get(..16).unwrap_or_default()));
    answer.header(ETAG, &tag)
}

/// A document of some standard.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[allow(dead_code, reason = "states the schema only")]
struct AnyDocument(serde_json::Value);

struct Document {
    path: &'static str,
    name: &'static str,
    summary: &'static str,
    write: Box<dyn Fn() -> Answer + Send + Sync>,
    written: OnceLock<(HeaderMap, Bytes)>,
}

#[async_trait]
impl Read for Document {
    fn route(&self) -> Route {
        Route::get(self.path)
            .named(self.name, self.summary)
            .about("documents", "document")
            .public()
            .rate(RateClass::Discovery)
            .conditional()
            .answers_bare::<AnyDocument>()
    }

    async fn answer(&self, _reads: &dyn Reads, _call: &Call) -> Result<Answer, Refusal> {
        let (headers, body) = self.written.get_or_init(|| {
            let answer = (self.write)();
            (answer.headers, answer.body.into_bytes())
        });
        Ok(Answer { status: StatusCode::OK, headers: headers.clone(), body: body.clone().into() })
    }
}
