//! `authpi_user_record`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_user_record")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    pub issuer_id: Uuid,
    pub status_at: Option<i64>,
    pub status_reason: Option<String>,
    pub status_by: Option<String>,
    pub username: String,
    pub origin: String,
    /// An object without members when none was needed.
    pub approval: Json,
    pub last_login_at: Option<i64>,
    pub details: Json,
    pub metadata: Json,
}

impl ActiveModelBehavior for ActiveModel {}
