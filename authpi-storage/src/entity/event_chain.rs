//! `authpi_event_chain`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_event_chain")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    pub sequence: i64,
    pub head: Vec<u8>,
    pub event_id: Option<Uuid>,
    pub first_sequence: i64,
    pub first_at: Option<i64>,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
