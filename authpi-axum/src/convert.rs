//! Between axum's requests and the core's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use authpi_core::web::answer::{Answer, AnswerBody};
use authpi_core::web::request::{BODY_LIMIT, BodyError, Request, named_host};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn request(request: axum::extract::Request) -> Request {
    let (parts, body) = request.into_parts();
    Request {
        peer: peer(&parts.extensions),
        method: parts.method,
        path: parts.uri.path().to_owned(),
        host: named_host(parts.uri.host(), &parts.headers),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body: read(body).await,
    }
}

pub(crate) fn peer(extensions: &axum::http::Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}

async fn read(body: Body) -> Result<Bytes, BodyError> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::TooSlow),
    }
}

pub(crate) fn response(answer: Answer) -> Response {
    let mut response = Response::new(match answer.body {
        AnswerBody::Whole(bytes) => Body::from(bytes),
        AnswerBody::Chunks(chunks) => Body::from_stream(chunks),
    });
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
