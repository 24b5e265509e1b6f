//! `authpi_event`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub issuer_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    pub actor_user_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub actor_client_id: Option<Uuid>,
    pub org_id: Option<Uuid>,
    pub agent_id: Option<Uuid>,
    pub session_id: Option<Uuid>,
    pub kind: String,
    pub per_request: bool,
    pub source: String,
    pub trigger_kind: String,
    pub trace: Option<String>,
    pub actor: Json,
    pub subject: Json,
    pub data: Json,
    pub content_hash: Vec<u8>,
    pub context_hash: Vec<u8>,
    pub timestamp: i64,
}

impl ActiveModelBehavior for ActiveModel {}
