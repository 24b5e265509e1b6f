//! Columns as every table writes them.

use sea_orm::{DbBackend, DbErr};
use sea_orm_migration::prelude::*;

/// Text that compares byte by byte, trailing spaces included: MariaDB and MySQL have different names for that, and each
/// reads its own of the two comments.
const BYTE_BY_BYTE: &str = "CHARACTER SET utf8mb4 COLLATE /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */";

/// Tables and their indices.
pub(crate) type Tables = (Vec<TableCreateStatement>, Vec<TableIndex>);

/// A table named with the prefix that all of ours carry.
pub(crate) fn table(backend: DbBackend, name: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    if backend == DbBackend::MySql {
        // Tables come to be outside of the transaction here: who goes on after a crash passes by those that are there.
        table.if_not_exists().engine("InnoDB").extra(BYTE_BY_BYTE);
    }
    table
}

/// 16 bytes.
pub(crate) fn id(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.uuid().not_null();
    column
}

/// 16 bytes or nothing.
pub(crate) fn id_null(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.uuid().null();
    column
}

/// Unix milliseconds, or any other whole number.
pub(crate) fn number(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().not_null();
    column
}

/// Unix milliseconds or nothing.
pub(crate) fn number_null(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().null();
    column
}

/// A word of an enum: at most 64 bytes.
pub(crate) fn word(name: &'static str) -> ColumnDef {
    text_of(name, 64)
}

/// Text of at most `length` characters.
pub(crate) fn text_of(name: &'static str, length: u32) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.string_len(length).not_null();
    column
}

/// Text of at most `length` characters, or nothing.
pub(crate) fn text_null(name: &'static str, length: u32) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.string_len(length).null();
    column
}

/// Yes or no.
pub(crate) fn flag(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.boolean().not_null();
    column
}

/// What is not asked for.
pub(crate) fn json(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.json_binary().not_null();
    column
}

/// What is not asked for, or nothing.
pub(crate) fn json_null(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.json_binary().null();
    column
}

/// Hashes, sealed values: at most 64 KiB.
pub(crate) fn bytes(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.blob().not_null();
    column
}

/// Hashes, sealed values, or nothing.
pub(crate) fn bytes_null(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.blob().null();
    column
}

/// A stored answer, or nothing: 512 KiB before it is encoded and sealed, which is more than a BLOB of MySQL holds.
pub(crate) fn large_bytes_null(backend: DbBackend, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    if backend == DbBackend::MySql {
        column.custom("LONGBLOB");
    } else {
        column.blob();
    }
    column.null();
    column
}

/// A hash that is looked up: exactly 32 bytes.
pub(crate) fn hash(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.binary_len(32).not_null();
    column
}

/// A hash that is looked up, if there is one.
pub(crate) fn hash_null(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.binary_len(32).null();
    column
}

/// The four columns of a status.
pub(crate) fn status(table: &mut TableCreateStatement) -> &mut TableCreateStatement {
    table
        .col(word("status"))
        .col(number_null("status_at"))
        .col(text_null("status_reason", 1000))
        .col(text_null("status_by", 200))
}

/// A primary key over several columns.
pub(crate) fn primary(columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    for column in columns {
        index.col(*column);
    }
    index.primary();
    index
}

/// An index beside its table.
pub(crate) struct TableIndex {
    /// Its table.
    pub(crate) table: &'static str,
    /// How it is created.
    pub(crate) statement: IndexCreateStatement,
}

/// A plain index.
pub(crate) fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> TableIndex {
    let mut statement = Index::create();
    statement.name(name).table(table);
    for column in columns {
        statement.col(*column);
    }
    TableIndex { table, statement }
}

/// A plain index of the rows that have this column, where the database can leave the others out.
pub(crate) fn index_of_those_with(backend: DbBackend, column: &'static str, mut index: TableIndex) -> TableIndex {
    if backend != DbBackend::MySql {
        index.statement.and_where(Expr::col(column).is_not_null());
    }
    index
}

/// A uniqueness rule.
pub(crate) fn unique(name: &'static str, table: &'static str, columns: &[&'static str]) -> TableIndex {
    let mut index = index(name, table, columns);
    index.statement.unique();
    index
}

/// Creates tables and their indices. On MySQL, where each statement is a commit, a table comes with its indices in one.
pub(crate) async fn create(manager: &SchemaManager<'_>, (tables, indices): Tables) -> Result<(), DbErr> {
    let together = manager.get_database_backend() == DbBackend::MySql;
    for mut table in tables {
        if together {
            let name = table.get_table_name().cloned();
            for index in indices.iter().filter(|index| name == Some(index.table.into_table_ref())) {
                table.index(&mut index.statement.clone());
            }
        }
        manager.create_table(table).await?;
    }
    if !together {
        for index in indices {
            manager.create_index(index.statement).await?;
        }
    }
    Ok(())
}
