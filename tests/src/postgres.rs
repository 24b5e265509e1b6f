//! Databases of their own on a PostgreSQL server.

use sea_orm::ConnectionTrait;

/// A database that a test made.
pub struct Database {
    /// Its URL.
    pub url: String,
    server: String,
    name: String,
}

impl Database {
    /// Makes one on the server at `server`.
    pub async fn create(server: &str) -> Self {
        let name = format!("test_{}", authpi_core::store::contract::mint::<authpi_core::id::ApiKeyId>());
        execute(server, &format!("CREATE DATABASE {name}")).await;
        let (prefix, _) = server.rsplit_once('/').unwrap();
        Self { url: format!("{prefix}/{name}"), server: server.to_owned(), name }
    }

    /// Removes it, whoever is connected.
    pub async fn remove(self) {
        execute(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn execute(server: &str, statement: &str) {
    let admin = sea_orm::Database::connect(server).await.unwrap();
    admin.execute_unprepared(statement).await.unwrap();
    admin.close().await.unwrap();
}
