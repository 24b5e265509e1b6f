//! Claims about a user (OpenID Connect Core §5.1), as their profile states them (idp §16). What is not known is left out.

use serde_json::{Map, Value};

use crate::address::Address;
use crate::custom_fields::FieldDefinitions;
use crate::oauth::model::{ClaimsRequest, wanted};
use crate::scope::{Scope, Scopes};
use crate::user::model::{User, UsernameType};

/// Claims and the scopes that carry them (OpenID Connect Core §5.4).
const CARRIERS: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("phone", &["phone_number", "phone_number_verified"]),
    ("address", &["address"]),
];

/// The scope that carries a standard claim.
pub(super) fn carrier(claim: &str) -> Option<&'static str> {
    CARRIERS.iter().find(|(_, claims)| claims.contains(&claim)).map(|(scope, _)| *scope)
}

/// All that is known of a user in standard claims.
pub(super) fn standard(user: &User) -> Map<String, Value> {
    let profile = &user.details.profile;
    let joined = || {
        let names: Vec<_> = [&profile.first_name, &profile.last_name].into_iter().flatten().cloned().collect();
        (!names.is_empty()).then(|| names.join(" "))
    };
    let own_name = || {
        let is_name = user.username.kind() == UsernameType::UniqueName;
        is_name.then(|| user.username.as_str().to_owned())
    };
    let email = user.email().map(str::to_owned);
    let phone = user.phone().map(str::to_owned);
    let (email_verified, phone_verified) =
        (email.is_some().then_some(profile.email_verified), phone.is_some().then_some(profile.phone_verified));
    let known: [(&str, Option<Value>); 19] = [
        ("name", profile.display_name.clone().or_else(joined).map(Value::from)),
        ("given_name", profile.first_name.clone().map(Value::from)),
        ("family_name", profile.last_name.clone().map(Value::from)),
        ("middle_name", profile.middle_name.clone().map(Value::from)),
        ("nickname", profile.nickname.clone().map(Value::from)),
        ("preferred_username", profile.preferred_username.clone().or_else(own_name).map(Value::from)),
        ("profile", profile.profile_url.clone().map(Value::from)),
        ("picture", profile.picture_url.clone().map(Value::from)),
        ("website", profile.website.clone().map(Value::from)),
        ("gender", profile.gender.clone().map(Value::from)),
        ("birthdate", profile.birthdate.clone().map(Value::from)),
        ("zoneinfo", profile.timezone.clone().map(Value::from)),
        ("locale", profile.locale.clone().map(Value::from)),
        ("updated_at", Some(user.updated_at.as_seconds().into())),
        ("email", email.map(Value::from)),
        ("email_verified", email_verified.map(Value::from)),
        ("phone_number", phone.map(Value::from)),
        ("phone_number_verified", phone_verified.map(Value::from)),
        ("address", profile.address.as_ref().map(address)),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// OpenID Connect Core §5.1.1.
fn address(address: &Address) -> Value {
    let street: Vec<_> = [&address.line1, &address.line2].into_iter().flatten().map(String::as_str).collect();
    let street = (!street.is_empty()).then(|| street.join("\n"));
    let place: Vec<_> = [&address.postal_code, &address.city].into_iter().flatten().map(String::as_str).collect();
    let lines = [street.clone(), (!place.is_empty()).then(|| place.join(" ")), address.state.clone()];
    let mut lines: Vec<_> = lines.into_iter().flatten().collect();
    lines.push(address.country.clone());
    let members = [
        ("formatted", Some(lines.join("\n"))),
        ("street_address", street),
        ("locality", address.city.clone()),
        ("region", address.state.clone()),
        ("postal_code", address.postal_code.clone()),
        ("country", Some(address.country.clone())),
    ];
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))))
        .collect::<Map<_, _>>()
        .into()
}

/// The standard claims that scopes and single requests ask for. A claim that is asked for alone needs the scope that
/// carries it among those of the client.
pub(super) fn selected(
    known: &Map<String, Value>,
    scopes: &[String],
    asked: &Map<String, Value>,
    ceiling: &Scopes,
) -> Map<String, Value> {
    let carried = |name: &str| carrier(name).is_some_and(|scope| scopes.iter().any(|granted| granted == scope));
    let allowed = |name: &str| {
        carrier(name).is_some_and(|carrier| ceiling.iter().map(Scope::as_str).any(|scope| scope == carrier))
    };
    let is_due = |(name, value): &(&String, &Value)| match asked.get(*name) {
        // Another value than the one that is asked for is of no use to who asks (idp §4.7).
        Some(request) => (carried(name) || allowed(name)) && wanted(request).is_met_by(value),
        None => carried(name),
    };
    known.iter().filter(is_due).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Custom fields that are claims.
pub(super) fn custom(fields: &Map<String, Value>, definitions: &FieldDefinitions) -> Map<String, Value> {
    let claims =
        fields.iter().filter(|(name, _)| definitions.get(name.as_str()).is_some_and(|definition| definition.claim));
    claims.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// As much of a request as the scopes of the client let through now: a scope that it gains later gives nothing that nobody
/// was asked about.
pub(super) fn within(request: &ClaimsRequest, ceiling: &Scopes) -> ClaimsRequest {
    let is_allowed =
        |name: &String| carrier(name).is_none_or(|scope| ceiling.iter().any(|allowed| allowed.as_str() == scope));
    let kept = |claims: &Map<String, Value>| {
        claims.iter().filter(|(name, _)| is_allowed(name)).map(|(name, how)| (name.clone(), how.clone())).collect()
    };
    ClaimsRequest { userinfo: kept(&request.userinfo), id_token: kept(&request.id_token) }
}

/// The scopes that single claims need, so that they are consented with.
pub(super) fn scopes_of(request: &ClaimsRequest, ceiling: &Scopes) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for scope in request.names().filter_map(carrier) {
        let is_allowed = ceiling.iter().any(|allowed| allowed.as_str() == scope);
        if is_allowed && !found.iter().any(|known| known == scope) {
            found.push(scope.to_owned());
        }
    }
    found
}

/// `sub` with a value: only this user will do.
pub(super) fn demanded_subject(request: &ClaimsRequest) -> Option<String> {
    let sub = request.of_id_token("sub").or_else(|| request.userinfo.get("sub").map(wanted))?;
    sub.values.first().and_then(|value| value.as_str()).map(str::to_owned)
}

/// `acr` with values, which count as `acr_values`; the flag says that nothing less will do.
pub(super) fn demanded_classes(request: &ClaimsRequest) -> Option<(Vec<String>, bool)> {
    let acr = request.of_id_token("acr")?;
    let values: Vec<_> = acr.values.iter().filter_map(|value| value.as_str()).map(str::to_owned).collect();
    (!values.is_empty()).then_some((values, acr.essential))
}

/// Members of a JSON object in one.
pub(super) fn merged(mut base: Map<String, Value>, more: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in more {
        base.entry(name).or_insert(value);
    }
    base
}
