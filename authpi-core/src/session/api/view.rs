//! Sessions as answers show them. What verifies the cookie, and tokens, are not there to be shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{ClientId, IssuerId, SessionId, UserId};
use crate::metadata::Metadata;
use crate::session::model::{Authentication, Device, Location, SessionStatus, UserSession};
use crate::timestamp::Timestamp;

/// A session on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PublicSession)]
pub(super) struct SessionView {
    id: SessionId,
    user_id: UserId,
    issuer_id: IssuerId,
    /// `op`: single sign-on at the issuer; `rp`: of one client.
    #[serde(rename = "type")]
    kind: &'static str,
    status: SessionStatus,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    authentication: Authentication,
    /// The session at the issuer that it came from.
    op_session_id: Option<SessionId>,
    device: Device,
    location: Location,
    origin: Option<String>,
    /// Seconds in all.
    ttl: u32,
    /// Seconds without activity.
    idle_timeout: u32,
    last_activity_at: Timestamp,
    access_token_issued_at: Option<Timestamp>,
    refresh_token_issued_at: Option<Timestamp>,
    refresh_count: u32,
    compromised: bool,
    compromised_at: Option<Timestamp>,
    compromised_reason: Option<String>,
    revoked_reason: Option<String>,
    revoked_at: Option<Timestamp>,
    expires_at: Timestamp,
    client: Option<SessionClient>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The client of a session.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SessionClient {
    id: ClientId,
    name: String,
}

impl SessionView {
    /// As it is at `now`.
    pub(super) fn of(session: &UserSession, now: Timestamp) -> Self {
        let status = session.status_at(now);
        let has_lapsed = session.is_live() && status == SessionStatus::Expired;
        let (rp, compromise) = (session.kind.rp(), session.compromise.as_ref());
        let details = session.details.clone();
        let (status_at, status_reason, status_by) = session.status.shown(has_lapsed.then(|| session.lapses_at()));
        Self {
            id: session.id,
            user_id: session.user_id,
            issuer_id: session.issuer_id,
            kind: session.kind.as_str(),
            status,
            status_at,
            status_reason,
            status_by,
            authentication: details.authentication,
            op_session_id: rp.map(|rp| rp.op_session_id),
            device: details.device,
            location: details.location,
            origin: details.origin,
            ttl: session.lifetime.ttl,
            idle_timeout: session.lifetime.idle_timeout,
            last_activity_at: session.lifetime.last_activity_at,
            access_token_issued_at: session.tokens.access_at,
            refresh_token_issued_at: session.tokens.refresh_at,
            refresh_count: session.tokens.refresh_count,
            compromised: compromise.is_some(),
            compromised_at: compromise.map(|compromise| compromise.at),
            compromised_reason: compromise.map(|compromise| compromise.reason.clone()),
            revoked_reason: session.revoked_reason.clone(),
            revoked_at: session.ended_at.filter(|_| status == SessionStatus::Revoked),
            expires_at: session.lifetime.expires_at,
            client: rp.map(|rp| SessionClient { id: rp.client_id, name: rp.client_name.clone() }),
            metadata: session.metadata.clone(),
            created_at: session.created_at,
            updated_at: session.updated_at,
        }
    }
}
