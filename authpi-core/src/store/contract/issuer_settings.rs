//! Roles, types, custom fields and login methods of issuers, as other rooms ask for them.

use serde_json::json;

use super::issuer::{delete, find, inserted};
use super::organization::{insert as insert_organization, organization};
use super::{Ground, START, begin, later, mint};
use crate::issuer::model::auth_method::{AuthMethod, AuthMethodDetails, AuthMethodKind};
use crate::issuer::model::{Issuer, IssuerDetails, MethodCounts};
use crate::merge::merged;
use crate::organization::model::{Organization, OrganizationDetails};
use crate::outcome::WriteOutcome;
use crate::role::Roles;
use crate::seal::Sealed;

/// An issuer whose settings are patched.
async fn patched(ground: &Ground, patch: serde_json::Value) -> Issuer {
    let before = inserted(ground, mint()).await;
    let details: IssuerDetails =
        merged(&before.details, json!({ "settings": patch }).as_object().unwrap()).unwrap().checked().unwrap();
    let roles = before.roles.following(&details.settings.roles, later(1));
    let after = Issuer { details, roles, updated_at: later(1), ..before };
    let mut unit = begin(ground, later(1)).await;
    assert_eq!(unit.issuers().update(&after, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    after
}

pub async fn roles_types_and_fields_are_answered_until_the_deletion(ground: Ground) {
    let patch = json!({
        "roles": { "editor": { "scopes": ["a:read"] } },
        "organizations": { "types": { "club": {} }, "custom_fields": { "size": { "type": "number" } } },
        "users": { "custom_fields": { "team": { "type": "string" } } },
    });
    let issuer = patched(&ground, patch).await;
    let store = ground.store();
    let issuers = store.reads().issuers();
    let settings = &issuer.details.settings;
    assert_eq!(find(&ground, issuer.account_id, issuer.id).await.as_ref(), Some(&issuer));
    assert_eq!(issuers.roles(issuer.id).await.unwrap(), issuer.roles);
    assert_eq!(issuers.organization_settings(issuer.id).await.unwrap().as_ref(), Some(&settings.organizations));
    assert_eq!(issuers.user_fields(issuer.id).await.unwrap(), settings.users.custom_fields);
    delete(&ground, &issuer).await;
    assert_eq!(issuers.roles(issuer.id).await.unwrap(), Roles::default());
    assert_eq!(issuers.organization_settings(issuer.id).await.unwrap(), None);
    assert!(issuers.user_fields(issuer.id).await.unwrap().is_empty());
    let mut unit = begin(&ground, later(2)).await;
    assert!(!unit.issuers().lock(issuer.id).await.unwrap());
    assert!(!unit.issuers().lock(mint()).await.unwrap());
}

pub async fn a_removed_role_is_work_until_it_is_forgotten(ground: Ground) {
    let issuer = patched(&ground, json!({ "roles": { "editor": { "scopes": ["a:read"] } } })).await;
    let store = ground.store();
    let issuers = store.reads().issuers();
    let is_work = async || issuers.detaching(100).await.unwrap().contains(&issuer.id);
    assert!(!is_work().await);
    let mut details = issuer.details.clone();
    details.settings.roles.remove("editor");
    let roles = issuer.roles.following(&details.settings.roles, later(2));
    let without = Issuer { details, roles, updated_at: later(2), ..issuer.clone() };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.issuers().update(&without, later(1)).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert!(is_work().await);
    let mut unit = begin(&ground, later(3)).await;
    assert!(unit.issuers().lock(issuer.id).await.unwrap());
    unit.issuers().write_roles(issuer.id, &without.roles.without("editor")).await.unwrap();
    unit.commit().await.unwrap();
    assert!(!is_work().await);
    let left = find(&ground, issuer.account_id, issuer.id).await.unwrap();
    assert_eq!((left.updated_at, left.roles.carried("editor")), (later(2), None), "the version stays");
}

pub async fn a_type_is_in_use_while_an_organization_has_it(ground: Ground) {
    let issuer = inserted(&ground, mint()).await;
    let details = OrganizationDetails { org_type: "agency".to_owned(), ..OrganizationDetails::default() };
    let one = Organization { details, ..organization(issuer.id) };
    insert_organization(&ground, &one).await;
    let store = ground.store();
    let has = async |issuer, org_type: &str| store.reads().organizations().has_type(issuer, org_type).await.unwrap();
    assert!(has(issuer.id, "agency").await);
    assert!(!has(issuer.id, "charity").await);
    assert!(!has(mint(), "agency").await);
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.organizations().begin_delete(issuer.id, one.id, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert!(!has(issuer.id, "agency").await, "what is being deleted has none");
}

pub async fn login_methods_are_written_by_version_and_counted(ground: Ground) {
    let (ours, theirs) = (inserted(&ground, mint()).await, inserted(&ground, mint()).await);
    let settings = json!({ "settings": {
        "provider": "custom", "client_id": "ü".repeat(500), "scopes": vec!["s".repeat(128); 50],
        "issuer_url": format!("https://id.example/{}", "a".repeat(2000)), "claim_mapping": { "display_name": "name" },
    } });
    let details: AuthMethodDetails = merged(&AuthMethodDetails::default(), settings.as_object().unwrap()).unwrap();
    let full = AuthMethod {
        details: AuthMethodDetails { name: "名".repeat(200), enabled: false, first_factor_only: true, ..details },
        client_secret: Some(Sealed::from_bytes(vec![7; 2_000])),
        ..AuthMethod::with_defaults(mint(), ours.id, AuthMethodKind::Oauth2, START)
    };
    let mut unit = begin(&ground, START).await;
    unit.issuers().insert_auth_method(&full).await.unwrap();
    unit.issuers().write_method_counts(ours.id, MethodCounts { all: 3, login: 2, signup: 1 }).await.unwrap();
    unit.commit().await.unwrap();
    let store = ground.store();
    let issuers = store.reads().issuers();
    let found = async |issuer| issuers.auth_method(issuer, full.id).await.unwrap();
    assert_eq!(found(ours.id).await.as_ref(), Some(&full));
    assert_eq!(found(theirs.id).await, None);
    assert_eq!(issuers.auth_methods(ours.id).await.unwrap().len(), 3);
    let counted = find(&ground, ours.account_id, ours.id).await.unwrap();
    assert_eq!((counted.methods.all, counted.methods.login, counted.methods.signup), (3, 2, 1));
    assert_eq!(counted.updated_at, ours.updated_at, "counting leaves the version");

    let plain = AuthMethod::with_defaults(full.id, ours.id, AuthMethodKind::Oauth2, START);
    let changed = AuthMethod { updated_at: later(1), ..plain };
    let mut unit = begin(&ground, later(1)).await;
    let foreign = AuthMethod { issuer_id: theirs.id, ..changed.clone() };
    assert_eq!(unit.issuers().update_auth_method(&foreign, START).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.issuers().update_auth_method(&changed, later(9)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.issuers().update_auth_method(&changed, START).await.unwrap(), WriteOutcome::Done);
    assert_eq!(unit.issuers().remove_auth_method(&foreign).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.issuers().remove_auth_method(&full).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(found(ours.id).await.as_ref(), Some(&changed));
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.issuers().remove_auth_method(&changed).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(found(ours.id).await, None);
}
