//! The list of all operations, a line a room.

use std::sync::Arc;

use crate::web::endpoint::Operation;
use crate::{
    account, agent, billing, client, connection, credential, delegation, device, domain, event, group, health,
    invitation, issuer, login, mail, membership, note, oauth, organization, pages, session, token, user, verifier,
    webhook,
};

/// Every operation there is.
pub fn table() -> Vec<Arc<Operation>> {
    let rooms = [
        health::api::routes(),
        mail::api::routes(),
        note::api::routes(),
        session::api::routes(),
        delegation::api::routes(),
        token::api::routes(),
        group::api::routes(),
        invitation::api::routes(),
        connection::api::routes(),
        agent::api::routes(),
        verifier::api::routes(),
        device::api::routes(),
        webhook::api::routes(),
        billing::api::routes(),
        domain::api::routes(),
        event::api::routes(),
        credential::api::routes(),
        membership::api::routes(),
        organization::api::routes(),
        client::api::routes(),
        user::api::routes(),
        issuer::api::routes(),
        account::api::routes(),
        login::api::routes(),
        oauth::api::routes(),
        pages::api::routes(),
    ];
    rooms.into_iter().flatten().collect()
}
