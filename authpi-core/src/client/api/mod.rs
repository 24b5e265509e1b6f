//! Endpoints of clients (core-api section 14).

mod read;
mod view;
mod write;

use std::sync::Arc;

use crate::error::Refusal;
use crate::urls::Urls;
use crate::web::body::Body;
use crate::web::call::Call;
use crate::web::endpoint::Operation;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/clients";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/clients/{client_id}";
const ROTATE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/clients/{client_id}/secret/rotate";
const READ: &str = "issuers.clients:read";
const WRITE: &str = "issuers.clients:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(read::List),
        Operation::write(write::Create),
        Operation::read(read::Get),
        Operation::write(write::Update),
        Operation::write(write::Delete),
        Operation::write(write::RotateSecret),
    ]
}

/// The base that URIs of the call's clients may not lie under; none for clients of the platform issuer.
fn reserved<B: Body>(call: &Call<B>) -> Result<Option<&Urls>, Refusal> {
    Ok(if call.issuer()?.platform { None } else { Some(&call.services().urls) })
}
