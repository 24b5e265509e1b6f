//! Lists credentials, and shows one.

use async_trait::async_trait;

use super::views::VerifierView;
use super::{ALL, ONE, READ};
use crate::error::Refusal;
use crate::id::{IssuerId, UserId, VerifierId};
use crate::store::Reads;
use crate::timestamp::Timestamp;
use crate::verifier::model::Verifier;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::route::Route;

/// The user in the path is there.
pub(super) async fn existing(reads: &dyn Reads, issuer: IssuerId, user: UserId) -> Result<(), Refusal> {
    if reads.users().exists(issuer, user).await? { Ok(()) } else { Err(Refusal::NotFound) }
}

/// The credential in the path, unless it has expired.
pub(super) async fn verifier(
    reads: &dyn Reads,
    now: Timestamp,
    (issuer, user, id): (IssuerId, UserId, VerifierId),
) -> Result<Verifier, Refusal> {
    existing(reads, issuer, user).await?;
    let found = reads.verifiers().find(issuer, user, id).await?;
    found.filter(|verifier| is_there(verifier, now)).ok_or(Refusal::NotFound)
}

fn is_there(verifier: &Verifier, now: Timestamp) -> bool {
    verifier.expires_at().is_none_or(|at| at > now)
}

/// `listUserVerifiers`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listUserVerifiers", "List the credentials of a user, newest first")
            .about("user verifiers", "verifier")
            .scope(READ)
            .answers_list::<VerifierView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, user) = call.path()?;
        existing(reads, issuer, user).await?;
        let mut items = reads.verifiers().of_user(issuer, user).await?;
        items.retain(|verifier| is_there(verifier, call.now()));
        let shown = items.into_iter().map(|verifier| VerifierView::at(call.now(), verifier));
        Ok(Answer::list(shown.collect()))
    }
}

/// `getUserVerifier`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getUserVerifier", "Get a credential of a user")
            .about("user verifiers", "verifier")
            .scope(READ)
            .conditional()
            .answers::<VerifierView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let verifier = verifier(reads, call.now(), call.path()?).await?;
        let version = verifier.updated_at;
        Ok(Answer::of(VerifierView::at(call.now(), verifier)).etag(version))
    }
}
