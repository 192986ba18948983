//! Apostrophes are folded, and Indic letters without a vowel: the index of search is made anew once
//! more.

use sea_orm_migration::prelude::*;

use crate::m20261126_000005_fold_letters as reindex;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        reindex::Migration.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        reindex::Migration.down(manager).await
    }
}
