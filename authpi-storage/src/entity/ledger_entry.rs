//! `authpi_ledger_entry`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_ledger_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub sequence: i64,
    pub entry_type: String,
    pub amount: i64,
    pub balance_after: i64,
    pub operation: Option<String>,
    pub reference: Option<String>,
    pub related_entry_id: Option<Uuid>,
    pub dimension: Option<String>,
    pub config_version: Option<String>,
    pub external_reference: Option<String>,
    pub expires_at: Option<i64>,
    pub settled_total: Option<i64>,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
