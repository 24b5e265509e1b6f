//! `authpi_credit`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_credit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    pub balance: i64,
    pub sequence: i64,
    pub open_period: i64,
    pub granted_period: Option<i64>,
    pub grant_entry: Option<Uuid>,
    pub grant_left: i64,
}

impl ActiveModelBehavior for ActiveModel {}
