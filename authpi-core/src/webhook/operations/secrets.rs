//! Secrets of webhooks: made here, shown once, sealed.

use crate::error::Refusal;
use crate::id::WebhookId;
use crate::keyring::Keyring;
use crate::seal::Sealed;
use crate::secret::Secret;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::webhook::model::{
    AuthKind, SigningSecret, StoredSecret, WebhookAuth, bearer_seal, hint, signing_seal, signing_secret,
};

/// What a bearer token begins with.
const BEARER_PREFIX: &str = "whb_";

/// Secrets that were made just now: the answer that tells them is the only one.
#[derive(Default)]
pub struct NewSecrets {
    /// The bearer token.
    pub bearer: Option<Secret>,
    /// The signing secret.
    pub signing: Option<Secret>,
}

impl NewSecrets {
    /// None was made.
    pub const fn is_empty(&self) -> bool {
        self.bearer.is_none() && self.signing.is_none()
    }
}

/// How a receiver is to know us from now on.
#[derive(Clone, Copy, Debug, Default)]
pub struct WantedAuth {
    /// Another kind; `None` keeps it.
    pub kind: Option<AuthKind>,
    /// Make new secrets although there are some.
    pub regenerate: bool,
}

/// The auth of `id` after `wanted`: what is newly needed is made, what is no longer used erased.
///
/// # Errors
/// [`Refusal::Internal`] when the source of randomness or the seal fails.
pub(super) fn renewed(
    change: &Change<'_>,
    id: WebhookId,
    before: WebhookAuth,
    wanted: WantedAuth,
) -> Result<(WebhookAuth, NewSecrets), Refusal> {
    let kind = wanted.kind.unwrap_or(before.kind);
    let mut made = NewSecrets::default();
    let mut after = WebhookAuth { kind, bearer: None, signing: None };
    if kind.has_bearer() {
        after.bearer = if let Some(known) = before.bearer.filter(|_| !wanted.regenerate) {
            Some(known)
        } else {
            let token = Secret::new(format!("{BEARER_PREFIX}{}", change.secret()?.expose()));
            let stored = stored(change, &bearer_seal(id), &token)?;
            made.bearer = Some(token);
            Some(stored)
        };
    }
    if kind.has_signature() {
        let known = before.signing;
        after.signing = if known.is_some() && !wanted.regenerate {
            known
        } else {
            let secret = signing_secret(&*change.random()?);
            let stored = stored(change, &signing_seal(id), &secret)?;
            made.signing = Some(secret);
            Some(match known {
                Some(known) => known.regenerated(change.now(), stored),
                None => SigningSecret { current: stored, previous: None },
            })
        };
    }
    Ok((after, made))
}

fn stored(change: &Change<'_>, context: &str, secret: &Secret) -> Result<StoredSecret, Refusal> {
    let text = secret.expose();
    let sealed = change.keyring().seals.seal(context, text.as_bytes()).map_err(Refusal::internal)?;
    Ok(StoredSecret { sealed, hint: hint(text) })
}

/// The secrets of a webhook, opened for one attempt.
pub struct SecretsInUse {
    /// The bearer token.
    pub bearer: Option<Secret>,
    /// Signing secrets, the newest first.
    pub signing: Vec<Secret>,
}

impl SecretsInUse {
    /// Opens what deliveries at `now` are made with.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when a seal does not open.
    pub fn open(keyring: &Keyring, id: WebhookId, auth: &WebhookAuth, now: Timestamp) -> Result<Self, Refusal> {
        let open = |context: &str, sealed: &Sealed| {
            let plain = keyring.seals.open(context, sealed).map_err(Refusal::internal)?;
            let text = std::str::from_utf8(&plain).map_err(Refusal::internal)?;
            Ok::<_, Refusal>(Secret::new(text))
        };
        let bearer = auth.bearer.as_ref().map(|stored| open(&bearer_seal(id), &stored.sealed)).transpose()?;
        let mut signing = Vec::new();
        if let Some(known) = &auth.signing {
            signing.push(open(&signing_seal(id), &known.current.sealed)?);
            if let Some((previous, _)) = known.previous.as_ref().filter(|(_, until)| now < *until) {
                signing.push(open(&signing_seal(id), previous)?);
            }
        }
        Ok(Self { bearer, signing })
    }
}
