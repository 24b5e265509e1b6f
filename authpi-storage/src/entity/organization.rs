//! `authpi_organization`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_organization")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub issuer_id: Uuid,
    pub status: String,
    pub status_at: Option<i64>,
    pub status_reason: Option<String>,
    pub status_by: Option<String>,
    pub deleting: bool,
    pub mfa_required: bool,
    pub invitation_enabled: bool,
    pub n_members: i64,
    pub n_agents: i64,
    pub n_groups: i64,
    pub org_type: String,
    pub sso: Json,
    pub sso_enabled: bool,
    pub sso_only: bool,
    pub sso_secret: Option<Vec<u8>>,
    pub details: Json,
    pub metadata: Json,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
