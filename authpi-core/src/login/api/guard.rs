//! Who may take a step (D137): the browser that the login was begun in, from a page of ours or of the issuer, with the
//! ticket of the login.

use http::header::HeaderName;

use crate::error::Refusal;
use crate::event::model::Actor;
use crate::folding::{folded, name_hash};
use crate::id::{FlowId, Id as _};
use crate::login::browser::Browser;
use crate::login::events::Scene;
use crate::login::model::{Flow, SealedFlow};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::user::model::UsernameHash;
use crate::web::rate_limit::{BucketKey, MailKeys};
use crate::web::route::RateClass;
use crate::web::runtime::IssuerCall;

const PORTAL: HeaderName = HeaderName::from_static("authpi-portal");

/// What fingerprints of addresses are made for that hold over all issuers.
const ADDRESS_PURPOSE: &str = "mail-address";

/// The page that calls is ours.
///
/// # Errors
/// `access_denied`.
pub(super) fn same_origin(call: &IssuerCall) -> Result<(), Refusal> {
    Ok(call.require_same_origin()?)
}

/// The ticket of the login, which only its page knows.
///
/// # Errors
/// `unauthorized_client`.
pub(super) fn ticket(call: &IssuerCall, browser: &Browser, flow: &SealedFlow) -> Result<(), Refusal> {
    let presented = if call.sends_form() { call.form()?.get("ticket") } else { call.header(&PORTAL) };
    let presented = presented.unwrap_or_default();
    if browser.is_ticket(flow.id, presented) {
        return Ok(());
    }
    let why = "The header Authpi-Portal must carry the ticket of the login.";
    Err(OAuthError::new(OAuthCode::UnauthorizedClient, why).into())
}

/// The login, for the browser that it was begun in. Another one leaves a trace.
///
/// # Errors
/// `access_denied` for another browser; [`Refusal::NotFound`].
pub(super) async fn own_flow(call: &IssuerCall, browser: &Browser, id: FlowId) -> Result<SealedFlow, Refusal> {
    let services = call.services();
    let flow = services.store.reads().logins().flow(call.issuer_id(), id).await?.ok_or(Refusal::NotFound)?;
    if !browser.is_new() && flow.browser.is(&browser.visitor.mark) {
        return Ok(flow);
    }
    let root = services.root_for(Some(flow.issuer_id)).await?;
    let scene = Scene { account_id: flow.account_id, issuer_id: flow.issuer_id, client_id: flow.client_id };
    let user = flow.clone().opened(&root.key)?.state.evidence().map(|evidence| evidence.user_id);
    if !call.is_repeated() {
        services.append(call.origin(Actor::Anonymous), flow.issuer_id, scene.device_mismatch(user, flow.id)).await?;
    }
    let why = "The login was begun in another browser.";
    Err(OAuthError::new(OAuthCode::AccessDenied, why).into())
}

/// What stands for the browser among the devices of whoever the login names: strangers must not use up what they may do.
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn known(call: &IssuerCall, browser: &Browser, flow: &Flow) -> Result<Option<[u8; 32]>, Refusal> {
    let (Some(fingerprint), Some(name)) = (browser.visitor.fingerprint, flow.state.identifier.as_deref()) else {
        return Ok(None);
    };
    let services = call.services();
    let root = services.root_for(Some(flow.issuer_id)).await?;
    let hash = UsernameHash::of(&root.key, name);
    let reads = services.store.reads();
    let Some(user) = reads.users().find_by_username_hash(flow.issuer_id, &hash).await? else { return Ok(None) };
    let devices = reads.devices().of_user(flow.issuer_id, user.id).await?;
    let mut own = devices.iter().filter(|device| device.fingerprint == fingerprint);
    Ok(own.any(|device| device.known_at(call.now()).is_some()).then(|| *fingerprint.as_bytes()))
}

/// Draws on the buckets of a step. One that overflows is told of.
///
/// # Errors
/// [`Refusal::RateLimited`].
pub(super) async fn limits(
    call: &IssuerCall,
    flow: Option<&SealedFlow>,
    presents: bool,
    known: Option<[u8; 32]>,
) -> Result<(), Refusal> {
    if call.is_repeated() {
        return Ok(());
    }
    let limits = &call.services().limits;
    let drawn = limits.take(RateClass::Flow, BucketKey::of_address(call.address())).and_then(|()| match known {
        Some(browser) if presents => limits.take(RateClass::Proof, BucketKey::Mailbox(browser)),
        None if presents => call.limit_proof(),
        _ => Ok(()),
    });
    told(call, flow, if presents { "credential" } else { "flow" }, drawn).await
}

/// Takes a token for a mail to the address that was typed, whoever has it: nobody can tell from it.
///
/// # Errors
/// [`Refusal::RateLimited`].
pub(super) async fn mail_limits(
    call: &IssuerCall,
    flow: &SealedFlow,
    address: &str,
    known: Option<[u8; 32]>,
) -> Result<(), Refusal> {
    if call.is_repeated() {
        return Ok(());
    }
    let services = call.services();
    let root = services.root_for(Some(flow.issuer_id)).await?;
    let typed = name_hash(&root.key, address);
    let browser = known.as_ref().map_or(&[][..], <[u8; 32]>::as_slice);
    let peppers = &services.keyring.peppers;
    let keys = MailKeys {
        address_in_issuer: peppers.digest(ADDRESS_PURPOSE, &[&typed, browser]),
        address: peppers.digest(ADDRESS_PURPOSE, &[folded(address).as_bytes()]),
        account: flow.account_id,
    };
    told(call, Some(flow), "mail", services.limits.take_mail(&keys)).await
}

/// Says that a bucket overflowed, once a minute.
async fn told(
    call: &IssuerCall,
    flow: Option<&SealedFlow>,
    bucket: &str,
    drawn: Result<(), Refusal>,
) -> Result<(), Refusal> {
    let (Err(Refusal::RateLimited { .. }), Some(flow)) = (&drawn, flow) else { return drawn };
    let key = BucketKey::of_address_and(call.address(), flow.issuer_id.uuid());
    if call.services().limits.take(RateClass::Told, key).is_ok() {
        let scene = Scene { account_id: flow.account_id, issuer_id: flow.issuer_id, client_id: flow.client_id };
        let draft = scene.rate_limited(flow.id, bucket);
        call.services().append(call.origin(Actor::Anonymous), flow.issuer_id, draft).await?;
    }
    drawn
}
