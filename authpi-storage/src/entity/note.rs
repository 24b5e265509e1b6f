//! `authpi_note`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_note")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub issuer_id: Uuid,
    pub subject_type: String,
    pub subject_id: Uuid,
    pub content: String,
    pub pinned: bool,
    pub created_by: String,
    pub updated_by: Option<String>,
    pub mentions: Json,
    pub refs: Json,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
