//! The JWT of a personal token (idp §8.5).

use serde::{Deserialize, Serialize};

use super::token::PersonalToken;
use crate::id::{TokenId, UserId};
use crate::scope::Scope;

/// What stands before the JWT.
pub const PREFIX: &str = "ptk_";

/// `typ` of the header, so that without its prefix it passes for no access token.
pub const TYP: &str = "pat+jwt";

/// What a personal token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenClaims {
    /// URL of the issuer.
    pub iss: String,
    /// The token itself; the person is [`TokenClaims::user_id`].
    pub sub: TokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// Who it is meant for.
    pub aud: String,
    /// Unix seconds.
    pub exp: i64,
    /// Unix seconds.
    pub iat: i64,
    /// 18 random letters and digits.
    pub jti: String,
    /// Scopes, separated by spaces.
    pub scope: String,
    /// What kind of credential it is.
    pub dat: CredentialKind,
}

/// `dat`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CredentialKind {
    /// A personal token.
    Token,
}

impl TokenClaims {
    /// The claims of a token of the issuer at this URL.
    pub fn of(token: &PersonalToken, issuer_url: String) -> Self {
        let scopes: Vec<_> = token.restrictions.scopes.iter().map(Scope::as_str).collect();
        Self {
            iss: issuer_url,
            sub: token.id,
            user_id: token.user_id,
            aud: token.audience.clone(),
            exp: token.expires_at.as_seconds(),
            iat: token.created_at.as_seconds(),
            jti: token.jti.clone(),
            scope: scopes.join(" "),
            dat: CredentialKind::Token,
        }
    }

    /// They are the claims of this very token.
    pub fn is_of(&self, token: &PersonalToken) -> bool {
        self.sub == token.id && self.user_id == token.user_id && self.jti == token.jti
    }
}
