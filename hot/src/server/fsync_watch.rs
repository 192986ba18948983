//! The watch on the disk of a Redis with `appendfsync everysec`, which has no WAITAOF to tell what
//! is on disk (before 7.2), or one that is too early.
//!
//! Redis begins an fsync every second, unless one is still under way; so on a slow disk a write may
//! wait for any time. INFO tells whether one is under way. When none was at one look, and a second
//! had passed at a later one, an fsync of all that was written before the first has begun by the
//! time that the later is answered (`flushAppendOnlyFile` of Redis 7.0: it comes before the
//! answer); when after that none is under way again, it has ended.
//!
//! A rewrite of the file tells as much: the new file has all that was written before the rewrite
//! began, and is on disk when the rewrite has ended well. So even where one rewrite follows the
//! other, and no look ever sees Redis at rest, what is on disk becomes known.

use std::{collections::VecDeque, time::Duration};

use fred::types::config::Server;
use futures_util::future::try_join;
use model::Tick;
use tokio::sync::watch;

use super::{facts::field, tick_of};
use crate::wire::{Hot, Result, arg, spawn_critical, text};

/// The interval at which Redis is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// The time within which an fsync has begun: a second, which may have begun just before, and what a
/// clock of 10 Hz adds.
const BEGINS: Duration = Duration::from_millis(1200);

/// The most rewrites that are remembered: all may fail.
const MAX_BEGUN: usize = 16;

/// A watch on the tick up to which all writes are on disk. It ends when this is dropped.
#[derive(Clone)]
pub struct FsyncWatch(watch::Receiver<Tick>);

impl FsyncWatch {
    /// Starts to watch.
    pub fn start(hot: Hot) -> Self {
        let (sender, receiver) = watch::channel(Tick::NEVER);
        spawn_critical("the watch on the disk", async move {
            let mut nodes = Vec::new();
            let mut turns = tokio::time::interval(LOOK);
            turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while !sender.is_closed() {
                turns.tick().await;
                let until = hot.look_at_all(&mut nodes).await.unwrap_or_else(|error| {
                    tracing::debug!(%error, "could not learn what is on disk");
                    nodes.clear();
                    Tick::NEVER
                });
                sender.send_replace(until);
            }
        });
        Self(receiver)
    }

    /// Returns the tick up to which all writes are on disk.
    pub fn until(&self) -> Tick {
        *self.0.borrow()
    }

    /// Waits until a write of this tick is on disk; false when that will not be known.
    pub(crate) async fn reached(&self, tick: Tick) -> bool {
        self.0
            .clone()
            .wait_for(|until| *until >= tick)
            .await
            .is_ok()
    }
}

impl Hot {
    async fn look_at_all(&self, nodes: &mut Vec<(Option<Server>, Node)>) -> Result<Tick> {
        let primaries = self
            .primaries()
            .map_or_else(|| vec![None], |nodes| nodes.into_iter().map(Some).collect());
        nodes.retain(|(server, _)| primaries.contains(server));
        let mut until = Tick::LAST;
        for server in primaries {
            // The time first: what is written between the two has a later tick.
            let (time, info) = try_join(
                self.command_on(server.clone(), "TIME", vec![]),
                self.command_on(
                    server.clone(),
                    "INFO",
                    vec![arg("server"), arg("persistence"), arg("replication")],
                ),
            )
            .await?;
            let at = nodes
                .iter()
                .position(|(known, _)| *known == server)
                .unwrap_or_else(|| {
                    nodes.push((server, Node::default()));
                    nodes.len() - 1
                });
            until = until.min(nodes[at].1.see(&Look::read(tick_of(time), &text(info))));
        }
        Ok(until)
    }
}

/// The answer of Redis about its disk.
#[derive(Clone, Debug, Default)]
struct Look {
    time: Tick,
    /// The process, and the number of times it has begun another file.
    of: [String; 2],
    /// True when no fsync is under way, and none has failed.
    quiet: bool,
    /// The number of the last rewrite that has ended, if it has ended well.
    rewritten: Option<u64>,
    /// True when nothing is ever written to disk: then every write is as durable as it gets.
    without_disk: bool,
    /// True for a replica: its disk says nothing of what the primary was told since.
    is_replica: bool,
}

