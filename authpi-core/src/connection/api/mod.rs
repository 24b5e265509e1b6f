//! Endpoints of single sign-on; its settings are changed with the organization (core-api section 20).

mod discovery;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{Connection, Evidence};
use super::operations;
use crate::error::Refusal;
use crate::hostname::Hostname;
use crate::id::{IssuerId, OrganizationId};
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Write};
use crate::web::route::Route;

pub use discovery::{discovered, written};
pub use view::{SsoMember, SsoSent, SsoView};

const DOMAINS: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/sso/domains";
const DOMAIN: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/sso/domains/{domain}";
const VERIFY: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/sso/domains/{domain}/verify";
const ROTATE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/sso/rotate-secret";

/// Operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::write(AddDomain),
        Operation::write(VerifyDomain),
        Operation::write(RemoveDomain),
        Operation::write(RotateSecret),
    ]
}

fn changes(route: Route, name: &'static str, summary: &'static str) -> Route {
    route.named(name, summary).about("sso", "organization").scope("issuers.organizations.sso:write").conditional()
}

/// The connection of the organization in the path, in the version that the caller expects.
async fn existing<B: Body, P: Sync>(
    change: &Change<'_>,
    call: &Call<B, P>,
    issuer: IssuerId,
    organization: OrganizationId,
) -> Result<Connection, Refusal> {
    let found = change.reads().connections().find(issuer, organization).await?.ok_or(Refusal::NotFound)?;
    call.precondition(found.updated_at)?;
    Ok(found)
}

/// Body of `AddDomain`.
#[derive(Debug, Deserialize, ToSchema)]
struct NewDomain {
    /// The part of an address behind the `@`.
    domain: Hostname,
}

impl Body for NewDomain {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("AddSsoDomain"))
    }
}

/// The record that proves a domain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SsoDomainChallenge)]
struct ChallengeView {
    domain: Hostname,
    txt_record_name: String,
    txt_record_value: String,
}

/// `addSsoDomain`
struct AddDomain;

#[async_trait]
impl Write for AddDomain {
    type Body = NewDomain;
    type Prepared = ();

    fn route(&self) -> Route {
        changes(Route::post(DOMAINS), "addSsoDomain", "Add a domain to single sign-on, which then has to be verified")
            .answers::<ChallengeView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<NewDomain>) -> Result<Answer, Refusal> {
        let (issuer, organization) = call.path()?;
        let before = existing(change, call, issuer, organization).await?;
        let name = call.body()?.domain.clone();
        let (after, domain) = operations::add_domain(change, before, name).await?;
        let view = ChallengeView {
            txt_record_name: domain.record_name(),
            txt_record_value: domain.record_value(),
            domain: domain.domain,
        };
        Ok(Answer::created(view).etag(after.updated_at))
    }
}

/// What came of the look-up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SsoDomainVerification)]
struct VerificationView {
    verified: bool,
    /// `record_not_found`, `value_mismatch` or `dns_error`.
    error: Option<&'static str>,
}

/// `verifySsoDomain`
struct VerifyDomain;

#[async_trait]
impl Write for VerifyDomain {
    type Body = NoBody;
    type Prepared = Evidence;

    fn route(&self) -> Route {
        changes(Route::post(VERIFY), "verifySsoDomain", "Look for the DNS record that proves a domain")
            .answers::<VerificationView>(200)
    }

    async fn prepare(&self, call: &Call) -> Result<Evidence, Refusal> {
        let Ok((issuer, organization, name)) = call.path::<(IssuerId, OrganizationId, Hostname)>() else {
            return Ok(Evidence::Unasked);
        };
        let reads = call.services().store.reads();
        // Only names that an organization of the account has claimed are looked up for it.
        if reads.issuers().head(call.account()?, issuer).await?.is_none() {
            return Ok(Evidence::Unasked);
        }
        let known = reads.connections().find(issuer, organization).await?;
        let domain = known.as_ref().and_then(|known| known.sso.domain(&name));
        let Some(domain) = domain.filter(|domain| domain.verified_at.is_none()) else { return Ok(Evidence::Unasked) };
        Ok(match call.services().transport.dns.txt(&domain.record_name()).await {
            Ok(texts) => Evidence::Answered(texts),
            Err(_) => Evidence::Unanswered,
        })
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<NoBody, Evidence>) -> Result<Answer, Refusal> {
        let (issuer, organization, name) = call.path::<(IssuerId, OrganizationId, Hostname)>()?;
        let found = change.reads().connections().find(issuer, organization).await?;
        let before = found.filter(|found| found.sso.domain(&name).is_some()).ok_or(Refusal::NotFound)?;
        call.precondition(before.updated_at)?;
        let (after, problem) = operations::verify_domain(change, before, &name, call.prepared()).await?;
        let view = VerificationView { verified: problem.is_none(), error: problem.map(|problem| problem.as_str()) };
        Ok(Answer::of(view).etag(after.updated_at))
    }
}

/// A domain that was removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RemovedSsoDomain)]
struct RemovedView {
    domain: Hostname,
    deleted: bool,
}

/// `removeSsoDomain`
struct RemoveDomain;

#[async_trait]
impl Write for RemoveDomain {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        changes(Route::delete(DOMAIN), "removeSsoDomain", "Remove a domain from single sign-on")
            .answers::<RemovedView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, organization, name) = call.path::<(IssuerId, OrganizationId, Hostname)>()?;
        let found = change.reads().connections().find(issuer, organization).await?;
        let before = found.filter(|found| found.sso.domain(&name).is_some()).ok_or(Refusal::NotFound)?;
        call.precondition(before.updated_at)?;
        let after = operations::remove_domain(change, before, &name).await?;
        Ok(Answer::of(RemovedView { domain: name, deleted: true }).etag(after.updated_at))
    }
}

/// A client secret, shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = SsoSecret)]
struct SecretView {
    secret: String,
}

/// `rotateSsoSecret`
struct RotateSecret;

#[async_trait]
impl Write for RotateSecret {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        changes(Route::post(ROTATE), "rotateSsoSecret", "Make a new client secret for single sign-on, shown this once")
            .answers::<SecretView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, organization) = call.path()?;
        let before = existing(change, call, issuer, organization).await?;
        let (after, secret) = operations::rotate_secret(change, before).await?;
        Ok(Answer::of(SecretView { secret: secret.expose().to_owned() }).etag(after.updated_at))
    }
}
