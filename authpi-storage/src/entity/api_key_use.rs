//! `authpi_api_key_use`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_api_key_use")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub most: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub window_seconds: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub starts_at: i64,
    pub ends_at: i64,
    pub taken: i64,
    pub warned: bool,
    pub exceeded: bool,
}

impl ActiveModelBehavior for ActiveModel {}
