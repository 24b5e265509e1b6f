//! The hot paths.

use http::Method;
use tests::seed::{self, Plan};

use crate::measure::Report;
use crate::platform::Platform;
use crate::{Scale, baseline, tokens};

const SELECT: Option<&str> = Some("bare select by id");
const INSERT: Option<&str> = Some("bare insert and commit");

pub(crate) async fn run(platform: &Platform, scale: Scale, report: &mut Report) {
    verification(platform, scale, report).await;
    users(platform, scale, report).await;
    lists(platform, scale, report).await;
    jwks(platform, scale, report).await;
    tokens::run(platform, scale, report).await;
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

/// Lists of a small and of a large tenant: the first page, and one far down.
async fn lists(platform: &Platform, scale: Scale, report: &mut Report) {
    for rows in [1_000, scale.rows] {
        // Users come with a record each, which costs more to make than to list.
        let plan =
            Plan { issuers: 1, organizations: rows, users: rows.min(100_000), memberships: 0, keys: 0, events: rows };
        let seeded = seed::fill(&platform.authpi, platform.account, plan, |_, _| {}).await;
        let issuer = seeded.issuers[0].id;
        let lists = [
            ("organizations", platform.path(&format!("/issuers/{issuer}/organizations?limit=50"))),
            ("users", platform.path(&format!("/issuers/{issuer}/users?limit=50"))),
            ("events", platform.path(&format!("/events?issuer_id={issuer}&limit=50"))),
        ];
        for (name, path) in lists {
            let deep = format!("{path}&cursor={}", cursor_after(platform, &path, 10).await);
            for (page, path) in [("first page", path), ("deep page", deep)] {
                let shared = platform.clone();
                report
                    .measure(
                        format!("{name} of {rows}: {page}"),
                        Some("bare page of 50 rows"),
                        (8, scale.operations / 5),
                        move |_| {
                            let (shared, path) = (shared.clone(), path.clone());
                            async move { drop(shared.call(Method::GET, &path, None).await) }
                        },
                    )
                    .await;
            }
        }
    }
}

/// Where the list goes on after some pages.
async fn cursor_after(platform: &Platform, path: &str, pages: usize) -> String {
    let mut cursor = String::new();
    for page in 0..pages {
        let path = if page == 0 { path.to_owned() } else { format!("{path}&cursor={cursor}") };
        let answer = platform.call(Method::GET, &path, None).await;
        let answer: serde_json::Value = serde_json::from_slice(answer.body.bytes()).unwrap();
        answer["next_cursor"].as_str().unwrap().clone_into(&mut cursor);
    }
    cursor
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
