//! Domains of accounts.
