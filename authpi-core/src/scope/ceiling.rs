//! The ceiling of an organization: the highest scopes that exist in it (core-api 12.2). They are an application's.

use super::{Reading, Scope, Scopes};
use crate::error::{FieldCode, FieldErrors};

impl Scopes {
    /// Those of them that exist below `ceiling`.
    #[must_use]
    pub fn below(&self, ceiling: &Self) -> Self {
        self.iter().filter(|scope| ceiling.leave_room_for(scope)).cloned().collect()
    }

    /// Notes each of them that does not exist below `ceiling`, under `scopes.<index>`.
    pub fn check_below(&self, ceiling: &Self, errors: &mut FieldErrors) {
        for (index, _) in self.iter().enumerate().filter(|(_, scope)| !ceiling.leave_room_for(scope)) {
            let message = "is not among the scopes of the organization";
            errors.add(format!("scopes.{index}"), FieldCode::NotAllowed, message);
        }
    }

    /// All do when there are none, and plain names always do.
    fn leave_room_for(&self, scope: &Scope) -> bool {
        self.is_empty()
            || scope.split().is_none()
            || self.iter().any(|highest| highest.covers(scope, Reading::Application))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn scopes(texts: &[&str]) -> Scopes {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_ceiling_cuts_scopes_but_not_roles() {
        let wanted = scopes(&["owner", "a:read", "a.b:manage", "a.b:read", "a:**"]);
        let ceiling = scopes(&["a:*", "a.b:manage"]);
        assert_eq!(wanted.below(&ceiling), scopes(&["owner", "a:read", "a.b:manage"]));
        assert_eq!(wanted.below(&Scopes::NONE), wanted);
        let mut errors = FieldErrors::new();
        wanted.check_below(&ceiling, &mut errors);
        let found: Vec<_> = errors.iter().map(|error| (error.field.as_str(), error.code)).collect();
        assert_eq!(found, [("scopes.3", FieldCode::NotAllowed), ("scopes.4", FieldCode::NotAllowed)]);
    }
}
