//! Changes that nobody asked for just now.

use std::sync::Arc;

use crate::error::Refusal;
use crate::event::model::{Actor, ContextDetail, RequestContext, Trigger};
use crate::id::{AccountId, IssuerId};
use crate::store::{Change, ChangeContext};
use crate::web::services::{Origin, Services};

/// The context of changes below an issuer that the clock brings about.
pub(super) async fn context(
    services: &Services,
    account: AccountId,
    issuer: IssuerId,
) -> Result<ChangeContext<'_>, Refusal> {
    let root = services.root_for(Some(issuer)).await?;
    let origin = Origin {
        account_id: account,
        actor: Actor::System,
        trigger: Trigger::Schedule,
        trace: None,
        request: RequestContext::default(),
        detail: ContextDetail::None,
    };
    Ok(services.change_context(origin, root))
}

/// Begins such a change.
pub(super) async fn begin<'c>(services: &Arc<Services>, context: &'c ChangeContext<'c>) -> Result<Change<'c>, Refusal> {
    Ok(Change::new(services.store.begin(services.now()).await?, context))
}
