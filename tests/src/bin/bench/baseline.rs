//! What the same machine and database do without us: a bare SeaORM select, a bare insert with its commit, and a bare
//! axum handler.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, QueryOrder, QuerySelect, Schema, TransactionTrait,
};

use crate::Scale;
use crate::measure::Report;

#[allow(unreachable_pub, reason = "SeaORM generates public items")]
mod bench_row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "bench_row")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub parent: Uuid,
        pub name: String,
        pub status: String,
        pub details: Json,
        pub created_at: i64,
        pub updated_at: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn row(number: usize) -> bench_row::ActiveModel {
    bench_row::ActiveModel {
        id: Set(Uuid::from_u128(number as u128)),
        parent: Set(Uuid::nil()),
        name: Set(format!("row {number}")),
        status: Set("active".to_owned()),
        details: Set(serde_json::json!({ "a": 1, "b": "two" })),
        created_at: Set(0),
        updated_at: Set(0),
    }
}

/// Connections with the settings that the store has.
pub(crate) async fn connect(url: &str, connections: u32) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(connections).sqlx_logging(false).test_before_acquire(false);
    let database = Database::connect(options).await.unwrap();
    if url.starts_with("sqlite") {
        database.execute_unprepared("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;").await.unwrap();
    }
    database
}

pub(crate) async fn run(url: &str, scale: Scale, report: &mut Report) {
    let writer = connect(url, if url.starts_with("sqlite") { 1 } else { 8 }).await;
    let table = Schema::new(writer.get_database_backend()).create_table_from_entity(bench_row::Entity);
    writer.execute(&table).await.unwrap();
    bench_row::Entity::insert_many((0..1_000).map(row)).exec_without_returning(&writer).await.unwrap();

    let reader = Arc::new(connect(url, 8).await);
    report
        .measure("bare select by id", None, (8, scale.operations), move |number| {
            let reader = Arc::clone(&reader);
            async move {
                let id = Uuid::from_u128((number % 1_000) as u128);
                assert!(bench_row::Entity::find_by_id(id).one(&*reader).await.unwrap().is_some());
            }
        })
        .await;

    let reader = Arc::new(connect(url, 8).await);
    report
        .measure("bare page of 50 rows", None, (8, scale.operations / 5), move |_| {
            let reader = Arc::clone(&reader);
            async move {
                let page = bench_row::Entity::find().order_by_desc(bench_row::Column::Id).limit(51);
                assert_eq!(page.all(&*reader).await.unwrap().len(), 51);
            }
        })
        .await;

    let writer = Arc::new(writer);
    let database = Arc::clone(&writer);
    report
        .measure("bare insert and commit", None, (8, scale.operations.min(2_000)), move |number| {
            let writer = Arc::clone(&database);
            async move {
                let transaction = writer.begin().await.unwrap();
                bench_row::Entity::insert(row(10_000 + number)).exec_without_returning(&transaction).await.unwrap();
                transaction.commit().await.unwrap();
            }
        })
        .await;
    Arc::into_inner(writer).unwrap().close().await.unwrap();

    let base = serve(Router::new().route("/", get(|| async { "x".repeat(1_500) }))).await;
    let client = crate::platform::client();
    report
        .measure("bare axum handler", None, (8, scale.operations), move |_| {
            let request = client.get(&base);
            async move {
                assert!(!request.send().await.unwrap().bytes().await.unwrap().is_empty());
            }
        })
        .await;
}

/// Serves on a free port of the loopback address.
pub(crate) async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base
}
