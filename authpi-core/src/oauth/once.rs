//! What a request brings that is good once: an assertion of a client, a form that was parked.

use super::model::OnceKey;
use crate::error::Refusal;
use crate::outcome::InsertOutcome;
use crate::retries::Retries;
use crate::timestamp::Timestamp;
use crate::web::runtime::IssuerCall;

/// Notes the use, in a commit of its own: whatever becomes of the request, it was used. `false` when another request
/// has used it before. A request brings one such thing at most.
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn is_first_use(call: &IssuerCall, key: OnceKey, until: Timestamp) -> Result<bool, Refusal> {
    // This very request was overtaken, and is tried again.
    if call.is_proven() {
        return Ok(true);
    }
    let services = call.services();
    let mut retries = Retries::new();
    loop {
        let attempt = async {
            let mut unit = services.store.begin(services.now()).await?;
            let outcome = unit.grants().use_once(call.issuer_id(), key, until).await?;
            unit.commit().await?;
            Ok(outcome == InsertOutcome::Inserted)
        };
        if let Some(ended) = retries.ended(attempt.await) {
            if matches!(ended, Ok(true)) {
                call.note_proven();
            }
            return ended;
        }
    }
}
