//! `authpi_mail_proof`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_mail_proof")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub issuer_id: Uuid,
    pub flow_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    pub purpose: String,
    pub browser: Vec<u8>,
    pub token: Vec<u8>,
    pub code: Vec<u8>,
    pub failed: i64,
    pub sealed: Vec<u8>,
    pub spent: bool,
    pub expires_at: i64,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
