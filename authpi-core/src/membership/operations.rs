//! What can be done with memberships.

use super::model::NewMember;
use crate::error::Refusal;
use crate::id::{IssuerId, OrganizationId};
use crate::store::Change;

/// Adds a member.
///
/// # Errors
/// [`Refusal`].
pub async fn add(
    _change: &mut Change<'_>,
    _issuer: IssuerId,
    _organization: OrganizationId,
    _new: NewMember,
) -> Result<(), Refusal> {
    Ok(())
}
