//! What users give by themselves, done in process: the portal is where they do.

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::delegation::model::{GrantedBy, NewDelegation};
use authpi_core::delegation::operations as delegations;
use authpi_core::error::Refusal;
use authpi_core::event::model::Actor;
use authpi_core::id::{AccountId, AgentId, IssuerId, UserId};
use authpi_core::metadata::Metadata;
use authpi_core::store::Change;
use authpi_core::token::model::{PersonalTokenDetails, TokenRestrictions};
use authpi_core::token::operations::{self as tokens, NewPersonalToken};

use crate::App;

struct Gifts {
    place: (AccountId, IssuerId),
    user: UserId,
    agent: AgentId,
}

#[async_trait]
impl Work for Gifts {
    type Output = (String, String);

    fn account(&self) -> AccountId {
        self.place.0
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.place.1)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(String, String), Refusal> {
        let (issuer, user_id) = (self.place.1, self.user);
        change.act_as(Actor::user(user_id));
        let token = NewPersonalToken {
            user_id,
            details: PersonalTokenDetails { name: "own".to_owned(), ..PersonalTokenDetails::default() },
            restrictions: TokenRestrictions::default(),
            expires_at: None,
            audience: "https://api.example.com".to_owned(),
            jti: "0123456789abcdefgh".to_owned(),
            metadata: Metadata::default(),
        };
        let token = tokens::create(change, issuer, token).await?;
        let delegation = NewDelegation {
            user_id,
            agent_id: self.agent,
            client_id: None,
            org_id: None,
            scopes: ["a:read".parse().map_err(Refusal::internal)?].into_iter().collect(),
            expires_at: None,
            granted_by: GrantedBy::User,
            reason: None,
            metadata: Metadata::default(),
        };
        let delegation = delegations::grant(change, issuer, delegation).await?;
        Ok((token.id.to_string(), delegation.id.to_string()))
    }
}

impl App {
    /// A user of the issuer at `issuer` makes a personal token, and lets an agent act for them; returns both ids.
    pub async fn gifts_of(&self, issuer: &str, user: &str, agent: &str) -> (String, String) {
        let mut parts = issuer.trim_start_matches("/v1/accounts/").split("/issuers/");
        let place = (parts.next().unwrap().parse().unwrap(), parts.next().unwrap().parse().unwrap());
        let work = Gifts { place, user: user.parse().unwrap(), agent: agent.parse().unwrap() };
        self.authpi.run(&work).await.unwrap()
    }
}