impl Look {
    fn read(time: Tick, info: &str) -> Self {
        let field = |name| field(info, name).unwrap_or_default();
        // With another file the old one is closed, and Redis does not tell how far that is.
        let still = [
            "aof_pending_bio_fsync",
            "aof_rewrite_in_progress",
            "aof_rewrite_scheduled",
        ]
        .iter()
        .all(|name| field(name) == "0");
        // A rewrite counts from its beginning, and ends before the next begins.
        let ended = field("aof_rewrites").parse::<u64>().ok().and_then(|begun| {
            begun.checked_sub(u64::from(field("aof_rewrite_in_progress") != "0"))
        });
        Self {
            time,
            of: ["run_id", "aof_rewrites"].map(|name| field(name).to_owned()),
            quiet: still && field("aof_last_write_status") == "ok",
            rewritten: ended.filter(|_| field("aof_last_bgrewrite_status") == "ok"),
            without_disk: field("aof_enabled") != "1",
            is_replica: field("role") == "slave",
        }
    }
}

/// The knowledge about one Redis.
#[derive(Default)]
struct Node {
    of: [String; 2],
    /// The looks at which nothing was under way, since `until`.
    quiet: VecDeque<Tick>,
    /// The number of rewrites that had begun, and the last look at which it was that number.
    begun: VecDeque<(u64, Tick)>,
    /// The time of the last look.
    last: Tick,
    until: Tick,
}

impl Node {
    /// Takes a look into account, and returns the tick up to which all writes are on disk.
    fn see(&mut self, look: &Look) -> Tick {
        if look.is_replica {
            *self = Self::default();
            return Tick::NEVER;
        }
        if look.of != self.of {
            // What the same process had on disk stays there.
            let same = look.of[0] == self.of[0];
            let before = std::mem::take(self);
            self.of.clone_from(&look.of);
            if same {
                (self.until, self.begun) = (before.until, before.begun);
            }
        }
        self.see_rewrites(look);
        if look.quiet {
            while let Some(first) = self
                .quiet
                .pop_front_if(|first| *first <= self.last.earlier(BEGINS))
            {
                self.until = self.until.max(first);
            }
            self.quiet.push_back(look.time);
        }
        self.last = look.time;
        if look.without_disk {
            look.time
        } else {
            self.until
        }
    }

