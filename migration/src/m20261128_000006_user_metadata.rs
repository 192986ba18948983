//! The metadata of users; none has any yet. That of messages is in `extras`, with all else that few
//! messages have.

use sea_orm_migration::prelude::*;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    Metadata,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = ColumnDef::new(Users::Metadata);
        // A process that does not know the column leaves it as it is.
        column.text();
        manager
            .alter_table(Table::alter().table(Users::Table).add_column(column).take())
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(Users::Table)
                    .drop_column(Users::Metadata)
                    .take(),
            )
            .await
    }
}
