//! `authpi_login_tries`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_login_tries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub issuer_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub counted: Vec<u8>,
    pub failed: i64,
    pub in_a_row: i64,
    pub locked_until: Option<i64>,
    pub kept_until: i64,
}

impl ActiveModelBehavior for ActiveModel {}
