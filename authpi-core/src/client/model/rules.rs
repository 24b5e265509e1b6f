//! What must hold within and between the attributes of a client (idp §5, §25).

use serde_json::{Map, Value};

use super::jwks::{self, ClientJwks};
use super::uri::{self, ClientUri, InvalidUri, WebUri};
use super::{ApplicationType, ClientDetails, OpenIdSettings, TokenEndpointAuthMethod};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::urls::Urls;

const OPENID: &str = "settings.openid";

/// What a text in the settings must be.
#[derive(Clone, Copy)]
enum Syntax {
    /// Where a browser is sent, which may be an application on the device.
    Redirect,
    /// A document or endpoint on the web.
    Web,
    /// As browsers send it in `Origin`.
    Origin,
    /// An absolute URI of any scheme (RFC 8707 §2).
    Resource,
}

/// The members of `settings.openid` that are lists of such texts.
const LISTS: [(&str, Syntax); 4] = [
    ("redirect_uris", Syntax::Redirect),
    ("post_logout_redirect_uris", Syntax::Redirect),
    ("allowed_origins", Syntax::Origin),
    ("allowed_resources", Syntax::Resource),
];

/// Those that are one such text.
const SINGLES: [&str; 3] = ["jwks_uri", "frontchannel_logout_uri", "backchannel_logout_uri"];

/// Notes what is wrong with URIs and keys in a body, whatever the client is otherwise, so that it is reported together
/// with what the schema finds.
pub fn check_sent(sent: &Map<String, Value>, errors: &mut FieldErrors) {
    let openid = sent.get("settings").and_then(|settings| settings.get("openid"));
    let Some(openid) = openid.and_then(Value::as_object) else { return };
    for (name, syntax) in LISTS {
        let items = openid.get(name).and_then(Value::as_array).into_iter().flatten();
        for (index, text) in items.enumerate() {
            check_text(&format!("{OPENID}.{name}.{index}"), text.as_str(), syntax, errors);
        }
    }
    for name in SINGLES {
        check_text(&format!("{OPENID}.{name}"), openid.get(name).and_then(Value::as_str), Syntax::Web, errors);
    }
    let keys = openid.get("jwks").and_then(|set| set.get("keys")).and_then(Value::as_array);
    for (index, key) in keys.into_iter().flatten().enumerate() {
        if let Some(key) = key.as_object() {
            jwks::check_key(&format!("{OPENID}.jwks.keys.{index}"), key, errors);
        }
    }
}

fn check_text(path: &str, text: Option<&str>, syntax: Syntax, errors: &mut FieldErrors) {
    let Some(text) = text else { return };
    let found = match syntax {
        Syntax::Redirect => ClientUri::parse(text).map(|_| ()),
        Syntax::Web => WebUri::parse(text).map(|_| ()),
        Syntax::Resource => uri::check_absolute(text),
        Syntax::Origin => match WebUri::parse(text) {
            Ok(uri) if !uri.is_serialized_origin() => {
                let rule = "must be scheme, host and port alone, in lower case, without the default port";
                return errors.add(path, FieldCode::InvalidFormat, rule);
            }
            parsed => parsed.map(|_| ()),
        },
    };
    if let Err(fault) = found {
        errors.add(path, fault.code(), message(fault, syntax));
    }
}

fn message(fault: InvalidUri, syntax: Syntax) -> String {
    match (fault, syntax) {
        (InvalidUri::Scheme, Syntax::Web | Syntax::Origin) => "the scheme must be https".to_owned(),
        _ => fault.to_string(),
    }
}

impl ClientDetails {
    /// What must hold between the attributes, all problems together. Nothing of the client may lie under `reserved`, the
    /// base of this deployment; the platform issuer's own clients pass none.
    ///
    /// # Errors
    /// [`Refusal::Fields`].
    pub fn checked(self, reserved: Option<&Urls>) -> Result<Self, Refusal> {
        let mut errors = FieldErrors::new();
        self.check(reserved, &mut errors);
        errors.into_result()?;
        Ok(self)
    }

    /// Notes every problem there is.
    pub fn check(&self, reserved: Option<&Urls>, errors: &mut FieldErrors) {
        let rules = Rules { details: self, openid: &self.settings.openid };
        rules.kind(errors);
        rules.grants(errors);
        rules.authentication(errors);
        rules.lists(errors);
        rules.uris(reserved, errors);
    }
}

struct Rules<'a> {
    details: &'a ClientDetails,
    openid: &'a OpenIdSettings,
}

