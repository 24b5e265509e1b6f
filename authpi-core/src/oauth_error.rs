//! Errors of OAuth 2.0 and OpenID Connect (idp §1.5): codes that are registered for the protocol, with a fixed text.

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OAuthCode {
    /// A parameter is missing, malformed, repeated or not supported (RFC 6749 §4.1.2.1, §5.2).
    InvalidRequest,
    /// The body is not a form.
    InvalidContentType,
    /// The client is unknown, or has not proven who it is (RFC 6749 §5.2).
    InvalidClient,
    /// The code or token is not worth anything here (RFC 6749 §5.2).
    InvalidGrant,
    /// The client may not do this (RFC 6749 §5.2).
    UnauthorizedClient,
    /// RFC 6749 §5.2.
    UnsupportedGrantType,
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType,
    /// A scope that is unknown, malformed or beyond what was granted (RFC 6749 §5.2).
    InvalidScope,
    /// A resource that the client may not name (RFC 8707 §2).
    InvalidTarget,
    /// The user or a policy said no (RFC 6749 §4.1.2.1).
    AccessDenied,
    /// The token lacks a scope (RFC 6750 §3.1).
    InsufficientScope,
    /// The bearer token is not accepted (RFC 6750 §3.1).
    InvalidToken,
    /// The token is genuine, and the session behind it has ended or is frozen.
    SessionExpired,
    /// OpenID Connect Core §3.1.2.6.
    LoginRequired,
    /// OpenID Connect Core §3.1.2.6.
    ConsentRequired,
    /// OpenID Connect Core §3.1.2.6.
    InteractionRequired,
    /// OpenID Connect Core §3.1.2.6.
    AccountSelectionRequired,
    /// OpenID Connect Unmet Authentication Requirements §2.
    UnmetAuthenticationRequirements,
    /// OpenID Connect Core §3.1.2.6.
    RequestNotSupported,
    /// OpenID Connect Core §3.1.2.6.
    RequestUriNotSupported,
    /// The user is blocked.
    UserBlocked,
    /// An external identity must be linked by hand first.
    AccountLinkingRequired,
    /// Well-formed, and of no use as it stands: flows and the portal only.
    Unprocessable,
}

impl OAuthCode {
    /// The value of `error` on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidContentType => "invalid_content_type",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidToken => "invalid_token",
            Self::SessionExpired => "session_expired",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::UserBlocked => "user_blocked",
            Self::AccountLinkingRequired => "account_linking_required",
            Self::Unprocessable => "unprocessable",
        }
    }
}

/// An error as the protocol answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// Why, for programs.
    pub code: OAuthCode,
    /// Why, for developers: fixed English text of the characters of RFC 6749 §4.1.2.1, without any part of the input.
    pub description: &'static str,
}

impl OAuthError {
    /// An error.
    pub const fn new(code: OAuthCode, description: &'static str) -> Self {
        Self { code, description }
    }

    /// `invalid_request`
    pub const fn invalid_request(description: &'static str) -> Self {
        Self::new(OAuthCode::InvalidRequest, description)
    }

    /// `invalid_grant`
    pub const fn invalid_grant(description: &'static str) -> Self {
        Self::new(OAuthCode::InvalidGrant, description)
    }
}
