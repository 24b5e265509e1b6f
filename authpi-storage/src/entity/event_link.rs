//! `authpi_event_link`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_event_link")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub event_id: Uuid,
    pub previous: Vec<u8>,
    pub content: Vec<u8>,
    pub context: Vec<u8>,
    pub linked_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