    /// Takes the rewrites into account: one that has ended well began after the last look that had
    /// seen fewer begin.
    fn see_rewrites(&mut self, look: &Look) {
        let Ok(begun) = look.of[1].parse() else {
            return;
        };
        while let Some(rewritten) = look.rewritten
            && let Some((_, before)) = self.begun.pop_front_if(|(begun, _)| *begun < rewritten)
        {
            self.until = self.until.max(before);
        }
        match self.begun.back_mut() {
            Some((last, time)) if *last == begun => *time = look.time,
            _ => self.begun.push_back((begun, look.time)),
        }
        if self.begun.len() > MAX_BEGUN {
            self.begun.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(ms: i64, quiet: bool) -> Look {
        Look {
            time: Tick(ms * 1000),
            of: ["one".into(), "0".into()],
            quiet,
            rewritten: None,
            without_disk: false,
            is_replica: false,
        }
    }

    fn ms(until: Tick) -> i64 {
        until.0 / 1000
    }

    #[test]
    fn an_fsync_that_takes_long_is_waited_for() {
        let mut node = Node::default();
        let mut see = |at, quiet| ms(node.see(&look(at, quiet)));
        assert_eq!(
            [see(10_000, true), see(10_250, true), see(11_250, true)],
            [0, 0, 0],
            "the last look was too early"
        );
        assert_eq!(see(11_500, true), 10_000);
        // One is under way; that of what was written at 10.3 s can begin only when it is done.
        assert_eq!([see(11_750, false), see(20_000, false)], [10_000, 10_000]);
        assert_eq!(
            see(20_250, true),
            11_500,
            "it began after the last look that saw none"
        );
        assert_eq!([see(20_500, true), see(21_500, true)], [11_500, 11_500]);
        assert_eq!(see(21_750, true), 20_250);
    }

    #[test]
    fn a_redis_that_stood_still_has_begun_nothing_meanwhile() {
        let mut node = Node::default();
        assert_eq!(ms(node.see(&look(10_000, true))), 0);
        assert_eq!(ms(node.see(&look(15_000, true))), 0);
        assert_eq!(ms(node.see(&look(15_250, true))), 10_000);
    }

    #[test]
    fn another_file_and_another_process_begin_anew() {
        let mut node = Node::default();
        for at in [10_000, 11_500, 11_750] {
            node.see(&look(at, true));
        }
        let rewritten = |at| Look {
            of: ["one".into(), "1".into()],
            ..look(at, true)
        };
        assert_eq!(
            [
                ms(node.see(&rewritten(13_000))),
                ms(node.see(&rewritten(13_250)))
            ],
            [10_000, 10_000]
        );
        let restarted = Look {
            of: ["two".into(), "0".into()],
            ..look(14_750, true)
        };
        assert_eq!(ms(node.see(&restarted)), 0);
    }

    #[test]
    fn the_disk_of_a_replica_says_nothing_of_what_the_primary_was_told() {
        let mut node = Node::default();
        for at in [10_000, 11_500, 11_750] {
            node.see(&look(at, true));
        }
        assert_eq!(ms(node.until), 10_000);
        let demoted = |at| Look {
            is_replica: true,
            without_disk: true,
            ..look(at, true)
        };
        assert_eq!(ms(node.see(&demoted(13_000))), 0);
        assert_eq!(ms(node.see(&look(14_500, true))), 0, "it begins anew");
    }

    #[test]
    fn a_rewrite_that_ended_well_has_put_on_disk_what_was_written_before_it_began() {
        let mut node = Node::default();
        let mut see = |at, begun: u64, rewritten| {
            ms(node.see(&Look {
                of: ["one".into(), begun.to_string()],
                rewritten,
                ..look(at, false)
            }))
        };
        assert_eq!([see(1000, 7, Some(7)), see(2000, 7, Some(7))], [0, 0]);
        assert_eq!(see(3000, 8, Some(7)), 0, "it is under way");
        assert_eq!(see(4000, 8, None), 0, "it has failed");
        // The ninth began after the look at 4 s; it has ended when the tenth is under way.
        assert_eq!([see(5000, 9, None), see(6000, 10, Some(9))], [0, 4000]);
        // Whatever happens between two looks.
        assert_eq!(see(7000, 14, Some(14)), 6000);
        assert_eq!(
            [see(8000, 14, Some(14)), see(9000, 15, Some(15))],
            [6000, 8000]
        );
    }

    #[test]
    fn what_redis_tells_is_read() {
        let info = "# Server\r\nrun_id:abc\r\n# Persistence\r\naof_enabled:1\r\n\
                    aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\naof_rewrites:3\r\n\
                    aof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\n\
                    aof_pending_bio_fsync:0\r\n";
        let read = Look::read(Tick(1), info);
        assert_eq!(read.of, ["abc", "3"]);
        assert_eq!((read.quiet, read.without_disk), (true, false));
        let rewritten = |from, to| Look::read(Tick(1), &info.replace(from, to)).rewritten;
        assert_eq!(rewritten("progress:0", "progress:0"), Some(3));
        assert_eq!(rewritten("progress:0", "progress:1"), Some(2));
        assert_eq!(rewritten("rewrite_status:ok", "rewrite_status:err"), None);
        for (from, to) in [
            ("fsync:0", "fsync:1"),
            ("progress:0", "progress:1"),
            ("scheduled:0", "scheduled:1"),
            ("status:ok", "status:err"),
        ] {
            assert!(!Look::read(Tick(1), &info.replace(from, to)).quiet, "{to}");
        }
        assert!(Look::read(Tick(1), "aof_enabled:0\r\n").without_disk);
        assert!(!read.is_replica && Look::read(Tick(1), "role:slave\r\n").is_replica);
    }
}
