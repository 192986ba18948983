//! The invitations to each group; there are none yet.

use sea_orm_migration::prelude::*;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Chats {
    Table,
    Invites,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = ColumnDef::new(Chats::Invites);
        // 20 of up to 190 characters. A process that does not know the column leaves it as it is.
        column.string_len(4000).not_null().default("");
        manager
            .alter_table(Table::alter().table(Chats::Table).add_column(column).take())
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(Chats::Table)
                    .drop_column(Chats::Invites)
                    .take(),
            )
            .await
    }
}
