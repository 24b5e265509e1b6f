//! What a user is: name, attributes, status and password, and which changes they allow.

mod account;
mod details;
mod password;
mod status;
mod username;

pub use account::{DirectoryEntry, PASSWORD_METHOD, PasswordVerifier, STORE_ID, User};
pub use details::{Preferences, Profile, UserDetails};
pub use password::{HashingFailed, InvalidPassword, Password, PasswordHash, PasswordPolicy};
pub use status::{DirectoryStatus, IllegalTransition, StatusStep, UserStatus};
pub use username::{InvalidUsername, Username, UsernameHash, UsernameType};
