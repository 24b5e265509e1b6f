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
use crate::user::model::{User, UsernameHash};
use crate::web::rate_limit::{BucketKey, MailKeys, Overflow};
use crate::web::route::RateClass;
use crate::web::runtime::IssuerCall;

/// Who calls, besides cookies.
pub(super) const PORTAL: HeaderName = HeaderName::from_static("authpi-portal");

/// What fingerprints of addresses are made for that hold over all issuers.
const ADDRESS_PURPOSE: &str = "mail-address";

/// What the keys of buckets are made for that say how often events are told.
const TOLD_PURPOSE: &str = "login-told";

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

/// The login, for the browser that it was begun in. Another one leaves a trace, once a minute.
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
    let user = flow.clone().opened(&root.key)?.state.evidence().map(|evidence| evidence.user_id);
    if !call.is_repeated() && may_tell(call, "device", &BucketKey::of_address(call.address())) {
        let draft = scene(&flow).device_mismatch(user, flow.id);
        services.append(call.origin(Actor::Anonymous), flow.issuer_id, draft).await?;
    }
    let why = "The login was begun in another browser.";
    Err(OAuthError::new(OAuthCode::AccessDenied, why).into())
}

const fn scene(flow: &SealedFlow) -> Scene {
    Scene { account_id: flow.account_id, issuer_id: flow.issuer_id, client_id: flow.client_id }
}

/// Whom a login is about: who has proven something, else whoever has the name that was typed.
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn holder(call: &IssuerCall, flow: &Flow) -> Result<Option<User>, Refusal> {
    let users = call.services().store.reads().users();
    if let Some(evidence) = flow.state.evidence() {
        return Ok(users.find(flow.issuer_id, evidence.user_id).await?);
    }
    match flow.state.identifier.as_deref() {
        Some(name) => holder_of(call, name).await,
        None => Ok(None),
    }
}

/// Whoever has a name.
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn holder_of(call: &IssuerCall, name: &str) -> Result<Option<User>, Refusal> {
    let root = call.services().root_for(Some(call.issuer_id())).await?;
    let hash = UsernameHash::of(&root.key, name);
    Ok(call.services().store.reads().users().find_by_username_hash(call.issuer_id(), &hash).await?)
}

/// What stands for the browser among the devices of a user: strangers must not use up what they may do.
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn known(
    call: &IssuerCall,
    browser: &Browser,
    user: Option<&User>,
) -> Result<Option<[u8; 32]>, Refusal> {
    let (Some(fingerprint), Some(user)) = (browser.visitor.fingerprint, user) else { return Ok(None) };
    let devices = call.services().store.reads().devices().of_user(user.issuer_id, user.id).await?;
    let mut own = devices.iter().filter(|device| device.fingerprint == fingerprint);
    Ok(own.any(|device| device.known_at(call.now()).is_some()).then(|| *fingerprint.as_bytes()))
}

/// Draws on the bucket that every call of a login does, before anything is looked up.
///
/// # Errors
/// [`Refusal::RateLimited`].
pub(super) async fn limit(call: &IssuerCall, flow: Option<FlowId>) -> Result<(), Refusal> {
    if call.is_repeated() {
        return Ok(());
    }
    let drawn = call.services().limits.take(RateClass::Flow, BucketKey::of_address(call.address()));
    told(call, flow, "flow", drawn).await
}

/// Draws on the bucket of what can be guessed; a browser that is known for the user has one of its own.
///
/// # Errors
/// [`Refusal::RateLimited`].
pub(super) async fn limit_proof(
    call: &IssuerCall,
    flow: Option<FlowId>,
    known: Option<[u8; 32]>,
) -> Result<(), Refusal> {
    if call.is_repeated() {
        return Ok(());
    }
    let drawn = match known {
        Some(browser) => call.services().limits.take(RateClass::Proof, BucketKey::Mailbox(browser)),
        None => call.limit_proof(),
    };
    told(call, flow, "credential", drawn).await
}

