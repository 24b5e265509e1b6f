//! What a login proves, as far as organizations ask (D182).

use crate::membership::repository::EffectiveMembership;
use crate::session::model::UserSession;

/// What a login proves, as far as organizations ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    /// Two factors, or one on a trusted device.
    second_factor: bool,
}

impl Strength {
    /// Of what comes from no login at all.
    pub const OF_NO_LOGIN: Self = Self { second_factor: false };

    /// The strength of the login behind a session.
    pub fn of(session: &UserSession) -> Self {
        let details = &session.details;
        Self { second_factor: details.authentication.mfa || details.device.trusted }
    }

    /// The organization asks for no more. Sign-in through an organization's own provider is not a way to sign in here, so
    /// nothing satisfies those that ask for it.
    pub const fn satisfies(self, held: &EffectiveMembership) -> bool {
        !held.sso_only && (self.second_factor || !held.mfa_required)
    }
}
