//! Refusals as pages: at endpoints that people come to with their browsers, nobody who reads pages is shown JSON (D25).

use std::sync::Arc;

use http::header::{ACCEPT_LANGUAGE, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;

use super::admission::Placed;
use super::answer::Answer;
use super::headers::{FORM, accepts_first, has_type};
use super::html::framed;
use super::request::Request;
use super::services::Services;
use crate::hostname::Hostname;
use crate::id::IssuerId;
use crate::issuer::model::RuntimeIssuer;
use crate::key::published::Cached;
use crate::pages::html::fault::{Fault, FaultKind};

/// Somebody at an endpoint that tells people what is wrong, whoever refuses: also the pipeline, before the endpoint is
/// asked or after it has given up.
pub(super) struct Reader {
    issuer: IssuerId,
    site: Option<Hostname>,
    languages: String,
    /// A browser shows a page: it accepts HTML before anything else.
    reads_pages: bool,
    /// A program asks: it accepts JSON before anything else, or sends what no page does.
    reads_json: bool,
}

/// What a refusal says.
#[derive(Deserialize)]
struct Told {
    error: String,
    error_description: String,
}

impl Reader {
    /// `None` at every other endpoint.
    pub(super) fn of(request: &Request, placed: &Placed) -> Option<Self> {
        let matched = &placed.matched;
        let issuer = matched.path.first().filter(|_| matched.operation.route.tells_people)?.1.parse().ok()?;
        let sends_no_form = request.method == Method::POST && !has_type(&request.headers, FORM);
        let languages = request.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Some(Self {
            issuer,
            site: placed.site.clone(),
            languages: languages.unwrap_or_default().to_owned(),
            reads_pages: accepts_first(&request.headers, "text/html"),
            reads_json: accepts_first(&request.headers, "application/json") || sends_no_form,
        })
    }

    /// A refusal as a page. What is wrong with the request itself is a page for all who do not ask for JSON; anything else,
    /// such as a limit that is used up, for browsers alone: programs know the envelope of it.
    pub(super) async fn page(&self, services: &Services, answer: &Answer, reference: &str) -> Option<Answer> {
        let is_refusal = answer.status.is_client_error() || answer.status.is_server_error();
        let is_for_all = answer.status == StatusCode::BAD_REQUEST && !self.reads_json;
        if !is_refusal || !(self.reads_pages || is_for_all) {
            return None;
        }
        // What is a page already says nothing here.
        let told: Told = serde_json::from_slice(answer.body.bytes()).ok()?;
        let issuer = self.issuer(services, answer.status).await?;
        let page = Fault {
            kind: kind(answer.status),
            reference: reference.to_owned(),
            code: Some(told.error),
            description: Some(told.error_description),
            app: None,
            retry: None,
        };
        let iss = services.urls.issuer_at(self.site.as_ref(), self.issuer);
        let frame = framed(&issuer.issuer, &iss, "", &self.languages);
        let page = Answer::html(answer.status, &frame, &page).ok()?;
        Some(Answer { headers: with_more(page.headers, &answer.headers), ..page })
    }

    /// Whose page it is. Where there is too much to do already, nothing is asked for it: what this process has seen last
    /// must do then.
    async fn issuer(&self, services: &Services, status: StatusCode) -> Option<Arc<Cached<RuntimeIssuer>>> {
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return services.issuers.find(self.issuer);
        }
        services.runtime_issuer(self.issuer).await.ok().flatten()
    }
}

/// What people are told of a status.
fn kind(status: StatusCode) -> FaultKind {
    match status {
        StatusCode::FORBIDDEN => FaultKind::Inactive,
        StatusCode::NOT_FOUND => FaultKind::NotFound,
        StatusCode::TOO_MANY_REQUESTS => FaultKind::TooMany,
        StatusCode::SERVICE_UNAVAILABLE => FaultKind::Unavailable,
        status if status.is_server_error() => FaultKind::ServerError,
        _ => FaultKind::BadRequest,
    }
}

/// The headers of a page, with those of the refusal that are about the refusal and not about its body.
fn with_more(mut headers: HeaderMap, refusal: &HeaderMap) -> HeaderMap {
    let own: Vec<_> = headers.keys().cloned().collect();
    // A browser would ask the person for a name and a password.
    for (name, value) in refusal.iter().filter(|(name, _)| !own.contains(name) && **name != WWW_AUTHENTICATE) {
        headers.append(name, value.clone());
    }
    headers
}
