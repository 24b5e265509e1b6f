//! What is particular to MariaDB and MySQL.

use authpi_core::store::Store;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tokio::runtime::Runtime;
use url::Url;

use super::{execute, on_mysql_database};

/// One column of all rows, as text.
fn column(url: &Url, query: &str) -> Vec<String> {
    let statement = Statement::from_string(DbBackend::MySql, query);
    Runtime::new().unwrap().block_on(async {
        let connection = Database::connect(url.as_str()).await.unwrap();
        let rows = connection.query_all_raw(statement).await.unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    })
}

fn connect(url: &Url) {
    Runtime::new().unwrap().block_on(async { authpi_storage::connect(url.as_str()).await.map(drop) }).unwrap();
}

/// Every table as it was created.
fn schema(url: &Url) -> Vec<(String, String)> {
    let tables =
        column(url, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1");
    let created = |table: String| {
        let indices = format!(
            "SELECT CONCAT(index_name, ':', column_name, ':', non_unique) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY index_name, seq_in_index"
        );
        let found = column(url, &indices).join(" ");
        (table, found)
    };
    tables.into_iter().map(created).collect()
}

#[test]
fn a_migration_that_was_interrupted_anywhere_is_finished_by_the_next_start() {
    on_mysql_database(|url| {
        connect(url);
        let whole = schema(url);
        assert!(
            whole.iter().any(|(table, indices)| table == "authpi_event" && indices.contains("authpi_event_by_kind"))
        );
        let own: Vec<&String> =
            whole.iter().map(|(table, _)| table).filter(|table| *table != "authpi_migration").collect();
        // As a crash leaves it: some tables are there, whole, and nothing says that the migration was applied.
        for kept in [0, 1, own.len() / 2, own.len()] {
            let mut statements: Vec<String> =
                own.iter().skip(kept).map(|table| format!("DROP TABLE {table}")).collect();
            statements.push("DELETE FROM authpi_migration".to_owned());
            execute(url, &statements);
            connect(url);
            assert_eq!(schema(url), whole, "{kept} tables were there");
        }
    });
}

#[test]
fn processes_that_start_together_migrate_once() {
    on_mysql_database(|url| {
        Runtime::new().unwrap().block_on(async {
            for result in join_all((0..4).map(|_| authpi_storage::connect(url.as_str()))).await {
                result.unwrap();
            }
        });
        assert_eq!(column(url, "SELECT version FROM authpi_migration").len(), 1);
    });
}

#[test]
fn text_compares_byte_by_byte_trailing_spaces_included() {
    on_mysql_database(|url| {
        connect(url);
        let collations = column(
            url,
            "SELECT DISTINCT collation_name FROM information_schema.columns WHERE table_schema = DATABASE() \
             AND data_type = 'varchar' AND table_name <> 'authpi_migration'",
        );
        assert!(["utf8mb4_nopad_bin", "utf8mb4_0900_bin"].contains(&collations.join(" ").as_str()), "{collations:?}");
    });
}

#[test]
fn both_schemes_are_understood_and_a_database_must_be_named() {
    on_mysql_database(|url| {
        Runtime::new().unwrap().block_on(async {
            let mut alias = url.to_string();
            alias.replace_range(.."mysql".len(), "mariadb");
            let store = authpi_storage::connect(&alias).await.unwrap();
            store.ping().await.unwrap();
        });
        let message = Runtime::new().unwrap().block_on(async {
            let mut nowhere = url.clone();
            nowhere.set_path("");
            authpi_storage::connect(nowhere.as_str()).await.err().unwrap().to_string()
        });
        assert!(message.contains("the URL names no database"), "{message}");
    });
}
