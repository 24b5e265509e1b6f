//! What a database holds, asked of the database itself: its tables, how many rows they have, and which columns mention
//! an id.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
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

    /// The digits behind the prefix, the UUID with and without hyphens.
    fn texts(&self) -> [String; 3] {
        let digits = self.id.rsplit('_').next().unwrap().to_owned();
        [digits, self.uuid.hyphenated().to_string(), self.uuid.simple().to_string()]
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

    async fn numbers(&self, sql: String, names: &[String]) -> Vec<i64> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let row = self.connection.query_one_raw(statement).await.unwrap().unwrap();
        names.iter().map(|name| row.try_get("", name).unwrap()).collect()
    }

    /// How many rows each table has.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn count(&self) -> BTreeMap<String, i64> {
        let mut counts = BTreeMap::new();
        for table in self.columns.keys() {
            let counted = self.numbers(format!("SELECT COUNT(*) AS n FROM {table}"), &["n".to_owned()]).await;
            counts.insert(table.clone(), counted[0]);
        }
        counts
    }

    /// Whether a column holds the id, in whatever spelling.
    fn condition(&self, column: &str, mention: &Mention) -> String {
        let texts = mention.texts();
        let tests: Vec<_> = if self.connection.get_database_backend() == DbBackend::Postgres {
            // Bytes come as hexadecimal digits.
            texts.iter().map(|text| format!("POSITION('{text}' IN LOWER({column}::text)) > 0")).collect()
        } else {
            let bytes = texts.iter().map(String::as_bytes).chain([mention.uuid.as_bytes().as_slice()]);
            bytes.map(|bytes| format!("INSTR(HEX({column}), '{}') > 0", hexadecimal(bytes))).collect()
        };
        tests.join(" OR ")
    }

    /// Where the id is mentioned, as `table.column`.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn mentions(&self, mention: &Mention) -> BTreeSet<String> {
        let quote = if self.connection.get_database_backend() == DbBackend::MySql { '`' } else { '"' };
        let mut found = BTreeSet::new();
        for (table, columns) in &self.columns {
            let names: Vec<_> = (0..columns.len()).map(|number| format!("n{number}")).collect();
            let of_column = |(name, column): (&String, &String)| {
                let condition = self.condition(&format!("{quote}{column}{quote}"), mention);
                format!("COUNT(CASE WHEN {condition} THEN 1 END) AS {name}")
            };
            let counts: Vec<_> = names.iter().zip(columns).map(of_column).collect();
            let counted = self.numbers(format!("SELECT {} FROM {table}", counts.join(", ")), &names).await;
            let hits = columns.iter().zip(counted).filter(|(_, count)| *count > 0);
            found.extend(hits.map(|(column, _)| format!("{table}.{column}")));
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
        write!(text, "{byte:02X}").unwrap();
        text
    })
}
