//! `settings.roles`: the roles that every organization of the issuer can give (core-api 12.2).

use crate::error::{FieldCode, FieldErrors};
use crate::named::Named;
use crate::role::{self, BUILT_IN, MAX_ROLES, RoleDefinition};

/// Roles by name.
pub type RoleSettings = Named<RoleDefinition>;

/// What a new issuer has.
pub fn built_in() -> RoleSettings {
    BUILT_IN.iter().map(|name| ((*name).to_owned(), RoleDefinition::built_in(name))).collect()
}

/// Notes what no schema can state, and gives every built-in role the scope of its own name.
pub fn normalize(roles: &mut RoleSettings, errors: &mut FieldErrors) {
    if roles.len() > MAX_ROLES {
        errors.add("settings.roles", FieldCode::TooMany, format!("at most {MAX_ROLES} roles"));
    }
    for name in roles.keys().filter(|name| !role::is_name(name)) {
        let rule = "names are a lower-case letter, then letters, digits, _ and -: at most 50";
        errors.add(format!("settings.roles.{name}"), FieldCode::InvalidFormat, rule);
    }
    for name in BUILT_IN {
        match roles.get_mut(name) {
            None => errors.add(format!("settings.roles.{name}"), FieldCode::NotAllowed, "is built in and stays"),
            Some(definition) => {
                let sent = definition.scopes.iter().cloned();
                definition.scopes = role::own_scope(name).into_iter().chain(sent).collect();
            }
        }
    }
}
