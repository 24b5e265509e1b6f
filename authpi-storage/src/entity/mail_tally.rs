//! `authpi_mail_tally`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_mail_tally")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub issuer_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub template: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub about: Uuid,
    pub started_at: i64,
    pub sent: i64,
    pub folded: i64,
}

impl ActiveModelBehavior for ActiveModel {}
