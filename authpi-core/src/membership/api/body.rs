//! Bodies of changes to memberships.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::MembershipView;
use crate::error::{FieldCode, FieldErrors};
use crate::id::{GroupId, MemberId, is_opaque_id};
use crate::membership::model::{MembershipDetails, NamedRole};
use crate::web::body::{Body, BodySchema};
use crate::web::members::{MetadataMember, present};

/// Body of an addition.
#[derive(Debug, Deserialize)]
pub(super) struct AddMember {
    /// Who.
    pub member_id: MemberId,
    /// Groups of the organization.
    #[serde(default)]
    pub groups: Vec<GroupId>,
    /// Roles, which are added to the groups.
    #[serde(flatten)]
    pub roles: RoleMembers,
    /// Seen by administrators only.
    #[serde(default)]
    pub metadata: Value,
    /// Members of [`MembershipDetails`].
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

/// Members of [`AddMember`] besides details, groups and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct MemberIdMember {
    /// A user or an agent of the issuer.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_]{1,64}$")]
    member_id: MemberId,
}

/// Groups in a body.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct GroupsMember {
    /// Groups of the organization.
    #[schema(value_type = Vec<String>, max_items = 100, required = false)]
    groups: Vec<GroupId>,
}

/// Roles in a body: one, or several.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct RoleMembers {
    /// A role of the organization or of the issuer.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    role: Option<String>,
    /// Roles of the organization or of the issuer.
    #[serde(default)]
    #[schema(max_items = 100)]
    roles: Option<Vec<String>>,
}

impl RoleMembers {
    /// The roles with the places where they stand; `None` when the body says nothing about roles.
    pub(super) fn named(&self) -> Option<Vec<NamedRole>> {
        let one = self.role.iter().map(|name| NamedRole { name: name.clone(), field: "role".to_owned() });
        let several = self.roles.iter().flatten().enumerate();
        let several = several.map(|(index, name)| NamedRole { name: name.clone(), field: format!("roles.{index}") });
        (self.role.is_some() || self.roles.is_some()).then(|| one.chain(several).collect())
    }

    /// Both at once are a contradiction.
    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        let states = |name| sent.get(name).is_some_and(|value| !value.is_null());
        if states("role") && states("roles") {
            errors.add("role", FieldCode::NotAllowed, "cannot be given together with roles");
        }
    }
}

impl Body for AddMember {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<MembershipDetails>("AddMember")
            .and::<MemberIdMember>()
            .and::<GroupsMember>()
            .and::<RoleMembers>()
            .and::<MetadataMember>()
            .ignoring::<MembershipView>();
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        // An opaque text that is no id names nobody (conventions §3).
        let text = sent.get("member_id").and_then(Value::as_str);
        if text.is_some_and(|text| is_opaque_id(text) && text.parse::<MemberId>().is_err()) {
            errors.add("member_id", FieldCode::UnknownReference, "the issuer has no such user or agent");
        }
        check_groups(sent, errors);
        RoleMembers::check(sent, errors);
    }
}

fn check_groups(sent: &Map<String, Value>, errors: &mut FieldErrors) {
    let groups = sent.get("groups").and_then(Value::as_array).into_iter().flatten();
    for (index, group) in groups.enumerate() {
        if group.as_str().is_some_and(|text| text.parse::<GroupId>().is_err()) {
            let message = "the organization has no such group";
            errors.add(format!("groups.{index}"), FieldCode::UnknownReference, message);
        }
    }
}

/// Body of a change.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateMember {
    /// Groups instead of those before.
    #[serde(default)]
    pub groups: Option<Vec<GroupId>>,
    /// Roles whose groups take the place of those before.
    #[serde(flatten)]
    pub roles: RoleMembers,
    /// Metadata to merge.
    #[serde(default, deserialize_with = "present")]
    pub metadata: Option<Value>,
    /// Members of [`MembershipDetails`] to merge.
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

impl Body for UpdateMember {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<MembershipDetails>("UpdateMember")
            .and::<GroupsMember>()
            .and::<RoleMembers>()
            .and::<MetadataMember>()
            .ignoring::<MembershipView>();
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_groups(sent, errors);
        RoleMembers::check(sent, errors);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::error::Refusal;
    use crate::web::body::BodyChecker;

    const MEMBER: &str = "usr_0000000000000000000000001";

    fn parsed<B: Body>(body: &Value) -> Result<B, Refusal> {
        let checker = BodyChecker::compile(&B::schema().unwrap()).unwrap();
        checker.parse(&serde_json::to_vec(body).unwrap()).map_err(Refusal::Fields)
    }

    fn problems<B: Body + std::fmt::Debug>(body: &Value) -> Vec<(String, &'static str)> {
        match parsed::<B>(body) {
            Err(Refusal::Fields(errors)) => {
                let mut found: Vec<_> = errors.iter().map(|error| (error.field.clone(), error.code.as_str())).collect();
                found.sort_unstable();
                found
            }
            other => panic!("{body} gave {other:?}"),
        }
    }

    fn owned(expected: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        expected.iter().map(|(field, code)| ((*field).to_owned(), *code)).collect()
    }

    #[test]
    fn an_addition_names_a_member_and_may_leave_out_the_rest() {
        let body: AddMember = parsed(&json!({ "member_id": MEMBER })).unwrap();
        assert_eq!((body.member_id.to_string().as_str(), body.groups.len(), body.details.len()), (MEMBER, 0, 0));
        let sent = json!({
            "member_id": MEMBER, "scopes": ["owner", "a:read"], "groups": [], "user_title": "Founder",
            "status": "suspended", "metadata": { "a": 1 }, "joined_at": 1, "org_id": "ignored", "member_type": "user",
        });
        let body: AddMember = parsed(&sent).unwrap();
        assert_eq!(body.details.keys().collect::<Vec<_>>(), ["scopes", "status", "user_title"]);
    }

    #[test]
    fn every_problem_of_an_addition_is_reported_together() {
        let sent = json!({
            "member_id": "usr_nobody", "scopes": ["a b"], "groups": ["grp_none"], "user_title": "x".repeat(201),
            "status": "deleted", "metadata": [], "role": "owner", "roles": ["owner", 1],
        });
        let expected = [
            ("groups.0", "unknown_reference"),
            ("member_id", "unknown_reference"),
            ("metadata", "invalid_type"),
            ("role", "not_allowed"),
            ("roles.1", "invalid_type"),
            ("scopes.0", "invalid_format"),
            ("status", "invalid_enum_value"),
            ("user_title", "too_long"),
        ];
        assert_eq!(problems::<AddMember>(&sent), owned(&expected));
        assert_eq!(problems::<AddMember>(&json!({})), owned(&[("member_id", "required")]));
        assert_eq!(problems::<AddMember>(&json!({ "member_id": "usr 1" })), owned(&[("member_id", "invalid_format")]));
        assert_eq!(problems::<AddMember>(&json!({ "member_id": null })), owned(&[("member_id", "invalid_type")]));
    }

    #[test]
    fn a_change_clears_what_is_nullable_only() {
        let body: UpdateMember = parsed(&json!({ "user_title": null, "metadata": null, "member_id": "x" })).unwrap();
        assert_eq!((body.metadata, body.groups.is_none()), (Some(Value::Null), true));
        let sent = json!({ "scopes": null, "status": null, "groups": null });
        let expected = [("groups", "invalid_type"), ("scopes", "invalid_type"), ("status", "invalid_type")];
        assert_eq!(problems::<UpdateMember>(&sent), owned(&expected));
        assert!(parsed::<UpdateMember>(&json!({})).unwrap().details.is_empty());
    }
}
