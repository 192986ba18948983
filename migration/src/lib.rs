//! The schema, for MySQL 8+, MariaDB 10.11+ and SQLite.

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::{MigrationStatus, MigratorTrait};

// The whole schema of the first release.
mod m20261120_000001_first;
// The commits of each writer.
mod m20261126_000001_commits;
// The permission to be found by the e-mail address.
mod m20261126_000002_found_by_email;
// An index by which those who left a chat are found.
mod m20261126_000004_members_by_rev;
// The index of search, made anew since words are folded by another rule.
mod m20261126_000005_fold_letters;
// The texts of each chat that mention all.
mod m20261126_000006_mentions_all;
// The index of search, made anew since apostrophes are folded.
mod m20261127_000001_fold_apostrophes;
// The index of search, in blocks of postings.
mod m20261128_000001_postings;
// The ids of users in other products.
mod m20261128_000002_external_ids;
// The terms of many blocks of postings together.
mod m20261128_000003_spans;
// The pinned messages of each chat.
mod m20261128_000004_pins;
// The invitations to each group.
mod m20261128_000005_invites;
// How far webhooks have been told of chats.
mod m20261128_000005_webhook_cursors;
// The metadata of users.
mod m20261128_000006_user_metadata;

/// The migrations of Carrier's schema, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261120_000001_first::Migration),
            Box::new(m20261126_000001_commits::Migration),
            Box::new(m20261126_000002_found_by_email::Migration),
            Box::new(m20261126_000004_members_by_rev::Migration),
            Box::new(m20261126_000005_fold_letters::Migration),
            Box::new(m20261126_000006_mentions_all::Migration),
            Box::new(m20261127_000001_fold_apostrophes::Migration),
            Box::new(m20261128_000001_postings::Migration),
            Box::new(m20261128_000002_external_ids::Migration),
            Box::new(m20261128_000003_spans::Migration),
            Box::new(m20261128_000004_pins::Migration),
            Box::new(m20261128_000005_invites::Migration),
            Box::new(m20261128_000005_webhook_cursors::Migration),
            Box::new(m20261128_000006_user_metadata::Migration),
        ]
    }
}
