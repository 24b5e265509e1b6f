//! Sets up, renames and removes credentials.

use async_trait::async_trait;

use super::bodies::{CreateUserVerifier, Settable, UpdateUserVerifier};
use super::read::{existing, verifier};
use super::views::{UserVerifiersCreateResponse, VerifierView};
use super::{ALL, ONE, WRITE};
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::secret::Secret;
use crate::store::Change;
use crate::verifier::model::{BackupCode, PasswordHash};
use crate::verifier::operations;
use crate::verifier::screening::{Person, Screened, screened};
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::impersonation;
use crate::web::route::Route;

/// A password, looked at and hashed, and its text when it was made here.
#[derive(Default)]
pub(super) struct PreparedPassword {
    screened: Option<Screened>,
    generated: Option<Secret>,
}

/// `createUserVerifier`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateUserVerifier;
    type Prepared = PreparedPassword;

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createUserVerifier", "Begin to set up codes by time for a user, or set a password")
            .about("user verifiers", "verifier")
            .scope(WRITE)
            .answers::<UserVerifiersCreateResponse>(201)
    }

    async fn prepare(&self, call: &Call<CreateUserVerifier>) -> Result<PreparedPassword, Refusal> {
        let (Ok(body), Ok((issuer, user))) = (call.body(), call.path::<(IssuerId, UserId)>()) else {
            return Ok(PreparedPassword::default());
        };
        let generated = match (body.kind, &body.password) {
            (Settable::TemporaryPassword, None) => Some(generated(call)?),
            _ => None,
        };
        let Some(typed) = generated.as_ref().or(body.password.as_ref()) else {
            return Ok(PreparedPassword::default());
        };
        let services = call.services();
        let Some(found) = services.store.reads().users().find(issuer, user).await? else {
            return Ok(PreparedPassword::default());
        };
        let person = Person { username: Some(found.username.as_str().to_owned()), about: found.known_about() };
        let screened = screened(services, (call.account()?, issuer), person, typed.expose()).await?;
        Ok(PreparedPassword { screened, generated })
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        call: &Call<CreateUserVerifier, PreparedPassword>,
    ) -> Result<Answer, Refusal> {
        let (issuer, user) = call.path()?;
        existing(change.reads(), issuer, user).await?;
        impersonation::check_sign_in(change, call, user).await?;
        let body = call.body()?;
        let verifier = match body.kind {
            Settable::Totp | Settable::TotpApp => {
                let enrolling = operations::enroll(change, issuer, user, body.name.clone()).await?;
                return Ok(Answer::created(UserVerifiersCreateResponse::from(enrolling)));
            }
            Settable::Password => operations::set_password(change, issuer, user, hash(call.prepared())?).await?,
            Settable::TemporaryPassword => {
                operations::set_temporary_password(change, issuer, user, hash(call.prepared())?).await?
            }
        };
        let generated = call.prepared().generated.as_ref().map(Secret::expose);
        let shown = UserVerifiersCreateResponse::password(&verifier, generated);
        Ok(Answer::created(shown).etag(verifier.updated_at))
    }
}

/// Twenty letters and digits that are told apart: 100 random bits, easy to read aloud.
fn generated(call: &Call<CreateUserVerifier>) -> Result<Secret, Refusal> {
    let part = || -> Result<BackupCode, Refusal> {
        let mut random = zeroize::Zeroizing::new([0; 10]);
        call.services().entropy.fill(random.as_mut()).map_err(Refusal::internal)?;
        Ok(BackupCode::new(&random))
    };
    Ok(Secret::new(format!("{}-{}", part()?.expose(), part()?.expose())))
}

/// The hash of the password that was prepared, if it may be set.
fn hash(prepared: &PreparedPassword) -> Result<PasswordHash, Refusal> {
    match &prepared.screened {
        Some(Ok(hash)) => Ok(hash.clone()),
        Some(Err(invalid)) => Err(Refusal::field("password", invalid.code(), invalid.to_string())),
        // The user came to be after this was prepared: the next attempt is a new request.
        None => Err(Refusal::NotFound),
    }
}

/// `updateUserVerifier`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateUserVerifier;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateUserVerifier", "Rename a credential of a user")
            .about("user verifiers", "verifier")
            .scope(WRITE)
            .conditional()
            .answers::<VerifierView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateUserVerifier>) -> Result<Answer, Refusal> {
        let before = verifier(change.reads(), change.now(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let name = match &call.body()?.name {
            None => before.name.clone(),
            Some(name) => name.as_str().map(str::to_owned),
        };
        let after = operations::rename(change, before, name).await?;
        let version = after.updated_at;
        Ok(Answer::of(VerifierView::at(change.now(), after)).etag(version))
    }
}

/// `deleteUserVerifier`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteUserVerifier", "Delete a credential of a user")
            .about("user verifiers", "verifier")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let verifier = verifier(change.reads(), change.now(), call.path()?).await?;
        call.precondition(verifier.updated_at)?;
        impersonation::check_sign_in(change, call, verifier.user_id).await?;
        operations::remove(change, &verifier).await?;
        Ok(Answer::no_content())
    }
}