impl Rules<'_> {
    /// `native` and `spa` are public, `m2m` is confidential and has nowhere to redirect to.
    fn kind(&self, errors: &mut FieldErrors) {
        use ApplicationType::{M2m, Native, Spa, Web};
        match (self.openid.application_type, self.details.confidential) {
            (Native | Spa, true) => {
                errors.add("confidential", FieldCode::NotAllowed, "native and spa clients are public");
            }
            (M2m, false) => errors.add("confidential", FieldCode::NotAllowed, "m2m clients are confidential"),
            (Web, _) | (Native | Spa, false) | (M2m, true) => {}
        }
        if self.openid.application_type == M2m && !self.openid.redirect_uris.is_empty() {
            let path = format!("{OPENID}.redirect_uris");
            errors.add(path, FieldCode::NotAllowed, "m2m clients have no redirect URIs");
        }
    }

    fn grants(&self, errors: &mut FieldErrors) {
        let grants = self.details.grant_types();
        for (index, grant) in grants.iter().enumerate() {
            let path = || format!("{OPENID}.grant_types.{index}");
            if grant.needs_confidential() && !self.details.confidential {
                errors.add(path(), FieldCode::NotAllowed, "public clients cannot use this grant");
            }
            if !grant.needs_confidential() && self.openid.application_type == ApplicationType::M2m {
                errors.add(path(), FieldCode::NotAllowed, "m2m clients have no user whom this grant is for");
            }
            if grants.iter().take(index).any(|earlier| earlier == grant) {
                errors.add(path(), FieldCode::Duplicate, "is listed twice");
            }
        }
    }

    fn authentication(&self, errors: &mut FieldErrors) {
        let method = self.details.auth_method();
        let path = format!("{OPENID}.token_endpoint_auth_method");
        match (self.details.confidential, method == TokenEndpointAuthMethod::None) {
            (true, true) => errors.add(path, FieldCode::NotAllowed, "confidential clients authenticate"),
            (false, false) => errors.add(path, FieldCode::NotAllowed, "public clients cannot authenticate"),
            _ => {}
        }
        match (&self.openid.jwks, &self.openid.jwks_uri) {
            (Some(_), Some(_)) => {
                let rule = "contradicts settings.openid.jwks: only one of them";
                errors.add(format!("{OPENID}.jwks_uri"), FieldCode::NotAllowed, rule);
            }
            (None, None) if method == TokenEndpointAuthMethod::PrivateKeyJwt => {
                let rule = "private_key_jwt needs jwks or jwks_uri";
                errors.add(format!("{OPENID}.jwks"), FieldCode::Required, rule);
            }
            _ => {}
        }
        if let Some(ClientJwks { keys }) = &self.openid.jwks {
            for (index, key) in keys.iter().enumerate() {
                jwks::check_key(&format!("{OPENID}.jwks.keys.{index}"), key, errors);
            }
        }
    }

    /// The texts by themselves, and no text twice.
    fn lists(&self, errors: &mut FieldErrors) {
        for (name, syntax) in LISTS {
            let items = self.list(name);
            for (index, text) in items.iter().enumerate() {
                let path = format!("{OPENID}.{name}.{index}");
                check_text(&path, Some(text), syntax, errors);
                if items.iter().take(index).any(|earlier| earlier == text) {
                    errors.add(path, FieldCode::Duplicate, "is listed twice");
                }
            }
        }
        for (name, text) in self.singles() {
            check_text(&format!("{OPENID}.{name}"), text, Syntax::Web, errors);
        }
    }

    /// What depends on the rest: the schemes of applications, the base of the deployment, the front channel's origin.
    fn uris(&self, reserved: Option<&Urls>, errors: &mut FieldErrors) {
        let native = self.openid.application_type == ApplicationType::Native;
        for name in ["redirect_uris", "post_logout_redirect_uris"] {
            for (index, text) in self.list(name).iter().enumerate() {
                let path = format!("{OPENID}.{name}.{index}");
                if ClientUri::parse(text) == Ok(ClientUri::PrivateUse) && !native {
                    errors.add(path.as_str(), FieldCode::NotAllowed, "only native clients may use this scheme");
                }
                check_base(&path, text, reserved, errors);
            }
        }
        for (name, text) in self.singles() {
            // The keys of one issuer may be the keys of a client of another.
            if let Some(text) = text.filter(|_| name != "jwks_uri") {
                check_base(&format!("{OPENID}.{name}"), text, reserved, errors);
            }
        }
        let Some(Ok(frontchannel)) = self.openid.frontchannel_logout_uri.as_deref().map(WebUri::parse) else { return };
        let shares_origin =
            |text: &String| WebUri::parse(text).is_ok_and(|redirect| redirect.has_origin_of(&frontchannel));
        if !self.openid.redirect_uris.iter().any(shares_origin) {
            let rule = "must have scheme, host and port of a redirect URI";
            errors.add(format!("{OPENID}.frontchannel_logout_uri"), FieldCode::NotAllowed, rule);
        }
    }

    fn list(&self, name: &str) -> &[String] {
        match name {
            "redirect_uris" => &self.openid.redirect_uris,
            "post_logout_redirect_uris" => &self.openid.post_logout_redirect_uris,
            "allowed_origins" => &self.openid.allowed_origins,
            "allowed_resources" => &self.openid.allowed_resources,
            _ => &[],
        }
    }

    fn singles(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("jwks_uri", self.openid.jwks_uri.as_deref()),
            ("frontchannel_logout_uri", self.openid.frontchannel_logout_uri.as_deref()),
            ("backchannel_logout_uri", self.openid.backchannel_logout_uri.as_deref()),
        ]
    }
}

fn check_base(path: &str, text: &str, reserved: Option<&Urls>, errors: &mut FieldErrors) {
    let is_web = matches!(ClientUri::parse(text), Ok(ClientUri::Web(_)));
    if is_web && reserved.is_some_and(|base| uri::lies_under(text, base)) {
        errors.add(path, FieldCode::NotAllowed, "leads to this deployment itself");
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
