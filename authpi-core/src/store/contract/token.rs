//! Personal tokens of users.
