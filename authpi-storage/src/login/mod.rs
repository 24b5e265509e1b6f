//! Logins in SQL: those under way, what was mailed for them, and what was presented in vain.

mod reads;
mod verbs;
