//! Rows as SeaORM reads and writes them: one file a table, never seen outside this crate.

#![allow(unreachable_pub, reason = "SeaORM generates public items")]
#![allow(clippy::struct_excessive_bools, reason = "a row has the flags that its table has")]

pub(crate) mod access_revocation;
pub(crate) mod account;
pub(crate) mod account_domain;
pub(crate) mod active_user;
pub(crate) mod agent;
pub(crate) mod agent_verifier;
pub(crate) mod api_key;
pub(crate) mod api_key_use;
pub(crate) mod auth_method;
pub(crate) mod authorization_code;
pub(crate) mod client;
pub(crate) mod consent;
pub(crate) mod credit;
pub(crate) mod delegation;
pub(crate) mod denied_token;
pub(crate) mod event;
pub(crate) mod event_context;
pub(crate) mod grant;
pub(crate) mod group;
pub(crate) mod idempotency_record;
pub(crate) mod instance_key;
pub(crate) mod invitation;
pub(crate) mod issuer;
pub(crate) mod ledger_entry;
pub(crate) mod mail;
pub(crate) mod mail_tally;
pub(crate) mod membership;
pub(crate) mod membership_group;
pub(crate) mod membership_removal;
pub(crate) mod membership_scope;
pub(crate) mod note;
pub(crate) mod note_mention;
pub(crate) mod note_reference;
pub(crate) mod organization;
pub(crate) mod outbox;
pub(crate) mod payment_method;
pub(crate) mod personal_token;
pub(crate) mod personal_token_address;
pub(crate) mod platform;
pub(crate) mod session;
pub(crate) mod signing_key;
pub(crate) mod sso_domain;
pub(crate) mod statement;
pub(crate) mod usage;
pub(crate) mod used_assertion;
pub(crate) mod user;
pub(crate) mod user_backup_code;
pub(crate) mod user_device;
pub(crate) mod user_enrollment;
pub(crate) mod user_record;
pub(crate) mod user_verifier;
pub(crate) mod webhook;
pub(crate) mod webhook_delivery;
