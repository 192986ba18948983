//! The settings of a run.

use std::{path::PathBuf, time::Duration};

use crate::sql::Engine;

/// The settings of the table of costs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The SQL that is measured
    #[arg(long, value_enum, default_value = "sqlite")]
    pub(crate) sql: Engine,
    /// Messages in SQL [default: 100000, quick 20000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1000..))]
    messages: Option<u32>,
    /// Direct chats in Redis, at the least [default: 1000, quick 200]
    #[arg(long)]
    chats: Option<usize>,
    /// Connections that ask at once, at the most
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Rounds, in each of which every row is measured [default: 3, quick 1]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: Option<u8>,
    /// Seconds of each of the two measurements of a row [default: 5, quick 1]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    seconds: Option<u8>,
    /// A look: the whole in less than two minutes
    #[arg(long)]
    quick: bool,
    /// Measure only the rows whose name has this word
    #[arg(long, value_name = "WORD")]
    pub(crate) only: Option<String>,
    /// Write the table as JSON into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draw the table into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) svg: Option<PathBuf>,
    /// Fail where a ratio is worse than that in bench/baseline.json by more than a quarter
    #[arg(long)]
    pub(crate) check: bool,
    /// Write the ratios into bench/baseline.json
    #[arg(long, conflicts_with = "check")]
    pub(crate) write_baseline: bool,
}

impl Options {
    fn or<T>(&self, given: Option<T>, whole: T, quick: T) -> T {
        given.unwrap_or(if self.quick { quick } else { whole })
    }

    /// Returns the number of messages in SQL.
    pub(crate) fn messages(&self) -> usize {
        self.or(self.messages, 100_000, 20_000) as usize
    }

    /// Returns the number of direct chats in Redis.
    pub(crate) fn chats(&self) -> usize {
        self.or(self.chats, 1000, 200)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.into()
    }

    pub(crate) fn rounds(&self) -> u8 {
        self.or(self.rounds, 3, 1)
    }

    /// Returns the time of each of the two measurements of a row.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.or(self.seconds, 5, 1).into())
    }

    /// Returns how long what fills the servers is left alone before some rows are measured; a quick
    /// run does not wait, and judges no law of theirs.
    pub(crate) fn rest(&self) -> Option<Duration> {
        (!self.quick).then_some(Duration::from_secs(150))
    }

    /// Returns the number of messages that a drain begins with.
    pub(crate) fn drained(&self) -> usize {
        self.or(None, 60_000, 20_000)
    }

    /// Returns true when a row of this name is to be measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|word| name.contains(word))
    }

    /// Returns in words on what a run depends: only runs with the same are compared.
    pub(crate) fn scale(&self) -> String {
        let sql = match self.sql {
            Engine::Sqlite => "SQLite",
            Engine::Mariadb => "MariaDB",
        };
        format!(
            "{sql}, {} messages, {} chats, {} connections",
            self.messages(),
            self.chats(),
            self.connections
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn parse(words: &[&str]) -> clap::error::Result<Options> {
        let command = Options::augment_args(Command::new("bench"));
        let words = std::iter::once(&"bench").chain(words);
        Options::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    #[test]
    fn a_quick_run_is_smaller_and_what_is_given_counts() {
        let of = |words: &[&str]| {
            let options = parse(words).expect("they are right");
            (options.scale(), options.rounds(), options.time().as_secs())
        };
        let whole = "SQLite, 100000 messages, 1000 chats, 32 connections";
        assert_eq!(of(&[]), (whole.into(), 3, 5));
        let quick = "MariaDB, 20000 messages, 200 chats, 32 connections";
        assert_eq!(of(&["--quick", "--sql", "mariadb"]), (quick.into(), 1, 1));
        let given = ["--quick", "--messages", "5000", "--seconds", "2"];
        let scale = "SQLite, 5000 messages, 200 chats, 32 connections";
        assert_eq!(of(&given), (scale.into(), 1, 2));
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        for wrong in [
            ["--messages", "999"],
            ["--connections", "0"],
            ["--rounds", "0"],
            ["--seconds", "0"],
            ["--sql", "oracle"],
        ] {
            assert!(parse(&wrong).is_err(), "{wrong:?}");
        }
        assert!(parse(&["--check", "--write-baseline"]).is_err());
    }

    #[test]
    fn a_word_chooses_the_rows_whose_name_has_it() {
        let options = parse(&["--only", "send"]).expect("a word");
        assert!(options.wants("send, always") && !options.wants("search"));
        assert!(parse(&[]).expect("nothing").wants("search"));
    }
}
