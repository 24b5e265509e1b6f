//! `authpi_idempotency_record`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_idempotency_record")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub lookup: Vec<u8>,
    pub fingerprint: Option<Vec<u8>>,
    pub answer: Option<Vec<u8>>,
    pub expires_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
