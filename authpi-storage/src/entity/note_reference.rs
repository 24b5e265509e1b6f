//! `authpi_note_reference`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_note_reference")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub note_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub ref_type: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub ref_id: Uuid,
    pub account_id: Uuid,
    pub issuer_id: Uuid,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
