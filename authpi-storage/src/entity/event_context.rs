//! `authpi_event_context`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_event_context")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    pub root_issuer_id: Uuid,
    pub sealed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
