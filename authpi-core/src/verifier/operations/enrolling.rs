//! Sets second factors up.

use super::{locked, new_codes, new_verifier, of_kind, set_of, store_codes};
use crate::device::operations as devices;
use crate::error::Refusal;
use crate::id::{EnrollmentId, IssuerId, UserId};
use crate::outcome::SpendOutcome;
use crate::secret::Secret;
use crate::store::Change;
use crate::verifier::events;
use crate::verifier::model::{
    Attempts, BackupCodes, ENROLLMENT_LASTS, Enrollment, MOST_TRIES, Proof, TotpSeed, Verifier, VerifierKind,
};

/// A second factor that was begun, with what its app must know.
pub struct Enrolling {
    /// What waits for the first code.
    pub enrollment: Enrollment,
    /// The seed as people type it.
    pub secret: Secret,
    /// The seed as apps scan it.
    pub provisioning_uri: Secret,
}

/// What the first code led to.
pub enum Completed {
    /// The factor is in force.
    Enrolled {
        /// The factor.
        verifier: Box<Verifier>,
        /// Codes that were made with it, because the user had none.
        codes: Option<BackupCodes>,
    },
    /// It was another code.
    WrongCode,
    /// There is nothing to be finished: unknown, too late, or too many wrong codes.
    Gone,
}

/// Begins to set up codes by time, in the place of what was begun before and not finished.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such user; [`Refusal::Conflict`] when it has them.
pub async fn enroll(
    change: &mut Change<'_>,
    issuer: IssuerId,
    user: UserId,
    name: Option<String>,
) -> Result<Enrolling, Refusal> {
    let verifiers = locked(change, issuer, user).await?;
    if of_kind(&verifiers, VerifierKind::Totp).is_some() {
        return Err(Refusal::conflict("The user has an authenticator app; delete it to set up another."));
    }
    let found = change.reads().users().find(issuer, user).await?.ok_or(Refusal::NotFound)?;
    let seed = TotpSeed::new(&change.random()?);
    let enrollment = Enrollment {
        id: change.mint()?,
        issuer_id: issuer,
        user_id: user,
        name,
        seed: seed.seal(change.root_of(issuer)?, issuer, user)?,
        failed: 0,
        expires_at: change.now().plus(ENROLLMENT_LASTS),
        created_at: change.now(),
    };
    let provisioning_uri = seed.provisioning_uri(&label(change, issuer).await?, found.username.as_str())?;
    change.unit().verifiers().begin_enrollment(&enrollment).await?;
    Ok(Enrolling { enrollment, secret: seed.base32()?, provisioning_uri })
}

/// What apps call the issuer: `issuer_label` of its method `totp_app`, else the name that its users see, else its own.
async fn label(change: &Change<'_>, issuer: IssuerId) -> Result<String, Refusal> {
    let methods = change.reads().issuers().auth_methods(issuer).await?;
    if let Some(label) = methods.into_iter().find_map(|method| method.details.settings.issuer_label) {
        return Ok(label);
    }
    let details = change.reads().issuers().find(change.account(), issuer).await?.ok_or(Refusal::NotFound)?.details;
    Ok(details.settings.branding.display_name.unwrap_or(details.name))
}

/// Finishes with the first code. From then on no device is trusted (D133), and a user without backup codes has some.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such user; [`Refusal::Stale`] when something has changed meanwhile.
pub async fn complete(
    change: &mut Change<'_>,
    (issuer, user): (IssuerId, UserId),
    id: Option<EnrollmentId>,
    code: &str,
    name: Option<String>,
) -> Result<Completed, Refusal> {
    let verifiers = locked(change, issuer, user).await?;
    let Some(enrollment) = unfinished(change, (issuer, user), id).await? else { return Ok(Completed::Gone) };
    let seed = TotpSeed::open(&enrollment.seed, change.root_of(issuer)?, issuer, user)?;
    let Some(step) = seed.step_of(code, change.now())? else {
        if enrollment.failed + 1 >= MOST_TRIES {
            // Whoever ends it: it is over.
            let _ = change.unit().verifiers().end_enrollment(&enrollment).await?;
        } else {
            change.unit().verifiers().fail_enrollment(&enrollment).await?;
        }
        return Ok(Completed::WrongCode);
    };
    if change.unit().verifiers().end_enrollment(&enrollment).await? == SpendOutcome::SpentBefore {
        return Ok(Completed::Gone);
    }
    let proof = Proof::Totp { seed: enrollment.seed, last_step: step };
    let verifier = new_verifier(change, (issuer, user), name.or(enrollment.name), proof)?;
    change.unit().verifiers().insert(&verifier).await?;
    change.emit(events::created(change.account(), &verifier))?;
    change.emit(events::factor_created(change.account(), &verifier))?;
    devices::revoke_all(change, issuer, user).await?;
    let codes = match of_kind(&verifiers, VerifierKind::BackupCodes) {
        Some(_) => None,
        None => Some(first_codes(change, issuer, user).await?),
    };
    Ok(Completed::Enrolled { verifier: Box::new(verifier), codes })
}

async fn unfinished(
    change: &Change<'_>,
    (issuer, user): (IssuerId, UserId),
    id: Option<EnrollmentId>,
) -> Result<Option<Enrollment>, Refusal> {
    let Some(id) = id else { return Ok(None) };
    let found = change.reads().verifiers().enrollment(issuer, user, id).await?;
    Ok(found.filter(|enrollment| enrollment.expires_at > change.now()))
}

async fn first_codes(change: &mut Change<'_>, issuer: IssuerId, user: UserId) -> Result<BackupCodes, Refusal> {
    let codes = new_codes(change, issuer).await?;
    let set = new_verifier(change, (issuer, user), None, set_of(&codes))?;
    change.unit().verifiers().insert(&set).await?;
    store_codes(change, &set, &codes).await?;
    Ok(codes)
}

/// Makes new backup codes; the old ones are worth nothing any more.
///
/// # Errors
/// [`Refusal::Conflict`] for another kind of credential; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn regenerate(change: &mut Change<'_>, before: &Verifier) -> Result<(Verifier, BackupCodes), Refusal> {
    if before.kind() != VerifierKind::BackupCodes {
        return Err(Refusal::conflict("Only backup codes can be made anew."));
    }
    locked(change, before.issuer_id, before.user_id).await?;
    let codes = new_codes(change, before.issuer_id).await?;
    let after = Verifier {
        proof: set_of(&codes),
        proof_set_at: change.now(),
        by_another: change.actor().is_other_than(before.user_id),
        attempts: Attempts::default(),
        updated_at: before.updated_at.next_version(change.now()),
        ..before.clone()
    };
    change.unit().verifiers().update(&after, before.updated_at).await?.required()?;
    store_codes(change, &after, &codes).await?;
    let count = u32::try_from(codes.len()).unwrap_or(u32::MAX);
    change.emit(events::codes_regenerated(change.account(), &after, count))?;
    Ok((after, codes))
}
