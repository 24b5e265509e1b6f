//! `authpi_signing_key`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_signing_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: Uuid,
    pub issuer_id: Uuid,
    pub algorithm: String,
    pub generation: i64,
    pub public_jwk: Json,
    pub sealed: Vec<u8>,
    pub created_at: i64,
    pub activates_at: i64,
    pub compromised_at: Option<i64>,
    /// Sessions that it signed have yet to end.
    pub revoking: bool,
}

impl ActiveModelBehavior for ActiveModel {}
