//! How far each webhook has been told of each chat.

use sea_orm_migration::prelude::*;

use crate::m20261120_000001_first as first;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum WebhookCursors {
    Table,
    ChatId,
    WebhookId,
    Position,
    Low,
    Due,
    Claim,
    FailingSince,
    Failures,
    Failure,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = vec![
            first::id(WebhookCursors::ChatId),
            first::id(WebhookCursors::WebhookId),
            first::tick(WebhookCursors::Position),
            first::tick(WebhookCursors::Low),
            first::tick(WebhookCursors::Due),
            first::tick(WebhookCursors::Claim),
            first::tick(WebhookCursors::FailingSince),
            first::tick(WebhookCursors::Failures),
            ColumnDef::new(WebhookCursors::Failure)
                .string_len(255)
                .not_null()
                .take(),
        ];
        let mut key = Index::create()
            .col(WebhookCursors::ChatId)
            .col(WebhookCursors::WebhookId)
            .take();
        let backend = manager.get_database_backend();
        let mut table = first::table(backend, WebhookCursors::Table, columns);
        manager
            .create_table(table.primary_key(&mut key).take())
            .await?;
        let due = Index::create()
            .name("webhook_cursors_due")
            .if_not_exists()
            .table(WebhookCursors::Table)
            .col(WebhookCursors::WebhookId)
            .col(WebhookCursors::Due)
            .take();
        manager.create_index(due).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = Table::drop().table(WebhookCursors::Table).take();
        manager.drop_table(drop).await
    }
}
