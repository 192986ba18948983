//! What a Redis with `appendfsync everysec` has on disk, where it has no WAITAOF to say it (before 7.2), or one that says it too early.
//!
//! It begins an fsync every second, unless one is still under way; so on a slow disk what was written may wait for any time. INFO tells whether one is under
//! way. When none was at one look, and a second had passed at a later one, an fsync of all that was written before the first has begun by the time that
//! the later is answered (`flushAppendOnlyFile` of Redis 7.0: it comes before the answer); when after that none is under way again, it has ended.

use std::{collections::VecDeque, time::Duration};

use fred::types::config::Server;
use futures_util::future::try_join;
use model::Tick;
use tokio::sync::watch;

use crate::{Hot, Result, client::arg, reply::text, server::tick_of};

/// How often Redis is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Within this an fsync has begun: a second, which may have begun just before, and what a clock of 10 Hz adds.
const BEGINS: Duration = Duration::from_millis(1200);

/// Watches until when all is on disk. It ends when this is dropped.
#[derive(Clone)]
pub struct Everysec(watch::Receiver<Tick>);

impl Everysec {
    /// Begins to watch.
    pub fn watch(hot: Hot) -> Self {
        let (tell, told) = watch::channel(Tick::NEVER);
        tokio::spawn(async move {
            let mut nodes = Vec::new();
            let mut turns = tokio::time::interval(LOOK);
            turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while !tell.is_closed() {
                turns.tick().await;
                let until = hot.look_at_all(&mut nodes).await.unwrap_or_else(|error| {
                    tracing::debug!(%error, "Redis does not tell what is on disk");
                    nodes.clear();
                    Tick::NEVER
                });
                tell.send_replace(until);
            }
        });
        Self(told)
    }

    /// What has a tick up to this one is on disk.
    pub fn until(&self) -> Tick {
        *self.0.borrow()
    }

    /// Waits until what has this tick is on disk; false when nobody will know.
    pub(crate) async fn reached(&self, tick: Tick) -> bool {
        self.0.clone().wait_for(|until| *until >= tick).await.is_ok()
    }
}

impl Hot {
    async fn look_at_all(&self, nodes: &mut Vec<(Option<Server>, Node)>) -> Result<Tick> {
        let primaries = self.primaries().map_or_else(|| vec![None], |nodes| nodes.into_iter().map(Some).collect());
        nodes.retain(|(server, _)| primaries.contains(server));
        let mut until = Tick::LAST;
        for server in primaries {
            // The time first: what is written between the two has a later tick.
            let (time, info) = try_join(
                self.command_on(server.clone(), "TIME", vec![]),
                self.command_on(server.clone(), "INFO", vec![arg("server"), arg("persistence")]),
            )
            .await?;
            let at = nodes.iter().position(|(known, _)| *known == server).unwrap_or_else(|| {
                nodes.push((server, Node::default()));
                nodes.len() - 1
            });
            until = until.min(nodes[at].1.see(&Look::read(tick_of(time), &text(info))));
        }
        Ok(until)
    }
}

/// What Redis told of its disk.
#[derive(Clone, Debug, Default)]
struct Look {
    time: Tick,
    /// Which process it is, and how often it has begun another file.
    of: [String; 2],
    /// Nothing is under way, and nothing has failed.
    quiet: bool,
    /// Nothing is ever written to disk: what it tells is as safe as it gets.
    without_disk: bool,
}

impl Look {
    fn read(time: Tick, info: &str) -> Self {
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim();
        // With another file the old one is closed, and how far that is nobody is told.
        let still = ["aof_pending_bio_fsync", "aof_rewrite_in_progress", "aof_rewrite_scheduled"].iter().all(|name| field(name) == "0");
        Self {
            time,
            of: ["run_id", "aof_rewrites"].map(|name| field(name).to_owned()),
            quiet: still && field("aof_last_write_status") == "ok",
            without_disk: field("aof_enabled") != "1",
        }
    }
}

/// What is known of one Redis.
#[derive(Default)]
struct Node {
    of: [String; 2],
    /// When nothing was under way, since `until`.
    quiet: VecDeque<Tick>,
    /// The last look.
    last: Tick,
    until: Tick,
}

impl Node {
    /// Until when all is on disk.
    fn see(&mut self, look: &Look) -> Tick {
        if look.of != self.of {
            // What the same process had on disk stays there.
            let until = if look.of[0] == self.of[0] { self.until } else { Tick::NEVER };
            *self = Self { of: look.of.clone(), until, ..Self::default() };
        }
        if look.quiet {
            while let Some(first) = self.quiet.pop_front_if(|first| *first <= self.last.earlier(BEGINS)) {
                self.until = first;
            }
            self.quiet.push_back(look.time);
        }
        self.last = look.time;
        if look.without_disk { look.time } else { self.until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(ms: i64, quiet: bool) -> Look {
        Look { time: Tick(ms * 1000), of: ["one".into(), "0".into()], quiet, without_disk: false }
    }

    fn ms(until: Tick) -> i64 {
        until.0 / 1000
    }

    #[test]
    fn an_fsync_that_takes_long_is_waited_for() {
        let mut node = Node::default();
        let mut see = |at, quiet| ms(node.see(&look(at, quiet)));
        assert_eq!([see(10_000, true), see(10_250, true), see(11_250, true)], [0, 0, 0], "the last look was too early");
        assert_eq!(see(11_500, true), 10_000);
        // One is under way; that of what was written at 10.3 s can begin only when it is done.
        assert_eq!([see(11_750, false), see(20_000, false)], [10_000, 10_000]);
        assert_eq!(see(20_250, true), 11_500, "it began after the last look that saw none");
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
        let rewritten = |at| Look { of: ["one".into(), "1".into()], ..look(at, true) };
        assert_eq!([ms(node.see(&rewritten(13_000))), ms(node.see(&rewritten(13_250)))], [10_000, 10_000]);
        let restarted = Look { of: ["two".into(), "0".into()], ..look(14_750, true) };
        assert_eq!(ms(node.see(&restarted)), 0);
    }

    #[test]
    fn what_redis_tells_is_read() {
        let info = "# Server\r\nrun_id:abc\r\n# Persistence\r\naof_enabled:1\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n\
                    aof_rewrites:3\r\naof_last_write_status:ok\r\naof_pending_bio_fsync:0\r\n";
        let read = Look::read(Tick(1), info);
        assert_eq!((read.of, read.quiet, read.without_disk), (["abc".to_owned(), "3".to_owned()], true, false));
        for (from, to) in
            [("fsync:0", "fsync:1"), ("progress:0", "progress:1"), ("scheduled:0", "scheduled:1"), ("status:ok", "status:err")]
        {
            assert!(!Look::read(Tick(1), &info.replace(from, to)).quiet, "{to}");
        }
        assert!(Look::read(Tick(1), "aof_enabled:0\r\n").without_disk);
    }
}
