//! `authpi_mail`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_mail")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub issuer_id: Uuid,
    pub user_id: Option<Uuid>,
    pub org_id: Option<Uuid>,
    pub invitation_id: Option<Uuid>,
    pub template: String,
    pub cause: Option<Uuid>,
    pub recipient_hash: Vec<u8>,
    pub sealed: Vec<u8>,
    pub attempts: i64,
    pub leases_taken: i64,
    pub due_at: i64,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
