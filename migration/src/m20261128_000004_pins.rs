//! The pinned messages of each chat; there are none yet.

use sea_orm_migration::prelude::*;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Chats {
    Table,
    Pins,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = ColumnDef::new(Chats::Pins);
        // 50 ids of 16 digits. A process that does not know the column leaves it as it is.
        column.string_len(900).not_null().default("");
        manager
            .alter_table(Table::alter().table(Chats::Table).add_column(column).take())
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(Chats::Table)
                    .drop_column(Chats::Pins)
                    .take(),
            )
            .await
    }
}
