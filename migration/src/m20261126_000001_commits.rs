//! The commits of each writer, by which it shows that a store went back in time.

use sea_orm_migration::prelude::*;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Commits {
    Table,
    Writer,
    Owner,
    Number,
    Marks,
    Used,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create()
            .table(Commits::Table)
            .if_not_exists()
            .col(
                ColumnDef::new(Commits::Writer)
                    .string_len(36)
                    .not_null()
                    .primary_key(),
            )
            .col(ColumnDef::new(Commits::Owner).string_len(36).not_null())
            .col(ColumnDef::new(Commits::Number).big_integer().not_null())
            // Four bytes for each of 512 partitions.
            .col(ColumnDef::new(Commits::Marks).var_binary(2048).not_null())
            .col(ColumnDef::new(Commits::Used).big_integer().not_null())
            .take();
        if manager.get_database_backend() == sea_orm_migration::sea_orm::DbBackend::MySql {
            table
                .engine("InnoDB")
                .character_set("utf8mb4")
                .collate("utf8mb4_bin");
        }
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Commits::Table).to_owned())
            .await
    }
}
