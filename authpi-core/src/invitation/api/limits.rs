//! Mail to strangers is limited (conventions §11).

use crate::error::Refusal;
use crate::folding::folded;
use crate::invitation::model::Invitation;
use crate::store::Change;
use crate::web::body::Body;
use crate::web::call::Call;
use crate::web::rate_limit::MailKeys;

/// What fingerprints of addresses are made for that hold over all issuers.
const ADDRESS_PURPOSE: &str = "mail-address";

/// Takes a token for the mail that this change queued, if it did. The last thing an endpoint does: what is refused for
/// another reason costs none.
///
/// # Errors
/// [`Refusal::RateLimited`].
pub(super) fn charge<B: Body>(change: &Change<'_>, call: &Call<B>, after: &Invitation) -> Result<(), Refusal> {
    if after.last_email_sent_at != Some(change.now()) {
        return Ok(());
    }
    let Some(invitee) = after.invitee(change.root_of(after.issuer_id)?)? else { return Ok(()) };
    let keys = MailKeys {
        address_in_issuer: after.address_hash,
        address: change.keyring().peppers.digest(ADDRESS_PURPOSE, &[folded(&invitee.email).as_bytes()]),
        account: change.account(),
    };
    Ok(call.services().limits.take_mail_to_stranger(&keys)?)
}
