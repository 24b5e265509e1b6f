//! Databases of their own, for one test each.

use sea_orm::ConnectionTrait;

/// What keeps the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in the test's folder.
    Sqlite,
    /// The server of `AUTHPI_TEST_POSTGRES_URL`.
    Postgres,
    /// The server of `AUTHPI_TEST_MYSQL_URL`.
    Mariadb,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mariadb];

    /// The variable that names the server.
    fn variable(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("AUTHPI_TEST_POSTGRES_URL"),
            Self::Mariadb => Some("AUTHPI_TEST_MYSQL_URL"),
        }
    }
}

/// A database that a test made.
pub struct Database {
    /// Its URL.
    pub url: String,
    made: Option<Made>,
}

struct Made {
    backend: Backend,
    server: String,
    name: String,
}

impl Database {
    /// Makes one, below `folder` if it is a file. `None` if there is no such server, which is a failure where
    /// `AUTHPI_TEST_REQUIRE` says so.
    ///
    /// # Panics
    /// When it cannot be made, or must be there.
    #[allow(clippy::print_stderr, reason = "what is left out is said")]
    pub async fn create(backend: Backend, folder: &std::path::Path) -> Option<Self> {
        let Some(variable) = backend.variable() else {
            let url = format!("sqlite://{}?mode=rwc", folder.join("authpi.db").display());
            return Some(Self { url, made: None });
        };
        let Ok(server) = std::env::var(variable) else {
            let required = std::env::var("AUTHPI_TEST_REQUIRE").as_deref() == Ok("all");
            assert!(!required, "{variable} is not set, and every backend is required");
            eprintln!("left out: {backend:?} ({variable} is not set)");
            return None;
        };
        let name = format!("test_{}", authpi_core::store::contract::mint::<authpi_core::id::ApiKeyId>());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let (prefix, _) = server.rsplit_once('/').unwrap();
        Some(Self { url: format!("{prefix}/{name}"), made: Some(Made { backend, server, name }) })
    }

    /// Removes it, whoever is connected; a file goes with its folder.
    ///
    /// # Panics
    /// When it cannot be removed.
    pub async fn remove(self) {
        let Some(Made { backend, server, name }) = self.made else { return };
        let force = if backend == Backend::Postgres { " WITH (FORCE)" } else { "" };
        execute(&server, &format!("DROP DATABASE {name}{force}")).await;
    }
}

async fn execute(server: &str, statement: &str) {
    let admin = sea_orm::Database::connect(server).await.unwrap();
    admin.execute_unprepared(statement).await.unwrap();
    admin.close().await.unwrap();
}

/// Tests of rules that hold whatever the database is.
#[macro_export]
macro_rules! on_every_database {
    ($($rule:ident,)*) => {
        $(
            mod $rule {
                use $crate::Backend;

                #[tokio::test]
                async fn on_sqlite() {
                    super::$rule(Backend::Sqlite).await;
                }

                #[tokio::test]
                async fn on_postgresql() {
                    super::$rule(Backend::Postgres).await;
                }

                #[tokio::test]
                async fn on_mariadb() {
                    super::$rule(Backend::Mariadb).await;
                }
            }
        )*
    };
}
