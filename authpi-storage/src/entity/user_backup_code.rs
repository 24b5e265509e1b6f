//! `authpi_user_backup_code`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_user_backup_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub verifier_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub issuer_id: Uuid,
    pub user_id: Uuid,
    pub hash: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
