//! Races that only show on a database with many writers.

use std::pin::pin;
use std::time::Duration;

use authpi_core::id::OrganizationId;
use authpi_core::outcome::WriteOutcome;
use authpi_core::transport::Clock;
use authpi_core::web::services::Options;
use serde_json::json;
use tests::{App, Backend, Database, Driver};

/// The platform on such a database; `None` if there is no server of it here.
async fn platform(backend: Backend) -> Option<(App, Database)> {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(backend, folder.path()).await?;
    let store = authpi_storage::connect(&database.url).await.unwrap();
    let options = Options { rate_limits: false, ..Options::default() };
    Some((App::start_on(Driver::Axum, options, store, folder).await, database))
}

async fn of_parallel_changes_of_an_account_and_its_organization_with_one_etag_one_wins(backend: Backend) {
    let Some((app, database)) = platform(backend).await else { return };
    let account = app.path("");
    for round in 0..10 {
        let etag = app.root().get(&account).expect(200).await.header("etag").to_owned();
        let racers = (0..16).map(|number| {
            let word = format!("{round}-{number}");
            let patch = if number % 2 == 0 { json!({ "name": word }) } else { json!({ "metadata": { "by": word } }) };
            app.root().patch(&account, patch).header("if-match", &etag).send()
        });
        let replies = futures_util::future::join_all(racers).await;
        let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
        assert_eq!((statuses(200), statuses(412)), (1, 15), "{}", replies[0]);
    }
    drop(app);
    database.remove().await;
}

#[tokio::test]
async fn of_parallel_changes_of_an_account_and_its_organization_with_one_etag_one_wins_on_postgresql() {
    of_parallel_changes_of_an_account_and_its_organization_with_one_etag_one_wins(Backend::Postgres).await;
}

#[tokio::test]
async fn of_parallel_changes_of_an_account_and_its_organization_with_one_etag_one_wins_on_mariadb() {
    of_parallel_changes_of_an_account_and_its_organization_with_one_etag_one_wins(Backend::Mariadb).await;
}

/// The deletion has been accepted and is not committed: a key that came in now would be removed by nobody.
async fn a_key_waits_for_the_deletion_of_its_organization(backend: Backend) {
    let Some((app, database)) = platform(backend).await else { return };
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let last = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let (issuer_id, id) = (last(&issuer).parse().unwrap(), last(&organization).parse::<OrganizationId>().unwrap());
    let store = &app.authpi.services().store;
    let version = store.reads().organizations().find(issuer_id, id).await.unwrap().unwrap().updated_at;
    let mut unit = store.begin(app.clock.now()).await.unwrap();
    assert_eq!(unit.organizations().begin_delete(issuer_id, id, version).await.unwrap(), WriteOutcome::Done);
    let mut made = pin!(app.root().post(&format!("{organization}/api-keys"), json!({ "name": "k" })).send());
    let early = tokio::time::timeout(Duration::from_millis(500), &mut made).await;
    assert!(early.is_err(), "it did not wait: {}", early.unwrap());
    unit.commit().await.unwrap();
    assert_eq!(made.await.status, 404);
    drop(app);
    database.remove().await;
}

#[tokio::test]
async fn a_key_waits_for_the_deletion_of_its_organization_on_postgresql() {
    a_key_waits_for_the_deletion_of_its_organization(Backend::Postgres).await;
}

#[tokio::test]
async fn a_key_waits_for_the_deletion_of_its_organization_on_mariadb() {
    a_key_waits_for_the_deletion_of_its_organization(Backend::Mariadb).await;
}
