//! What can be done with invitations.

mod decide;
mod join;
mod rules;
mod send;
mod write;

pub use decide::{approve, reject, revoke};
pub use join::{Door, accept, decline, decline_unasked};
pub use rules::given;
pub use send::resend;
pub use write::{InvitationPatch, Inviter, InviterPatch, NewInvitation, create, lifetime_until, update};
