//! Clients learn that sessions of theirs have ended (OpenID Connect Back-Channel Logout 1.0; idp §17.2): in this very unit
//! of work it is written down whom to tell, and a worker does.

use crate::error::Refusal;
use crate::id::ClientId;
use crate::logout::model::LogoutNotice;
use crate::session::model::UserSession;
use crate::store::Change;

/// Notes which clients are to be told of sessions of one issuer that have ended. One question answers which of them want
/// to be, however many sessions there are; those that never had a token do not know of their session.
pub(super) async fn tell(change: &mut Change<'_>, ended: &[UserSession]) -> Result<(), Refusal> {
    let known = ended.iter().filter(|session| session.tokens.access_at.is_some());
    let of_clients: Vec<_> = known.filter_map(|session| Some((session, session.kind.rp()?.client_id))).collect();
    let Some((first, _)) = of_clients.first() else { return Ok(()) };
    let (issuer, now) = (first.issuer_id, change.now());
    let mut clients: Vec<_> = of_clients.iter().map(|(_, client)| *client).collect();
    clients.sort_unstable();
    clients.dedup();
    let details = change.reads().clients().details_of(issuer, &clients).await?;
    let wants = details.into_iter().filter(|(_, client)| client.settings.openid.backchannel_logout_uri.is_some());
    let wants: Vec<ClientId> = wants.map(|(client, _)| client).collect();
    for (session, client) in of_clients.into_iter().filter(|(_, client)| wants.contains(client)) {
        let notice = LogoutNotice::new(issuer, session.id, (client, session.user_id), now);
        change.unit().logouts().enqueue(&notice).await?;
    }
    Ok(())
}
