//! What a user is: name, attributes, status, and which changes they allow.

mod account;
mod approval;
mod details;
mod security;
mod status;
mod username;

pub use account::{DirectoryEntry, STORE_ID, User, UserOrigin};
pub use approval::{Approval, ApprovalRecord, ApprovalStatus, Contradiction, Decision, NotWaiting, Verdict};
pub use details::{Compliance, Preferences, Profile, UserDetails};
pub use security::{Protection, UserSecurity};
pub use status::{DirectoryStatus, IllegalTransition, StatusStep, UserStatus};
pub use username::{InvalidUsername, Username, UsernameHash, UsernameType};
