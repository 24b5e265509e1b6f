//! `authpi_usage`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_usage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub period: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub dimension: String,
    pub uses: i64,
    pub free_uses: i64,
    pub settled: i64,
    pub entries: i64,
    pub pending: bool,
}

impl ActiveModelBehavior for ActiveModel {}
