//! The hot paths.

use std::sync::Arc;

use authpi_core::metadata::Metadata;
use authpi_core::organization::model::{Organization, OrganizationDetails, OrganizationStats, OrganizationStatus};
use authpi_core::status::Status;
use authpi_core::timestamp::Timestamp;
use authpi_core::transport::{Clock, IdSource, SystemClock, SystemEntropy};
use http::Method;

use crate::measure::Report;
use crate::platform::Platform;
use crate::{Scale, baseline};

const SELECT: Option<&str> = Some("bare select by id");
const INSERT: Option<&str> = Some("bare insert and commit");

pub(crate) async fn run(platform: &Platform, scale: Scale, report: &mut Report) {
    verification(platform, scale, report).await;
    users(platform, scale, report).await;
    lists(platform, scale, report).await;
    jwks(platform, scale, report).await;
}

async fn verification(platform: &Platform, scale: Scale, report: &mut Report) {
    let shared = platform.clone();
    report
        .measure("verify an API key (GET /v1/me)", SELECT, (8, scale.operations), move |_| {
            let shared = shared.clone();
            async move { drop(shared.call(Method::GET, "/v1/me", None).await) }
        })
        .await;
}

async fn users(platform: &Platform, scale: Scale, report: &mut Report) {
    let (shared, path) = (platform.clone(), platform.below("/users"));
    report
        .measure("create a user", INSERT, (8, scale.operations.min(2_000)), move |number| {
            let (shared, path) = (shared.clone(), path.clone());
            async move {
                let body = format!(r#"{{"email":"user{number}@example.com","display_name":"User {number}"}}"#);
                drop(shared.call(Method::POST, &path, Some(&body)).await);
            }
        })
        .await;
}

async fn lists(platform: &Platform, scale: Scale, report: &mut Report) {
    let path = platform.below("/organizations?limit=50");
    let mut rows = 0;
    let names =
        [("first page of 1,000", "a page of 1,000"), ("first page of the long list", "deep page of the long list")];
    for ((first, deep), total) in names.into_iter().zip([1_000, scale.rows]) {
        fill(platform, total - rows).await;
        rows = total;
        for (name, path) in [(first, path.clone()), (deep, format!("{path}&cursor={}", middle(platform).await))] {
            let shared = platform.clone();
            report
                .measure(name, Some("bare page of 50 rows"), (8, scale.operations / 5), move |_| {
                    let (shared, path) = (shared.clone(), path.clone());
                    async move { drop(shared.call(Method::GET, &path, None).await) }
                })
                .await;
        }
    }
}

/// Adds organizations through the storage contract, a thousand a commit.
async fn fill(platform: &Platform, count: usize) {
    let ids = IdSource::new(Arc::new(SystemEntropy));
    let store = &platform.authpi.services().store;
    for _ in 0..count.div_ceil(1_000) {
        let now = SystemClock.now();
        let mut unit = store.begin(now).await.unwrap();
        for _ in 0..1_000 {
            unit.organizations().insert(&organization(platform, &ids, now)).await.unwrap();
        }
        unit.commit().await.unwrap();
    }
}

fn organization(platform: &Platform, ids: &IdSource, now: Timestamp) -> Organization {
    Organization {
        id: ids.mint(now).unwrap(),
        issuer_id: platform.issuer,
        status: Status::initial(OrganizationStatus::Active),
        details: OrganizationDetails { name: Some("Acme".to_owned()), ..OrganizationDetails::default() },
        metadata: Metadata::default(),
        stats: OrganizationStats::default(),
        created_at: now,
        updated_at: now,
    }
}

/// The id of an organization far down the list.
async fn middle(platform: &Platform) -> String {
    let page = authpi_core::page::PageRequest { limit: authpi_core::page::Limit::default(), after: None };
    let filter = authpi_core::organization::repository::OrganizationFilter::default();
    let reads = platform.authpi.services().store.reads();
    let mut after = page;
    for _ in 0..10 {
        let found = reads.organizations().list(platform.issuer, &filter, &after).await.unwrap();
        after.after = found.items.last().map(|listing| listing.organization.id);
    }
    after.after.unwrap().to_string()
}

async fn jwks(platform: &Platform, scale: Scale, report: &mut Report) {
    let base = baseline::serve(authpi_axum::routes(&platform.authpi)).await;
    let url = format!("{base}/{}/jwks.json", platform.issuer);
    let client = crate::platform::client();
    report
        .measure("JWKS over HTTP", Some("bare axum handler"), (8, scale.operations), move |_| {
            let request = client.get(&url);
            async move {
                let answer = request.send().await.unwrap();
                assert!(answer.status().is_success());
                assert!(!answer.bytes().await.unwrap().is_empty());
            }
        })
        .await;
}
