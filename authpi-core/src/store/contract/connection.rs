//! Single sign-on of organizations: the connection and its domains.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Ground, START, begin, later, mint, organization, race};
use crate::connection::model::Connection;
use crate::hostname::Hostname;
use crate::id::{IssuerId, OrganizationId};
use crate::merge::merged;
use crate::organization::model::Organization;
use crate::organization::repository::OrganizationFilter;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest};
use crate::seal::Sealed;
use crate::sso::{MAX_SSO_DOMAINS, Sso, SsoDomain, SsoSettings};

async fn tenant(ground: &Ground, issuer: IssuerId) -> Organization {
    let made = organization::organization(issuer);
    organization::insert(ground, &made).await;
    made
}

async fn find(ground: &Ground, organization: &Organization) -> Option<Connection> {
    let store = ground.store();
    store.reads().connections().find(organization.issuer_id, organization.id).await.unwrap()
}

fn shown(connection: Option<&Connection>) -> Option<String> {
    let secret = connection.map(|found| found.secret.as_ref().map(|secret| secret.as_bytes().to_vec()));
    connection.map(|connection| format!("{connection:?} {secret:?}"))
}

async fn write(ground: &Ground, connection: &Connection) {
    let mut unit = begin(ground, connection.updated_at).await;
    assert_eq!(unit.connections().update(connection, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
}

fn at_its_limits() -> Sso {
    let settings = json!({
        "enabled": true, "sso_only": true, "protocol": "oidc", "provider": "entra", "auto_join": true,
        "issuer_url": format!("https://example.com/{}", "a".repeat(2000)), "client_id": "ß".repeat(512),
        "scopes": vec!["s".repeat(128); 20], "provision_users": false,
    });
    let domains = (0..MAX_SSO_DOMAINS).map(|number| SsoDomain {
        domain: format!("d{number}.example").parse().unwrap(),
        token: "t".repeat(32),
        created_at: START,
        verified_at: (number % 2 == 0).then(|| later(1)),
    });
    Sso {
        settings: merged(&SsoSettings::default(), settings.as_object().unwrap()).unwrap(),
        client_secret_hint: Some("...xyz789".to_owned()),
        domains: domains.collect(),
    }
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let tenant = tenant(&ground, mint()).await;
    let fresh = find(&ground, &tenant).await.unwrap();
    assert_eq!((fresh.sso.clone(), fresh.secret.is_none()), (Sso::default(), true));
    let secret = Some(Sealed::from_bytes(vec![7; 1100]));
    let full = Connection { sso: at_its_limits(), secret, updated_at: later(1), ..fresh };
    write(&ground, &full).await;
    assert_eq!(shown(find(&ground, &tenant).await.as_ref()), shown(Some(&full)));
    let store = ground.store();
    let read = store.reads().organizations().find(tenant.issuer_id, tenant.id).await.unwrap().unwrap();
    assert_eq!((read.sso.clone(), read.updated_at), (full.sso.clone(), later(1)), "part of the organization");
    // What changes the organization leaves the connection alone.
    let renamed = Organization { sso: Sso::default(), updated_at: later(2), ..read };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.organizations().update(&renamed, later(1)).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    let left = find(&ground, &tenant).await.unwrap();
    assert_eq!(shown(Some(&left)), shown(Some(&Connection { updated_at: later(2), ..full })));
}

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let ours = tenant(&ground, mint()).await;
    let stranger: IssuerId = mint();
    let domain: Hostname = "example.com".parse().unwrap();
    let store = ground.store();
    let reads = store.reads().connections();
    assert!(reads.find(stranger, ours.id).await.unwrap().is_none());
    let mut unit = begin(&ground, later(1)).await;
    let connections = unit.connections();
    assert_eq!(connections.claim(ours.issuer_id, ours.id, &domain).await.unwrap(), InsertOutcome::Inserted);
    let before = connections.find(ours.issuer_id, ours.id).await.unwrap().unwrap();
    let theirs = Connection { issuer_id: stranger, updated_at: later(1), ..before };
    assert_eq!(connections.update(&theirs, START).await.unwrap(), WriteOutcome::Stale);
    connections.release(stranger, ours.id, &domain).await.unwrap();
    connections.release(ours.issuer_id, mint(), &domain).await.unwrap();
    assert_eq!(connections.release_of_organization(stranger, ours.id).await.unwrap(), 0);
    assert_eq!(connections.owner(stranger, &domain).await.unwrap(), None);
    assert_eq!(connections.claim(stranger, mint(), &domain).await.unwrap(), InsertOutcome::Inserted);
    unit.commit().await.unwrap();
    assert_eq!(reads.owner(ours.issuer_id, &domain).await.unwrap(), Some(ours.id));
}

pub async fn a_stale_version_changes_nothing(ground: Ground) {
    let tenant = tenant(&ground, mint()).await;
    let before = find(&ground, &tenant).await.unwrap();
    let changed = Connection { sso: at_its_limits(), updated_at: later(2), ..before.clone() };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.connections().update(&changed, later(1)).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(shown(find(&ground, &tenant).await.as_ref()), shown(Some(&before)));
}

pub async fn of_parallel_claims_of_one_domain_one_wins(ground: Ground) {
    let issuer: IssuerId = mint();
    let domain: Hostname = "example.com".parse().unwrap();
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins, domain) = (Arc::clone(&ground), Arc::clone(&wins), domain.clone());
        async move {
            let mut unit = begin(&ground, START).await;
            let organization: OrganizationId = mint();
            if unit.connections().claim(issuer, organization, &domain).await.unwrap() == InsertOutcome::Inserted {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn released_domains_are_free_again(ground: Ground) {
    let (issuer, ours): (IssuerId, OrganizationId) = (mint(), mint());
    let names: Vec<Hostname> = ["a.example", "b.example"].map(|name| name.parse().unwrap()).into();
    let mut unit = begin(&ground, START).await;
    let connections = unit.connections();
    for name in &names {
        assert_eq!(connections.claim(issuer, ours, name).await.unwrap(), InsertOutcome::Inserted);
        assert_eq!(connections.claim(issuer, mint(), name).await.unwrap(), InsertOutcome::Taken);
    }
    connections.release(issuer, ours, &names[0]).await.unwrap();
    assert_eq!(connections.owner(issuer, &names[0]).await.unwrap(), None);
    assert_eq!(connections.release_of_organization(issuer, ours).await.unwrap(), 1);
    assert_eq!(connections.owner(issuer, &names[1]).await.unwrap(), None);
    unit.commit().await.unwrap();
}

pub async fn organizations_are_found_by_their_connection(ground: Ground) {
    let issuer: IssuerId = mint();
    let mut ids = Vec::new();
    for (enabled, sso_only) in [(false, false), (true, false), (true, true)] {
        let tenant = tenant(&ground, issuer).await;
        let before = find(&ground, &tenant).await.unwrap();
        let settings = SsoSettings { enabled, sso_only, ..SsoSettings::default() };
        let sso = Sso { settings, ..Sso::default() };
        write(&ground, &Connection { sso, updated_at: later(1), ..before }).await;
        ids.push(tenant.id);
    }
    let store = ground.store();
    let listed = async |sso_enabled: Option<bool>, sso_only: Option<bool>| {
        let filter = OrganizationFilter { sso_enabled, sso_only, ..OrganizationFilter::default() };
        let page = PageRequest { limit: Limit::default(), after: None };
        let found = store.reads().organizations().list(issuer, &filter, &page).await.unwrap();
        let mut ids: Vec<_> = found.items.iter().map(|listing| listing.organization.id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(listed(Some(true), None).await, [ids[1], ids[2]]);
    assert_eq!(listed(Some(false), None).await, [ids[0]]);
    assert_eq!(listed(Some(true), Some(false)).await, [ids[1]]);
    assert_eq!(listed(None, Some(true)).await, [ids[2]]);
}
