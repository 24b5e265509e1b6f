//! `authpi_account_domain`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_account_domain")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub host: String,
    pub account_id: Uuid,
    pub verified_at: Option<i64>,
    pub is_primary: bool,
    pub assigned_issuer_id: Option<Uuid>,
    pub assigned_at: Option<i64>,
    pub added_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
