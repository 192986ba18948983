//! Whether all that was told of a chat has come: each told change names the one before it.

use model::Tick;

/// What has come of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// All that was told up to here has come.
    known: Tick,
    /// Changes that came before what was told before them.
    ahead: Vec<(Tick, Tick)>,
}

impl Chain {
    pub(crate) fn new(known: Tick) -> Self {
        Self { known, ahead: Vec::new() }
    }

    /// A change at `clock` came; the one told before it was at `prev`.
    pub(crate) fn link(&mut self, prev: Tick, clock: Tick) {
        if clock > self.known {
            self.ahead.push((prev, clock));
            self.join();
        }
    }

    /// All up to here was looked up.
    pub(crate) fn catch_up(&mut self, clock: Tick) {
        self.known = self.known.max(clock);
        self.join();
    }

    /// Something is missing.
    pub(crate) fn has_hole(&self) -> bool {
        !self.ahead.is_empty()
    }

    pub(crate) fn known(&self) -> Tick {
        self.known
    }

    fn join(&mut self) {
        self.ahead.sort_unstable();
        for (prev, clock) in &self.ahead {
            if *prev <= self.known {
                self.known = self.known.max(*clock);
            }
        }
        self.ahead.retain(|(_, clock)| *clock > self.known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_noticed_and_closed_by_what_was_missing() {
        let mut chain = Chain::new(Tick(10));
        chain.link(Tick(8), Tick(11));
        assert!(!chain.has_hole() && chain.known() == Tick(11), "what was told before we came is no hole");
        chain.link(Tick(12), Tick(13));
        chain.link(Tick(13), Tick(15));
        assert!(chain.has_hole() && chain.known() == Tick(11));
        chain.link(Tick(11), Tick(12));
        assert!(!chain.has_hole() && chain.known() == Tick(15), "all three have come");
        chain.link(Tick(11), Tick(12));
        assert_eq!(chain, Chain::new(Tick(15)), "what comes twice changes nothing");
    }

    #[test]
    fn a_hole_is_closed_by_looking() {
        let mut chain = Chain::new(Tick(10));
        chain.link(Tick(12), Tick(13));
        chain.link(Tick(20), Tick(21));
        chain.catch_up(Tick(14));
        assert!(chain.has_hole(), "20 is still missing");
        chain.catch_up(Tick(20));
        assert_eq!(chain, Chain::new(Tick(21)));
    }
}
