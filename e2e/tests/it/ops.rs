//! The files in `ops/`, for engines that divide their rows, have the tables that the migrations
//! make.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{
    MariaDb,
    shards::{GLOBAL, KEYED},
};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::Value;
use sqlparser::{
    ast::{self, TableConstraint},
    dialect::MySqlDialect,
    parser::Parser,
};

const TIDB: &str = include_str!("../../../ops/tidb/schema.sql");
const DIVIDED: &str = include_str!("../../../ops/vitess/carrier.json");
const IN_ONE_PLACE: &str = include_str!("../../../ops/vitess/global.json");
/// The table in which the migrator notes what it has done.
const DONE: &str = "seaql_migrations";

/// Opens a new database with these tables, or those of the migrations.
async fn database(schema: Option<&str>) -> DatabaseConnection {
    let url = MariaDb::shared().await.fresh_database().await;
    let db = cold::connect(&url, 1).await.expect("SQL answers");
    match schema {
        None => Migrator::up(&db, None).await.expect("the schema is made"),
        Some(schema) => {
            for statement in schema.split_inclusive(";\n") {
                let made = db.execute_unprepared(statement).await;
                made.unwrap_or_else(|error| panic!("{statement}: {error}"));
            }
        }
    }
    db
}

/// Returns the rows of a query, each as one text.
async fn rows(db: &DatabaseConnection, query: &str) -> BTreeSet<String> {
    let query = Statement::from_string(DbBackend::MySql, query);
    let rows = db.query_all_raw(query).await.expect("SQL answers");
    let texts = rows.iter().map(|row| row.try_get_by_index(0));
    texts.collect::<Result<_, _>>().expect("texts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_for_tidb_are_those_of_the_migrations() {
    let (ours, theirs) = (database(None).await, database(Some(TIDB)).await);
    let columns = "SELECT CONVERT(CONCAT_WS(' ', table_name, column_name, column_type, \
                   is_nullable, column_default, collation_name) USING utf8mb4) \
                   FROM information_schema.columns WHERE table_schema = DATABASE()";
    // TiDB has no index of words.
    let keys = "SELECT CONVERT(CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name, \
                non_unique) USING utf8mb4) FROM information_schema.statistics \
                WHERE table_schema = DATABASE() AND index_type <> 'FULLTEXT'";
    // With these, the migrator finds nothing to do.
    let done = format!("SELECT version FROM {DONE}");
    for query in [columns, keys, &done, "SELECT name FROM meta"] {
        let ours = rows(&ours, query).await;
        assert!(!ours.is_empty(), "{query}");
        assert_eq!(rows(&theirs, query).await, ours, "{query}");
    }
    let incarnation = "SELECT value FROM meta WHERE name = 'incarnation'";
    let incarnation = rows(&theirs, incarnation).await;
    let is_one = |text: &String| text.parse::<uuid::Uuid>().is_ok();
    assert!(incarnation.iter().all(is_one), "{incarnation:?}");
}

#[test]
fn the_rows_for_tidb_are_in_the_order_of_their_shard_key() {
    let statements = Parser::parse_sql(&MySqlDialect {}, TIDB).expect("statements of MySQL");
    let mut first_of_key = BTreeMap::new();
    for statement in &statements {
        let ast::Statement::CreateTable(table) = statement else {
            continue;
        };
        for constraint in &table.constraints {
            if let TableConstraint::PrimaryKey(key) = constraint {
                let first = key.columns.first().expect("a column");
                first_of_key.insert(table.name.to_string(), first.column.expr.to_string());
            }
        }
    }
    for key in KEYED {
        let first = first_of_key.get(key.table).map(String::as_str);
        assert_eq!(first, Some(key.column), "{}", key.table);
    }
    assert_eq!(first_of_key.len(), KEYED.len() + GLOBAL.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vschema_has_the_tables_of_the_migrations() {
    let ours = database(None).await;
    let columns = "SELECT CONVERT(CONCAT_WS(' ', table_name, column_name, data_type) USING \
                   utf8mb4) FROM information_schema.columns WHERE table_schema = DATABASE()";
    let mut listed = BTreeSet::new();
    for keyspace in [DIVIDED, IN_ONE_PLACE] {
        for (name, table) in tables(&json(keyspace)) {
            for column in table["columns"].as_array().expect("columns") {
                let column_name = column["name"].as_str().expect("a name");
                let kind = column["type"].as_str().expect("a type");
                listed.insert(format!("{name} {column_name} {kind}"));
            }
            assert_eq!(table["column_list_authoritative"], true, "{name}");
        }
    }
    let ours = rows(&ours, columns).await.into_iter().map(|row| {
        let (column, kind) = row.rsplit_once(' ').expect("three words");
        format!("{column} {}", kind_of_vitess(kind))
    });
    assert_eq!(listed, ours.collect::<BTreeSet<_>>());
}

#[test]
fn the_vschema_divides_each_table_by_its_shard_key() {
    let (divided, in_one_place) = (json(DIVIDED), json(IN_ONE_PLACE));
    assert_eq!(divided["sharded"], true);
    let vindexes: BTreeMap<_, _> = tables(&divided)
        .map(|(name, table)| (name, &table["column_vindexes"]))
        .collect();
    let keys: BTreeSet<_> = KEYED.iter().map(|key| key.table.to_owned()).collect();
    assert_eq!(vindexes.keys().cloned().collect::<BTreeSet<_>>(), keys);
    for key in KEYED {
        let primary = &vindexes[key.table][0];
        assert_eq!(primary["column"], key.column, "{}", key.table);
        let vindex = primary["name"].as_str().expect("a name");
        // It takes the bytes of an id, and spreads those that were made one after the other.
        assert_eq!(divided["vindexes"][vindex]["type"], "xxhash", "{vindex}");
    }
    assert_eq!(in_one_place["sharded"], false);
    let others = tables(&in_one_place).map(|(name, _)| name);
    let expected = GLOBAL.iter().copied().chain([DONE]).map(str::to_owned);
    assert_eq!(
        others.collect::<BTreeSet<_>>(),
        expected.collect::<BTreeSet<_>>()
    );
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn tables(keyspace: &Value) -> impl Iterator<Item = (String, &Value)> {
    let tables = keyspace["tables"].as_object().expect("tables");
    tables.iter().map(|(name, table)| (name.clone(), table))
}

/// Returns the name that Vitess has for a type of MySQL.
fn kind_of_vitess(kind: &str) -> &'static str {
    match kind {
        "binary" => "BINARY",
        "varbinary" => "VARBINARY",
        "varchar" => "VARCHAR",
        "text" | "mediumtext" => "TEXT",
        "mediumblob" => "BLOB",
        "bigint" => "INT64",
        "tinyint" => "INT8",
        other => panic!("no type of Vitess for {other}"),
    }
}
