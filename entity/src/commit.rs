//! Table `commits`: how far each writer of SQL has come.
#![allow(missing_docs)] // sea-orm derives public items without docs

use sea_orm::entity::prelude::*;

/// The commits of a writer: a flusher, and after its end the next one that takes the row over.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "commits")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub writer: String,
    /// The process that writes under this name now.
    pub owner: String,
    /// The number of the newest commit.
    pub number: i64,
    /// The newest commit with rows of each partition, as far as Redis cannot forget that it was
    /// begun; see [`read_marks`].
    pub marks: Vec<u8>,
    /// The tick of the last use; zero when the owner gave it up.
    pub used: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the column of marks: four bytes each, the highest first.
pub fn write_marks(marks: &[u32]) -> Vec<u8> {
    marks.iter().flat_map(|mark| mark.to_be_bytes()).collect()
}

/// Reads the column of marks.
pub fn read_marks(bytes: &[u8]) -> Vec<u32> {
    let (marks, _) = bytes.as_chunks();
    marks.iter().copied().map(u32::from_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_were_written() {
        let marks = [0, 1, 70_000, u32::MAX];
        assert_eq!(write_marks(&marks).len(), 16);
        assert_eq!(read_marks(&write_marks(&marks)), marks);
        assert!(read_marks(&[]).is_empty());
    }
}
