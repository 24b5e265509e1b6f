//! What users prove themselves with, in SQL: credentials, backup codes, and factors that are being set up.

mod reads;
mod verbs;
