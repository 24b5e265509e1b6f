//! What a database holds, asked of the database itself: its tables, how many rows they have, and which columns mention
//! an id.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, QueryResult, Statement};
use uuid::Uuid;

/// An id in all spellings that a column may hold.
#[derive(Clone, Debug)]
pub struct Mention {
    /// As callers see it.
    pub id: String,
    uuid: Uuid,
}

impl Mention {
    /// Of an id as callers see it.
    ///
    /// # Panics
    /// When it is none.
    pub fn of(id: &str) -> Self {
        let (_, digits) = id.rsplit_once('_').unwrap();
        let (radix, length) = if digits.len() == 32 { (16, 32) } else { (36, 25) };
        assert_eq!(digits.len(), length, "{id}");
        let digit = |value: u128, digit: char| value * u128::from(radix) + u128::from(digit.to_digit(radix).unwrap());
        Self { id: id.to_owned(), uuid: Uuid::from_u128(digits.chars().fold(0, digit)) }
    }

    /// The digits behind the prefix, the UUID with and without hyphens; where columns come in hexadecimal digits, those
    /// of all these texts and of the bytes.
    fn spellings(&self, is_hexadecimal: bool) -> Vec<String> {
        let digits = self.id.rsplit('_').next().unwrap().to_owned();
        let mut texts = vec![digits, self.uuid.hyphenated().to_string(), self.uuid.simple().to_string()];
        if is_hexadecimal {
            texts = texts.iter().map(|text| hexadecimal(text.as_bytes())).collect();
            texts.push(self.uuid.simple().to_string());
        }
        texts
    }
}

/// The tables of a database.
pub struct Tables {
    connection: DatabaseConnection,
    columns: BTreeMap<String, Vec<String>>,
}

impl Tables {
    /// All tables and columns of the database at `url`.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn of(url: &str) -> Self {
        let connection = Database::connect(url).await.unwrap();
        let backend = connection.get_database_backend();
        let sql = match backend {
            DbBackend::Sqlite => {
                "SELECT m.name AS t, p.name AS c FROM sqlite_master m JOIN pragma_table_info(m.name) p \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'"
            }
            DbBackend::Postgres => {
                "SELECT table_name::text AS t, column_name::text AS c FROM information_schema.columns \
                 WHERE table_schema = current_schema()"
            }
            _ => {
                "SELECT CAST(TABLE_NAME AS CHAR) AS t, CAST(COLUMN_NAME AS CHAR) AS c \
                 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"
            }
        };
        let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in connection.query_all_raw(Statement::from_string(backend, sql)).await.unwrap() {
            columns.entry(row.try_get("", "t").unwrap()).or_default().push(row.try_get("", "c").unwrap());
        }
        assert!(columns.len() > 40, "the catalogue was read: {columns:?}");
        Self { connection, columns }
    }

    /// How many rows each table has.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn count(&self) -> BTreeMap<String, i64> {
        let of_table = |table: &String| format!("SELECT '{table}' AS t, COUNT(*) AS n FROM {table}");
        let sql: Vec<_> = self.columns.keys().map(of_table).collect();
        let statement = Statement::from_string(self.connection.get_database_backend(), sql.join(" UNION ALL "));
        let rows = self.connection.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| (row.try_get("", "t").unwrap(), row.try_get("", "n").unwrap())).collect()
    }

    /// All rows of a table, each column as text: bytes, and on SQLite and MariaDB everything, in hexadecimal digits.
    async fn rows(&self, table: &str, columns: &[String]) -> Vec<QueryResult> {
        let backend = self.connection.get_database_backend();
        let as_text = |(number, column): (usize, &String)| match backend {
            DbBackend::Postgres => format!("LOWER(\"{column}\"::text) AS n{number}"),
            DbBackend::MySql => format!("LOWER(HEX(`{column}`)) AS n{number}"),
            _ => format!("LOWER(HEX(\"{column}\")) AS n{number}"),
        };
        let texts: Vec<_> = columns.iter().enumerate().map(as_text).collect();
        let sql = format!("SELECT {} FROM {table}", texts.join(", "));
        self.connection.query_all_raw(Statement::from_string(backend, sql)).await.unwrap()
    }

    /// Where each of the ids is mentioned, as `table.column`. Everything is read once, however many they are.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn mentions(&self, ids: &[Mention]) -> BTreeMap<String, BTreeSet<String>> {
        let is_hexadecimal = self.connection.get_database_backend() != DbBackend::Postgres;
        let spellings: Vec<_> = ids.iter().map(|mention| (&mention.id, mention.spellings(is_hexadecimal))).collect();
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (table, columns) in &self.columns {
            for row in self.rows(table, columns).await {
                for (number, column) in columns.iter().enumerate() {
                    let Some(held) = row.try_get::<Option<String>>("", &format!("n{number}")).unwrap() else {
                        continue;
                    };
                    let is_named = |spelling: &Vec<String>| spelling.iter().any(|text| held.contains(text));
                    for (id, _) in spellings.iter().filter(|(_, spelling)| is_named(spelling)) {
                        found.entry(format!("{table}.{column}")).or_default().insert((*id).clone());
                    }
                }
            }
        }
        found
    }

    /// Ends the connections.
    ///
    /// # Panics
    /// When they cannot be ended.
    pub async fn close(self) {
        self.connection.close().await.unwrap();
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
