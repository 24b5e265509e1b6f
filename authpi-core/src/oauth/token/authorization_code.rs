//! `authorization_code` (RFC 6749 §4.1.3): a code for the tokens of the session that begins with it.

use super::refresh::active_op;
use super::{TokenResponse, require_client, require_grant};
use crate::client::model::{Client, GrantType};
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::login::events::Scene;
use crate::oauth::client_authentication::Requester;
use crate::oauth::model::{AuthorizationCode, Resources};
use crate::oauth::targets::resources_of_client;
use crate::oauth::user_tokens::{Issuance, Issued, issue};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::outcome::SpendOutcome;
use crate::session::model::{EndCause, SessionStatus, UserSession};
use crate::session::operations as sessions;
use crate::session::operations::opening;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::issuer_keys::hold;
use crate::web::parameters::Parameters;
use crate::web::runtime::{IssuerCall, Step};

/// One wording for every code that is worth nothing.
const WORTHLESS: OAuthError = OAuthError::invalid_grant("The code is not valid here.");

/// What is to be done about a code.
pub(in crate::oauth) enum CodeUse {
    /// Tokens for it.
    Exchange(Box<Exchange>),
    /// It was presented by its client, with something wrong: it is spent.
    Burn(AuthorizationCode),
    /// It was presented before.
    Replay {
        /// The code.
        code: AuthorizationCode,
        /// With all that belongs to it: whoever has that, the session is not safe.
        is_whole: bool,
    },
}

/// Tokens that wait for the commit.
pub(in crate::oauth) struct Exchange {
    code: AuthorizationCode,
    session: UserSession,
    issued: Issued,
}

pub(super) async fn prepare(
    call: &IssuerCall,
    form: &Parameters,
    requester: Requester,
) -> Result<Step<CodeUse>, Refusal> {
    let client = require_client(requester)?;
    require_grant(&client, GrantType::AuthorizationCode)?;
    let code = form.require("code", "code is missing.")?;
    let redirect_uri = form.require("redirect_uri", "redirect_uri is missing.")?;
    let (services, issuer) = (call.services(), call.issuer_id());
    let hash = AuthorizationCode::hash_of(&services.keyring.peppers, issuer, code);
    let found = services.store.reads().grants().code(issuer, &hash).await?;
    // Another client's is left alone: it is not for this one to spend.
    let found = found.filter(|code| code.client_id == client.id).ok_or(WORTHLESS)?;
    let matches = found.binding.matches(redirect_uri, form.get("code_verifier"));
    if found.spent_at.is_some() {
        return Ok(Step::Change(CodeUse::Replay { code: found, is_whole: matches }));
    }
    if !matches {
        return Ok(Step::Change(CodeUse::Burn(found)));
    }
    if found.expires_at <= call.now() {
        return Err(WORTHLESS.into());
    }
    exchange(call, form, &client, found).await.map(Step::Change)
}

async fn exchange(
    call: &IssuerCall,
    form: &Parameters,
    client: &Client,
    code: AuthorizationCode,
) -> Result<CodeUse, Refusal> {
    let resources = requested(call, client, form, &code.binding.resources)?;
    let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
    let session = reads.sessions().find(issuer, code.session_id).await?.ok_or(WORTHLESS)?;
    match session.status_at(call.now()) {
        SessionStatus::Inactive => {}
        // Nothing but its code makes a session active: somebody was quicker.
        SessionStatus::Active => return Ok(CodeUse::Replay { code, is_whole: true }),
        _ => return Err(WORTHLESS.into()),
    }
    let op = active_op(call, &session).await?.ok_or(WORTHLESS)?;
    let grant = reads.grants().grant(issuer, code.session_id).await?.ok_or(WORTHLESS)?;
    let issued = issue(
        call,
        &Issuance {
            client,
            session: &session,
            op: &op,
            grant: &grant,
            scopes: &grant.binding.scopes,
            resources: &resources,
            nonce: code.binding.nonce.as_deref(),
        },
    )
    .await?;
    Ok(CodeUse::Exchange(Box::new(Exchange { code, session, issued })))
}

/// The resources of a token request: a part of what was authorized, or none (RFC 8707 §2.2).
pub(super) fn requested(
    call: &IssuerCall,
    client: &Client,
    form: &Parameters,
    authorized: &Resources,
) -> Result<Resources, OAuthError> {
    if form.get("resource").is_none() && !authorized.is_empty() {
        return Ok(Resources::default());
    }
    let resources = resources_of_client(call.issuer(), client, form)?;
    if resources.are_among(authorized.as_slice()) {
        Ok(resources)
    } else {
        Err(OAuthError::new(OAuthCode::InvalidTarget, "The authorization was not for this resource."))
    }
}

pub(super) async fn apply(change: &mut Change<'_>, call: &IssuerCall, code: &CodeUse) -> Result<Answer, Refusal> {
    match code {
        CodeUse::Exchange(exchange) => exchanged(change, call, exchange).await,
        CodeUse::Burn(code) => {
            // Somebody may have been quicker.
            match change.unit().grants().spend_code(code).await? {
                SpendOutcome::SpentBefore => replayed(change, call, code, false).await,
                SpendOutcome::Spent => Ok(call.refusal(WORTHLESS)),
            }
        }
        CodeUse::Replay { code, is_whole } => replayed(change, call, code, *is_whole).await,
    }
}

async fn exchanged(change: &mut Change<'_>, call: &IssuerCall, exchange: &Exchange) -> Result<Answer, Refusal> {
    let Exchange { code, session, issued } = exchange;
    if change.unit().grants().spend_code(code).await? == SpendOutcome::SpentBefore {
        return replayed(change, call, code, true).await;
    }
    change.act_as(Actor::Client { client_id: code.client_id });
    opening::issue_tokens(change, session.clone(), issued.refresh.is_some()).await?;
    if let Some((jti, kid)) = &issued.refresh {
        hold(change, call.services(), code.issuer_id, *kid).await?;
        let begun = change.unit().grants().begin_refreshing(code.issuer_id, code.session_id, (jti, *kid)).await?;
        if begun == SpendOutcome::SpentBefore {
            return Err(Refusal::internal("a session without tokens has a refresh token"));
        }
    }
    Ok(TokenResponse::answer(&issued.response))
}

/// A second use leaves a trace, whatever became of the session. One that knows all that the first one knew (RFC 6749
/// §4.1.2) ends the session that began with the code; a mere finder ends nobody's.
async fn replayed(
    change: &mut Change<'_>,
    call: &IssuerCall,
    code: &AuthorizationCode,
    ends: bool,
) -> Result<Answer, Refusal> {
    let (issuer, client) = (call.issuer_id(), code.client_id);
    change.act_as(Actor::Client { client_id: client });
    let session = change.reads().sessions().find(issuer, code.session_id).await?;
    let scene = Scene { account_id: change.account(), issuer_id: issuer, client_id: Some(client) };
    change.emit(scene.replayed(session.as_ref().map(|session| session.user_id), None, "code"))?;
    if let Some(session) = session.filter(|_| ends) {
        let note = change.status_note(Some(EndCause::CodeReplay.as_str().to_owned()), None);
        sessions::end(change, session, EndCause::CodeReplay, note).await?;
    }
    Ok(call.refusal(WORTHLESS))
}
