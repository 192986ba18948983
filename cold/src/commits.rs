//! The commits of each writer, by which it shows that a store went back in time.

use entity::commit;
use sea_orm::EntityTrait;

use crate::{Cold, Result};

/// How far a writer of SQL has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterCommits {
    /// The writer.
    pub writer: String,
    /// The number of its newest commit.
    pub number: i64,
    /// The newest commit with rows of each partition, chats' before users'.
    pub marks: Vec<u32>,
}

impl WriterCommits {
    /// Returns the newest commit with rows of the partition with this index.
    pub fn mark(&self, at: usize) -> i64 {
        self.marks.get(at).copied().unwrap_or(0).into()
    }
}

impl Cold {
    /// Loads the commits of all writers, whatever they are.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn commits(&self) -> Result<Vec<WriterCommits>> {
        // A proxy that splits reads from writes sends a transaction to the primary.
        let node = self.without_floor().on_one_node().await?;
        let rows = commit::Entity::find().all(&node.db).await?;
        Ok(rows
            .into_iter()
            .map(|row| WriterCommits {
                marks: commit::read_marks(&row.marks),
                writer: row.writer,
                number: row.number,
            })
            .collect())
    }
}
