//! The marks of commits: `settled <= what SQL has <= began`, for each writer and each partition. A
//! Redis that went back has forgotten what was begun; an SQL that went back lacks what was settled.

use std::collections::HashMap;

use fred::types::config::Server;
use futures_util::future::try_join_all;
use model::Partition;

use crate::wire::{
    Error, Hot, Kind, Reply, Result, arg, due,
    keys::{commits, commits_of_names},
    pairs, text, verbs,
};

/// The marks of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMarks {
    /// The kind of the partition.
    pub kind: Kind,
    /// Its number.
    pub partition: Partition,
    /// The newest commit that each writer has begun with rows of it.
    pub began: HashMap<String, i64>,
    /// A commit of each writer that SQL had when rows of it left.
    pub settled: HashMap<String, i64>,
}

/// Fails when a script found that Redis has forgotten a commit.
pub(super) fn check_forgotten(reply: &Reply) -> Result<()> {
    match reply.word() {
        "FORGOT" => Err(Error::Forgot),
        _ => Ok(()),
    }
}

/// Returns all partitions of chats, then all of users.
pub fn partitions() -> impl Iterator<Item = (Kind, Partition)> {
    [Kind::Chat, Kind::User]
        .into_iter()
        .flat_map(|kind| Partition::all().map(move |partition| (kind, partition)))
}

/// Returns the place of a partition among all: those of chats, then those of users.
pub fn partition_index((kind, partition): (Kind, Partition)) -> usize {
    match kind {
        Kind::Chat => partition.0.into(),
        Kind::User => 256 + usize::from(partition.0),
    }
}

impl Hot {
    /// Reads the marks of all partitions.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer.
    pub async fn commit_marks(&self) -> Result<Vec<PartitionMarks>> {
        try_join_all(partitions().map(async |(kind, partition)| {
            let found = self
                .command("HGETALL", vec![arg(commits(kind, partition))])
                .await?;
            let (mut began, mut settled) = (HashMap::new(), HashMap::new());
            for (field, number) in pairs(&found.into_array()) {
                match field.split_once(':') {
                    Some(("began", writer)) => began.insert(writer.to_owned(), number),
                    Some((_, writer)) => settled.insert(writer.to_owned(), number),
                    None => None,
                };
            }
            for (writer, number) in &settled {
                self.settled.raise(writer, *number);
            }
            Ok(PartitionMarks {
                kind,
                partition,
                began,
                settled,
            })
        }))
        .await
    }

    /// Reads the commits that SQL had when claims of names were released.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer.
    pub async fn commits_with_names(&self) -> Result<Vec<(String, i64)>> {
        let read = Partition::all().map(async |partition| {
            let key = arg(commits_of_names(partition));
            self.command("HGETALL", vec![key]).await
        });
        let found = try_join_all(read).await?;
        let all = found.into_iter().flat_map(|marks| {
            let marks = marks.into_array();
            pairs(&marks).collect::<Vec<_>>()
        });
        let writer = |(field, number): (String, i64)| {
            Some((field.strip_prefix("settled:")?.to_owned(), number))
        };
        Ok(all.filter_map(writer).collect())
    }

    /// Takes these commits, which SQL has, for begun in a partition: nothing older is left there.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    pub async fn accept_commits(
        &self,
        (kind, partition): (Kind, Partition),
        saved: &[(String, i64)],
    ) -> Result<()> {
        let saved = saved
            .iter()
            .flat_map(|(writer, number)| [arg(writer), arg(number)])
            .collect();
        let commits = commits(kind, partition);
        self.run(verbs::AcceptCommits { commits, saved })
            .await
            .map(drop)
    }

    /// Deletes all marks.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: some may be deleted.
    pub async fn forget_commits(&self) -> Result<()> {
        let keys = partitions()
            .map(|(kind, partition)| commits(kind, partition))
            .chain(Partition::all().map(commits_of_names));
        try_join_all(keys.map(|key| self.command("DEL", vec![arg(key)])))
            .await
            .map(drop)
    }

    /// Returns all partitions that are on a node with one of these: all of them, but in a cluster.
    pub fn neighbours(&self, of: &[(Kind, Partition)]) -> Vec<(Kind, Partition)> {
        let nodes = self.nodes_of(of);
        let is_there = |(kind, partition)| nodes.contains(&self.node_of(&due(kind, partition)));
        partitions()
            .filter(|partition| is_there(*partition))
            .collect()
    }

    fn nodes_of(&self, partitions: &[(Kind, Partition)]) -> Vec<Option<Server>> {
        let node = |(kind, partition): &(Kind, Partition)| self.node_of(&due(*kind, *partition));
        let mut nodes = Vec::new();
        for node in partitions.iter().map(node) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        nodes
    }

    /// Returns the ids of all chats, or users, of a partition that are resident.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer.
    pub async fn residents(&self, (kind, partition): (Kind, Partition)) -> Result<Vec<String>> {
        let args = vec![arg(due(kind, partition)), arg(0), arg(-1)];
        let found = self.command("ZRANGE", args).await?;
        Ok(found.into_array().into_iter().map(text).collect())
    }

    /// True when nobody is resident in these partitions.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer.
    pub async fn is_empty(&self, partitions: &[(Kind, Partition)]) -> Result<bool> {
        let exists = partitions
            .iter()
            .map(|(kind, partition)| self.command("EXISTS", vec![arg(due(*kind, *partition))]));
        let exist = try_join_all(exists).await?;
        Ok(exist.iter().all(|exists| exists.as_i64() == Some(0)))
    }

    /// Ends all sessions, and all hydrations that are under way, on the nodes of these partitions:
    /// a session that was closed may be back, and a hydration may have read SQL too early.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: some may go on.
    pub async fn end_past(&self, of: &[(Kind, Partition)]) -> Result<()> {
        for node in self.nodes_of(of) {
            for pattern in ["*:hydrating", "session:*", "user:*:sessions"] {
                self.delete_matching(&node, pattern).await?;
            }
        }
        Ok(())
    }

    /// Deletes the keys of a node that match a pattern, a thousand at a time.
    async fn delete_matching(&self, node: &Option<Server>, pattern: &str) -> Result<()> {
        let mut cursor = String::from("0");
        loop {
            let scan = [&cursor, "MATCH", pattern, "COUNT", "1000"];
            let scan = scan.into_iter().map(arg).collect();
            let found = self.command_on(node.clone(), "SCAN", scan).await?;
            let mut found = found.into_array().into_iter();
            cursor = found.next().map(text).unwrap_or_default();
            let keys = found.next().map(|keys| keys.into_array());
            let delete = |key| self.command("DEL", vec![key]);
            try_join_all(keys.into_iter().flatten().map(delete)).await?;
            if cursor == "0" || cursor.is_empty() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fred::types::Value;

    use super::*;

    #[test]
    fn a_script_that_misses_a_commit_is_an_error() {
        let reply = |word: &str| Reply::new("settle_chat", Value::Array(vec![word.into()]));
        assert!(matches!(
            check_forgotten(&reply("FORGOT")),
            Err(Error::Forgot)
        ));
        assert!(check_forgotten(&reply("GONE")).is_ok());
    }

    #[test]
    fn the_partitions_are_those_of_chats_and_those_of_users() {
        let all: Vec<_> = partitions().collect();
        assert_eq!(all.len(), 512);
        assert_eq!(all[255], (Kind::Chat, Partition(255)));
        assert_eq!(all[256], (Kind::User, Partition(0)));
        assert!(all.iter().map(|one| partition_index(*one)).eq(0..512));
    }
}
