//! `authpi_statement`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_statement")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub period: i64,
    pub status: String,
    pub total: i64,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
