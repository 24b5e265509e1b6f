//! The one gate for new users (D186): whatever the way in, nobody signs up but through it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;

/// Who may become a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessMode {
    /// Anybody.
    Open,
    /// Who is invited.
    InviteOnly,
    /// Who has an address in one of the allowed domains.
    DomainRestricted,
    /// Nobody; users come through the management API.
    Closed,
}

words!(AccessMode: "open" => Self::Open, "invite_only" => Self::InviteOnly, "domain_restricted" => Self::DomainRestricted, "closed" => Self::Closed);

/// What an issuer asks of whoever signs up.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// Whom it lets in.
    pub mode: AccessMode,
    /// The address must be proven.
    pub verify_email: bool,
    /// Somebody has to approve.
    pub require_approval: bool,
}

/// What is known of somebody who signs up.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Applicant {
    /// They have the link of an open invitation for this very address, which proves it: only who reads its mail has that.
    pub is_invited: bool,
    /// They have read a mail to the address.
    pub address_verified: bool,
    /// The address is of an allowed domain.
    pub has_allowed_domain: bool,
    /// They will sign in by a method that the issuer offers.
    pub has_offered_method: bool,
}

/// Leave to become a user. Only [`admit`] gives it, and nobody signs up without.
///
/// ```compile_fail,E0451
/// let forged = authpi_core::admission::Admitted { awaits_approval: false, address_verified: true };
/// ```
#[derive(Debug)]
pub struct Admitted {
    awaits_approval: bool,
    address_verified: bool,
}

impl Admitted {
    /// The user waits until somebody approves.
    pub const fn awaits_approval(&self) -> bool {
        self.awaits_approval
    }

    /// The address is proven.
    pub const fn address_verified(&self) -> bool {
        self.address_verified
    }
}

/// Whether somebody may become a user.
pub const fn admit(door: Door, applicant: Applicant) -> Option<Admitted> {
    let is_verified = applicant.address_verified || applicant.is_invited;
    let lets_in = match door.mode {
        AccessMode::Open => true,
        AccessMode::InviteOnly => applicant.is_invited,
        AccessMode::DomainRestricted => applicant.is_invited || (is_verified && applicant.has_allowed_domain),
        AccessMode::Closed => false,
    };
    if !lets_in || !applicant.has_offered_method || (door.verify_email && !is_verified) {
        return None;
    }
    Some(Admitted { awaits_approval: door.require_approval, address_verified: is_verified })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(mode: AccessMode) -> Door {
        Door { mode, verify_email: false, require_approval: false }
    }

    /// Somebody of whom nothing speaks but a method.
    const ANYBODY: Applicant =
        Applicant { is_invited: false, address_verified: false, has_allowed_domain: false, has_offered_method: true };

    #[test]
    fn each_mode_lets_in_whom_it_names() {
        let invited = Applicant { is_invited: true, ..ANYBODY };
        let verified = Applicant { address_verified: true, ..ANYBODY };
        let of_domain = Applicant { has_allowed_domain: true, ..ANYBODY };
        let proven_of_domain = Applicant { address_verified: true, ..of_domain };
        let lets_in = |mode| {
            [ANYBODY, invited, verified, of_domain, proven_of_domain].map(|who| admit(door(mode), who).is_some())
        };
        assert_eq!(lets_in(AccessMode::Open), [true; 5]);
        assert_eq!(lets_in(AccessMode::InviteOnly), [false, true, false, false, false]);
        assert_eq!(lets_in(AccessMode::DomainRestricted), [false, true, false, false, true], "a domain that is proven");
        assert_eq!(lets_in(AccessMode::Closed), [false; 5]);
    }

    #[test]
    fn what_is_admitted_says_what_was_asked_and_proven() {
        let strict = Door { verify_email: true, require_approval: true, ..door(AccessMode::Open) };
        assert!(admit(strict, ANYBODY).is_none(), "the address is not proven");
        let said = |door, applicant| {
            admit(door, applicant).map(|admitted| (admitted.awaits_approval(), admitted.address_verified()))
        };
        assert_eq!(said(strict, Applicant { address_verified: true, ..ANYBODY }), Some((true, true)));
        assert_eq!(said(door(AccessMode::Open), ANYBODY), Some((false, false)));
        let without = Applicant { has_offered_method: false, ..ANYBODY };
        assert!(admit(door(AccessMode::Open), without).is_none(), "nobody comes by a method that is off");
    }
}
