//! `authpi_platform`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_platform")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub only_row: i64,
    pub issuer_id: Uuid,
    pub account_id: Uuid,
}

impl ActiveModelBehavior for ActiveModel {}
