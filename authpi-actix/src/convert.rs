//! Between actix-web's requests and the core's. actix-web has its own version of the `http` types, so names and values
//! cross as bytes.

use std::time::Duration;

use actix_web::body::{BodyStream, BoxBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName as ActixName, HeaderValue as ActixValue};
use actix_web::{HttpRequest, HttpResponse, web};
use authpi_core::web::answer::{Answer, AnswerBody};
use authpi_core::web::request::{BODY_LIMIT, BodyError, Request, named_host};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn request(request: &HttpRequest, payload: web::Payload) -> Request {
    let headers = headers(request);
    Request {
        method: Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or_default(),
        path: path_below_mount(request),
        host: named_host(request.uri().host(), &headers),
        query: request.uri().query().map(str::to_owned),
        headers,
        peer: request.peer_addr().map(|address| address.ip()),
        body: read(payload).await,
    }
}

/// What `match_info` has not processed is decoded; its length says where the raw path is to be cut.
fn path_below_mount(request: &HttpRequest) -> String {
    let matched = request.match_info();
    let prefix = matched.as_str().len().saturating_sub(matched.unprocessed().len());
    let below = request.uri().path().get(prefix..).unwrap_or_default();
    if below.starts_with('/') { below.to_owned() } else { format!("/{below}") }
}

pub(crate) fn headers(request: &HttpRequest) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(request.headers().len());
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    headers
}

async fn read(mut payload: web::Payload) -> Result<Bytes, BodyError> {
    let whole = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| BodyError::Broken)?;
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(BodyError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    actix_web::rt::time::timeout(BODY_TIMEOUT, whole).await.unwrap_or(Err(BodyError::TooSlow))
}

pub(crate) fn response(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::new(status).set_body(match answer.body {
        AnswerBody::Whole(bytes) => BoxBody::new(bytes),
        AnswerBody::Chunks(chunks) => BoxBody::new(BodyStream::new(chunks)),
    });
    for (name, value) in &answer.headers {
        let name = ActixName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, ActixValue::from_bytes(value.as_bytes())) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
