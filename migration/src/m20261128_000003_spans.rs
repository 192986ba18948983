//! The terms of many blocks of postings, put together for a search that looks for a rare word in a
//! large chat. The flusher makes those of what is there, chat by chat beside all else; until then a
//! search reads the blocks, as before.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::m20261120_000001_first as first;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Spans {
    Table,
    ChatId,
    FirstId,
    EndId,
    Blocks,
}

#[derive(DeriveIden)]
enum SpanParts {
    Table,
    ChatId,
    FirstId,
    Part,
    Terms,
}

#[derive(DeriveIden)]
enum Chats {
    Table,
    Id,
}

#[derive(DeriveIden)]
enum Meta {
    Table,
    Name,
    Value,
}

/// The fact that spans are made of the blocks that are there.
const NAME: &str = "spans";

fn bytes(backend: DbBackend, column: impl IntoIden) -> ColumnDef {
    let mut column = ColumnDef::new(column);
    match backend {
        DbBackend::MySql => column.custom(Alias::new("MEDIUMBLOB")),
        _ => column.blob(),
    };
    column.not_null().take()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let columns = vec![
            first::id(Spans::ChatId),
            first::tick(Spans::FirstId),
            first::tick(Spans::EndId),
            bytes(backend, Spans::Blocks),
        ];
        let mut key = Index::create();
        key.col(Spans::ChatId).col(Spans::FirstId);
        let spans = first::table(backend, Spans::Table, columns)
            .primary_key(&mut key)
            .take();
        manager.create_table(spans).await?;
        let columns = vec![
            first::id(SpanParts::ChatId),
            first::tick(SpanParts::FirstId),
            first::tick(SpanParts::Part),
            bytes(backend, SpanParts::Terms),
        ];
        let mut key = Index::create();
        key.col(SpanParts::ChatId)
            .col(SpanParts::FirstId)
            .col(SpanParts::Part);
        let parts = first::table(backend, SpanParts::Table, columns)
            .primary_key(&mut key)
            .take();
        manager.create_table(parts).await?;
        let sql = manager.get_connection();
        let some_chat = Query::select()
            .column(Chats::Id)
            .from(Chats::Table)
            .limit(1)
            .take();
        if sql.query_one(&some_chat).await?.is_none() {
            return Ok(());
        }
        let begin = Query::insert()
            .into_table(Meta::Table)
            .columns([Meta::Name, Meta::Value])
            .values_panic([NAME.into(), "".into()])
            .take();
        sql.execute(&begin).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let end = Query::delete()
            .from_table(Meta::Table)
            .and_where(Expr::col(Meta::Name).eq(NAME))
            .take();
        let sql = manager.get_connection();
        sql.execute(&end).await?;
        // The blocks of spans have the format that blocks had before.
        let unseal = match manager.get_database_backend() {
            DbBackend::MySql => {
                "UPDATE postings SET block = CONCAT(X'01', SUBSTR(block, 2)) \
                 WHERE SUBSTR(block, 1, 1) = X'02'"
            }
            _ => {
                "UPDATE postings SET block = CAST(X'01' || SUBSTR(block, 2) AS BLOB) \
                 WHERE SUBSTR(block, 1, 1) = X'02'"
            }
        };
        sql.execute_unprepared(unseal).await?;
        for table in [SpanParts::Table.into_iden(), Spans::Table.into_iden()] {
            manager
                .drop_table(Table::drop().table(table).take())
                .await?;
        }
        Ok(())
    }
}
