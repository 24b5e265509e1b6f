//! Everything about codes: the first one, later ones, and new ones on paper.

use async_trait::async_trait;

use super::bodies::{CompleteEnrollment, VerifyCode};
use super::read::{existing, verifier};
use super::views::{
    UserVerifiersCompleteEnrollmentResponse, UserVerifiersRegenerateResponse, UserVerifiersVerifyResponse,
};
use super::{COMPLETE, REGENERATE, VERIFY, WRITE};
use crate::error::Refusal;
use crate::store::Change;
use crate::verifier::operations::{self, Completed};
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::impersonation;
use crate::web::route::Route;

/// `completeUserVerifierEnrollment`
pub(super) struct Complete;

#[async_trait]
impl Write for Complete {
    type Body = CompleteEnrollment;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(COMPLETE)
            .named("completeUserVerifierEnrollment", "Finish setting up codes by time with the first code")
            .about("user verifiers", "verifier")
            .scope(WRITE)
            .answers::<UserVerifiersCompleteEnrollmentResponse>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CompleteEnrollment>) -> Result<Answer, Refusal> {
        let (issuer, user) = call.path()?;
        existing(change.reads(), issuer, user).await?;
        impersonation::check_sign_in(change, call, user).await?;
        let body = call.body()?;
        // A text that is no id names nothing.
        let id = body.enrollment_id.parse().ok();
        let completed = operations::complete(change, (issuer, user), id, &body.code, body.name.clone()).await?;
        let answer = Answer::of(UserVerifiersCompleteEnrollmentResponse::from(&completed));
        Ok(match completed {
            Completed::Enrolled { verifier, .. } => answer.etag(verifier.updated_at),
            Completed::WrongCode | Completed::Gone => answer,
        })
    }
}

/// `regenerateUserVerifier`
pub(super) struct Regenerate;

#[async_trait]
impl Write for Regenerate {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(REGENERATE)
            .named("regenerateUserVerifier", "Make new backup codes; the old ones are worth nothing any more")
            .about("user verifiers", "verifier")
            .scope(WRITE)
            .conditional()
            .answers::<UserVerifiersRegenerateResponse>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let before = verifier(change.reads(), change.now(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        impersonation::check_sign_in(change, call, before.user_id).await?;
        let (after, codes) = operations::regenerate(change, &before).await?;
        Ok(Answer::of(UserVerifiersRegenerateResponse::from(codes)).etag(after.updated_at))
    }
}

/// `verifyUserVerifier`
pub(super) struct Verify;

#[async_trait]
impl Write for Verify {
    type Body = VerifyCode;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(VERIFY)
            .named("verifyUserVerifier", "Check a code by time or a backup code; each is good for once")
            .about("user verifiers", "verifier")
            .scope(WRITE)
            .conditional()
            .answers::<UserVerifiersVerifyResponse>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<VerifyCode>) -> Result<Answer, Refusal> {
        let verifier = verifier(change.reads(), change.now(), call.path()?).await?;
        call.precondition(verifier.updated_at)?;
        let checked = operations::verify(change, &verifier, &call.body()?.code).await?;
        Ok(Answer::of(UserVerifiersVerifyResponse::from(checked)))
    }
}
