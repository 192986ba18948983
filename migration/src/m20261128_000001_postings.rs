//! The index of search is a table of blocks of postings, by chat, in place of the full-text index
//! of each database: a search costs by what the searcher's chats hold. The old index is taken out,
//! and the new one is made by the flusher, piece by piece beside all else; until then a search
//! walks through the messages of the chats that it does not have yet.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::{m20261120_000001_first as first, m20261126_000005_fold_letters as reindex};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Postings {
    Table,
    ChatId,
    FirstId,
    Block,
}

#[derive(DeriveIden)]
enum Messages {
    Table,
    Id,
}

/// Takes out the full-text index.
async fn drop_full_text(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let sql = manager.get_connection();
    if manager.get_database_backend() != DbBackend::MySql {
        let drop = "DROP TRIGGER IF EXISTS messages_inserted;
            DROP TRIGGER IF EXISTS messages_updated;
            DROP TRIGGER IF EXISTS messages_deleted;
            DROP TABLE IF EXISTS message_terms;
            DROP TABLE IF EXISTS message_rows;";
        return sql.execute_unprepared(drop).await.map(|_| ());
    }
    if manager.has_index("messages", "messages_terms").await? {
        let drop = "ALTER TABLE messages DROP INDEX messages_terms";
        sql.execute_unprepared(drop).await?;
    }
    let some_message = Query::select()
        .column(Messages::Id)
        .from(Messages::Table)
        .limit(1)
        .take();
    // InnoDB keeps the column by which the index knew the rows until the table is made anew, which
    // takes no time only while it has none.
    if sql.query_one(&some_message).await?.is_none() {
        sql.execute_unprepared("ALTER TABLE messages FORCE").await?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let block = match backend {
            DbBackend::MySql => ColumnDef::new(Postings::Block)
                .custom(Alias::new("MEDIUMBLOB"))
                .not_null()
                .take(),
            _ => ColumnDef::new(Postings::Block).blob().not_null().take(),
        };
        let columns = vec![
            first::id(Postings::ChatId),
            first::tick(Postings::FirstId),
            block,
        ];
        let key = Index::create()
            .col(Postings::ChatId)
            .col(Postings::FirstId)
            .take();
        manager
            .create_table(
                first::table(backend, Postings::Table, columns)
                    .primary_key(&mut key.clone())
                    .take(),
            )
            .await?;
        drop_full_text(manager).await?;
        reindex::Migration.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Postings::Table).take())
            .await?;
        let sql = manager.get_connection();
        for statement in first::search_index(manager.get_database_backend()) {
            sql.execute_unprepared(statement).await?;
        }
        reindex::Migration.up(manager).await
    }
}
