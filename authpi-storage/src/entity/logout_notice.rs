//! `authpi_logout_notice`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_logout_notice")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub session_id: Uuid,
    pub issuer_id: Uuid,
    pub client_id: Uuid,
    pub user_id: Uuid,
    pub attempts: i64,
    pub leases_taken: i64,
    pub due_at: i64,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