/// A mail that a step sends, or seems to.
pub(super) struct Postage {
    /// Where it goes, as it was typed: what decides what is answered, whoever has the address.
    pub(super) typed: String,
    /// The address on the record of whoever has that name.
    pub(super) real: Option<String>,
    /// The address is not proven.
    pub(super) is_stranger: bool,
}

/// Takes a token for a mail. Whether it goes anywhere is another matter: a mailbox with several names gets as much as one
/// with one, and who asks cannot tell from the answer.
///
/// # Errors
/// [`Refusal::RateLimited`].
pub(super) async fn charge(
    call: &IssuerCall,
    flow: &SealedFlow,
    postage: &Postage,
    known: Option<[u8; 32]>,
) -> Result<bool, Refusal> {
    if let Some(is_withheld) = call.is_withheld() {
        return Ok(is_withheld);
    }
    let limits = &call.services().limits;
    let keys = mail_keys(call, flow, &postage.typed, known).await?;
    let drawn = if postage.is_stranger { limits.take_mail_to_stranger(&keys) } else { limits.take_mail(&keys) };
    told(call, Some(flow.id), "mail", drawn).await?;
    let other = postage.real.as_deref().filter(|real| folded(real) != folded(&postage.typed));
    let is_withheld = match other {
        Some(real) => {
            let drawn = limits.take_mail(&mail_keys(call, flow, real, known).await?);
            told(call, Some(flow.id), "mail", drawn).await.is_err()
        }
        None => false,
    };
    call.note_withheld(is_withheld);
    Ok(is_withheld)
}

async fn mail_keys(
    call: &IssuerCall,
    flow: &SealedFlow,
    address: &str,
    known: Option<[u8; 32]>,
) -> Result<MailKeys, Refusal> {
    let services = call.services();
    let root = services.root_for(Some(flow.issuer_id)).await?;
    let here = name_hash(&root.key, address);
    let browser = known.as_ref().map_or(&[][..], <[u8; 32]>::as_slice);
    let peppers = &services.keyring.peppers;
    Ok(MailKeys {
        address_in_issuer: peppers.digest(ADDRESS_PURPOSE, &[&here, browser]),
        address: peppers.digest(ADDRESS_PURPOSE, &[folded(address).as_bytes()]),
        account: flow.account_id,
    })
}

/// Says that a bucket overflowed, once a minute for each: whoever empties one hides no other.
///
/// # Errors
/// [`Refusal::RateLimited`] when it did; [`Refusal::Store`].
pub(super) async fn told(
    call: &IssuerCall,
    flow: Option<FlowId>,
    bucket: &str,
    drawn: Result<(), Overflow>,
) -> Result<(), Refusal> {
    let Err(overflow) = drawn else { return Ok(()) };
    if may_tell(call, bucket, &overflow.key) {
        let services = call.services();
        let sealed = match flow {
            Some(id) => services.store.reads().logins().flow(call.issuer_id(), id).await?,
            None => None,
        };
        let nobodys =
            Scene { account_id: call.issuer().issuer.account_id, issuer_id: call.issuer_id(), client_id: None };
        let scene = sealed.as_ref().map_or(nobodys, scene);
        let draft = scene.rate_limited(sealed.map(|flow| flow.id), bucket);
        services.append(call.origin(Actor::Anonymous), call.issuer_id(), draft).await?;
    }
    Err(overflow.into())
}

/// Once a minute for what happens to a key at one issuer, in whose trail it is told.
fn may_tell(call: &IssuerCall, what: &str, about: &BucketKey) -> bool {
    let issuer = call.issuer_id().uuid();
    let about = about.bytes();
    let parts = [what.as_bytes(), issuer.as_bytes(), about.as_slice()];
    let key = BucketKey::Mailbox(call.services().keyring.peppers.digest(TOLD_PURPOSE, &parts));
    call.services().limits.take(RateClass::Told, key).is_ok()
}
