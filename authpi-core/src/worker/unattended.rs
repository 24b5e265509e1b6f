//! Changes that nobody asked for just now.

use crate::error::Refusal;
use crate::event::model::Trigger;
use crate::id::{AccountId, IssuerId};
use crate::store::{Change, ChangeContext};
use crate::web::services::{Origin, Services};

/// The context of changes below an issuer, or without one below an account, that the clock brings about.
pub(super) async fn context(
    services: &Services,
    account: AccountId,
    issuer: Option<IssuerId>,
) -> Result<ChangeContext<'_>, Refusal> {
    let root = services.root_for(issuer).await?;
    Ok(services.change_context(Origin::of_instance(account, Trigger::Schedule), root))
}

/// Begins such a change.
pub(super) async fn begin<'c>(services: &Services, context: &'c ChangeContext<'c>) -> Result<Change<'c>, Refusal> {
    Ok(Change::new(services.store.begin(services.now()).await?, context))
}
