//! Races that only show on a database with many writers.

use authpi_core::web::services::Options;
use serde_json::json;
use tests::{App, Backend, Database, Driver};

async fn of_parallel_changes_of_an_account_and_its_organization_with_one_etag_one_wins(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let Some(database) = Database::create(backend, folder.path()).await else { return };
    let store = authpi_storage::connect(&database.url).await.unwrap();
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_on(Driver::Axum, options, store, folder).await;
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
