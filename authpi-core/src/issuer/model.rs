//! What an issuer is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::model::ContextDetail;
use crate::id::{AccountId, IssuerId};

/// Where an issuer stands. A deleted one is none for anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssuerStatus {
    /// Normal.
    Active,
    /// Refuses new logins and refreshes; management stays possible.
    Suspended,
}

/// As much of an issuer as every request below it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerHead {
    /// Its id.
    pub id: IssuerId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Where it stands.
    pub status: IssuerStatus,
    /// It is the issuer whose organizations are the accounts.
    pub platform: bool,
    /// How much request context its events keep.
    pub event_context: ContextDetail,
}
