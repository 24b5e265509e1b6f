//! What a membership is.

use crate::id::MemberId;
use crate::scope::{Scope, Scopes};

/// A member to be added.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// Who.
    pub member_id: MemberId,
    /// Direct scopes.
    pub scopes: Scopes,
}

impl NewMember {
    /// A member with one scope.
    pub fn with_scope(member_id: MemberId, scope: Scope) -> Self {
        Self { member_id, scopes: [scope].into_iter().collect() }
    }
}
