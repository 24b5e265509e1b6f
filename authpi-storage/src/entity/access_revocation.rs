//! `authpi_access_revocation`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_access_revocation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    pub issuer_id: Uuid,
    pub account_id: Uuid,
    pub ordered_at: i64,
    pub reason: Option<String>,
    pub ordered_by: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
