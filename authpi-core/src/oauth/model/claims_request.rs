//! The `claims` parameter (OpenID Connect Core §5.5): single claims that a client asks for. It widens nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Claims that one answer asks for at most.
const MOST: usize = 100;

/// The parameter is no JSON object of the form that the standard gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("claims is malformed.")]
pub struct InvalidClaims;

/// What was asked for, kept with the grant. Unknown members are dropped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// For every UserInfo answer of the session.
    pub userinfo: Map<String, Value>,
    /// For every ID token of the session.
    pub id_token: Map<String, Value>,
}

/// How one claim is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Without it the client can do less; no error, save for `acr`.
    pub essential: bool,
    /// Only these values will do; empty: any.
    pub values: Vec<Value>,
}

impl ClaimsRequest {
    /// Parses the parameter.
    ///
    /// # Errors
    /// [`InvalidClaims`].
    pub fn parse(text: &str) -> Result<Self, InvalidClaims> {
        let Ok(Value::Object(mut members)) = serde_json::from_str(text) else { return Err(InvalidClaims) };
        let mut member = |name: &str| match members.remove(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(claims)) if claims.len() <= MOST && claims.values().all(is_request) => Ok(claims),
            Some(_) => Err(InvalidClaims),
        };
        Ok(Self { userinfo: member("userinfo")?, id_token: member("id_token")? })
    }

    /// Nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// How a claim of ID tokens is asked for.
    pub fn of_id_token(&self, name: &str) -> Option<Wanted> {
        self.id_token.get(name).map(wanted)
    }

    /// The names that are asked for anywhere.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.userinfo.keys().chain(self.id_token.keys()).map(String::as_str)
    }
}

/// How the claim is asked for.
pub fn wanted(request: &Value) -> Wanted {
    let members = request.as_object();
    let get = |name: &str| members.and_then(|members| members.get(name));
    let values = match (get("value"), get("values")) {
        (Some(value), _) => vec![value.clone()],
        (None, Some(Value::Array(values))) => values.clone(),
        _ => Vec::new(),
    };
    Wanted { essential: get("essential") == Some(&Value::Bool(true)), values }
}

impl Wanted {
    /// The claim with this value is what was asked for.
    pub fn is_met_by(&self, value: &Value) -> bool {
        self.values.is_empty() || self.values.contains(value)
    }
}

fn is_request(request: &Value) -> bool {
    match request {
        Value::Null => true,
        Value::Object(members) => {
            members.get("essential").is_none_or(Value::is_boolean) && members.get("values").is_none_or(Value::is_array)
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_example_of_the_standard_is_understood() {
        let text = r#"{"userinfo": {"given_name": {"essential": true}, "nickname": null, "http://example.info/claims/groups": null},
            "id_token": {"auth_time": {"essential": true}, "acr": {"values": ["urn:mace:incommon:iap:silver"]}}, "x": 1}"#;
        let request = ClaimsRequest::parse(text).unwrap();
        assert_eq!(request.userinfo.len(), 3);
        assert!(wanted(&request.userinfo["given_name"]).essential);
        let acr = request.of_id_token("acr").unwrap();
        assert!(
            !acr.essential && acr.is_met_by(&json!("urn:mace:incommon:iap:silver")) && !acr.is_met_by(&json!("aal2"))
        );
        assert_eq!(request.of_id_token("nickname"), None);
    }

    #[test]
    fn what_is_of_another_form_is_refused() {
        for bad in [
            "",
            "[]",
            "null",
            r#"{"userinfo": []}"#,
            r#"{"id_token": {"a": 1}}"#,
            r#"{"id_token": {"a": {"essential": 1}}}"#,
        ] {
            assert_eq!(ClaimsRequest::parse(bad), Err(InvalidClaims), "{bad}");
        }
        assert!(ClaimsRequest::parse("{}").unwrap().is_empty());
    }
}
