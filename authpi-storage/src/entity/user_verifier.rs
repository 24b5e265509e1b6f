//! `authpi_user_verifier`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_user_verifier")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub issuer_id: Uuid,
    pub user_id: Uuid,
    pub method: String,
    pub name: Option<String>,
    /// Hash of a password, sealed seed.
    pub secret: Option<Vec<u8>>,
    pub last_step: Option<i64>,
    pub codes: Option<i64>,
    pub codes_left: Option<i64>,
    pub expires_at: Option<i64>,
    pub secret_at: i64,
    /// Somebody else than the user set it.
    pub by_another: bool,
    pub failed: i64,
    pub locked_until: Option<i64>,
    pub last_used_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
