//! `GET /sso/discover` (idp §20): does an address belong to an organization with an identity provider of its own?

use async_trait::async_trait;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::guard;
use crate::error::{FieldCode, Refusal};
use crate::hostname::Hostname;
use crate::id::OrganizationId;
use crate::login::browser::Browser;
use crate::login::model::FlowCookie;
use crate::mailbox::Mailbox;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::sso::{Sso, SsoProtocol, SsoProvider};
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::rate_limit::BucketKey;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// Where people with an address in some domain sign in. It tells of domains, never of users.
#[derive(Serialize, ToSchema)]
#[schema(as = SsoDiscovery)]
struct DiscoveryView {
    /// There is an organization for it.
    sso: bool,
    #[serde(flatten)]
    #[schema(inline)]
    found: Option<FoundView>,
}

#[derive(Serialize, ToSchema)]
struct FoundView {
    org_id: OrganizationId,
    org_name: Option<String>,
    #[schema(inline)]
    connection: ConnectionView,
    /// Members have no other way in.
    required: bool,
}

#[derive(Serialize, ToSchema)]
struct ConnectionView {
    /// The protocol.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: SsoProtocol,
    /// What people know it by.
    name: String,
}

/// `discoverSso`
pub(super) struct DiscoverSso;

#[async_trait]
impl Runtime for DiscoverSso {
    type Prepared = ();

    fn route(&self) -> Route {
        Route::get("/{issuer_id}/sso/discover")
            .named("discoverSso", "Find the identity provider that an address belongs to")
            .about("login flows", "address")
            .of_issuer(RateClass::SsoDiscovery)
            .shared_with_pages()
            .form([FormParameter::new("email", "The address.").required()])
            .may_refuse(&[400, 401, 403])
            .answers_bare::<DiscoveryView>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<()>, Refusal> {
        if !call.is_repeated() {
            let bucket = BucketKey::of_address(call.address());
            guard::told(call, None, "sso", call.services().limits.take(RateClass::SsoDiscovery, bucket)).await?;
        }
        guard::same_origin(call)?;
        admit(call).await?;
        let address = call.query()?.get("email").map(str::trim).and_then(Mailbox::parse);
        let address =
            address.ok_or_else(|| Refusal::field("email", FieldCode::InvalidFormat, "must be an e-mail address"))?;
        let wire = address.lower_cased().on_the_wire();
        let domain = wire.rsplit_once('@').and_then(|(_, domain)| domain.parse().ok());
        let found = match domain {
            Some(domain) => found(call, &domain).await?,
            None => None,
        };
        let view = DiscoveryView { sso: found.is_some(), found };
        Ok(Step::Answer(Answer::json(StatusCode::OK, &view)))
    }

    async fn apply(&self, _: &mut Change<'_>, _: &IssuerCall, (): &()) -> Result<Answer, Refusal> {
        Err(Refusal::internal("nothing is to be changed"))
    }
}

/// The page of a login that lives, in its own browser; or the portal of the deployment (D117).
async fn admit(call: &IssuerCall) -> Result<(), Refusal> {
    const REFUSED: OAuthError = OAuthError::new(
        OAuthCode::UnauthorizedClient,
        "The header Authpi-Portal must carry the ticket of a login, or the secret of the portal.",
    );
    let presented = call.header(&guard::PORTAL).unwrap_or_default();
    if call.services().options.portal_secret.as_ref().is_some_and(|secret| secret.is(presented)) {
        return Ok(());
    }
    let flow = FlowCookie::flow_of(presented).ok_or(REFUSED)?;
    let browser = Browser::of(call).await?;
    if !browser.is_ticket(flow, presented) {
        return Err(REFUSED.into());
    }
    let found = call.services().store.reads().logins().flow(call.issuer_id(), flow).await?;
    let lives = found.is_some_and(|found| found.browser.is(&browser.visitor.mark) && found.expires_at > call.now());
    if lives { Ok(()) } else { Err(REFUSED.into()) }
}

async fn found(call: &IssuerCall, domain: &Hostname) -> Result<Option<FoundView>, Refusal> {
    let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
    let Some(owner) = reads.connections().owner(issuer, domain).await? else { return Ok(None) };
    let Some(organization) = reads.organizations().find(issuer, owner).await? else { return Ok(None) };
    let sso = &organization.sso;
    let is_proven = sso.domain(domain).is_some_and(|domain| domain.verified_at.is_some());
    if !organization.is_active() || !sso.settings.enabled || !is_proven {
        return Ok(None);
    }
    Ok(Some(FoundView {
        org_id: organization.id,
        connection: ConnectionView { kind: sso.settings.protocol, name: known_as(sso) },
        required: sso.settings.sso_only,
        org_name: organization.details.name,
    }))
}

/// The product, or the host where nobody knows more.
fn known_as(sso: &Sso) -> String {
    let name = match sso.settings.provider {
        SsoProvider::Okta => "Okta",
        SsoProvider::Entra => "Microsoft Entra ID",
        SsoProvider::Google => "Google Workspace",
        SsoProvider::Generic => {
            let url = sso.settings.issuer_url.as_deref().and_then(|url| url::Url::parse(url).ok());
            return url.as_ref().and_then(url::Url::host_str).unwrap_or_default().to_owned();
        }
    };
    name.to_owned()
}
