//! Finds out whether all notified changes of a chat have arrived: each one names the notified
//! change before it.

use model::Tick;

/// The changes of one chat that have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GapDetector {
    /// The tick up to which every notified change has arrived.
    complete_to: Tick,
    /// The changes that arrived before their predecessors did: `(prev, clock)`.
    ahead: Vec<(Tick, Tick)>,
}

impl GapDetector {
    /// Starts with every change up to `complete_to` known.
    pub(crate) fn new(complete_to: Tick) -> Self {
        Self {
            complete_to,
            ahead: Vec::new(),
        }
    }

    /// Takes note of a change at `clock` that arrived; the notified change before it was at
    /// `prev`.
    pub(crate) fn observe(&mut self, prev: Tick, clock: Tick) {
        if clock > self.complete_to {
            self.ahead.push((prev, clock));
            self.merge();
        }
    }

    /// Takes note that all changes up to `clock` were looked up.
    pub(crate) fn catch_up(&mut self, clock: Tick) {
        self.complete_to = self.complete_to.max(clock);
        self.merge();
    }

    /// Takes all that arrived for complete: what is missing is looked up in another way.
    pub(crate) fn give_up(&mut self) {
        let newest = self.ahead.iter().map(|(_, clock)| *clock).max();
        self.catch_up(newest.unwrap_or_default());
    }

    /// Returns true when a change is missing before one that arrived.
    pub(crate) fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Returns the tick up to which every notified change has arrived.
    pub(crate) fn complete_to(&self) -> Tick {
        self.complete_to
    }

    fn merge(&mut self) {
        self.ahead.sort_unstable();
        for (prev, clock) in &self.ahead {
            if *prev <= self.complete_to {
                self.complete_to = self.complete_to.max(*clock);
            }
        }
        self.ahead.retain(|(_, clock)| *clock > self.complete_to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_noticed_and_closed_by_what_was_missing() {
        let mut detector = GapDetector::new(Tick(10));
        detector.observe(Tick(8), Tick(11));
        assert!(
            !detector.has_gap() && detector.complete_to() == Tick(11),
            "what was notified before we came is no gap"
        );
        detector.observe(Tick(12), Tick(13));
        detector.observe(Tick(13), Tick(15));
        assert!(detector.has_gap() && detector.complete_to() == Tick(11));
        detector.observe(Tick(11), Tick(12));
        assert!(
            !detector.has_gap() && detector.complete_to() == Tick(15),
            "all three have arrived"
        );
        detector.observe(Tick(11), Tick(12));
        assert_eq!(
            detector,
            GapDetector::new(Tick(15)),
            "what arrives twice changes nothing"
        );
    }

    #[test]
    fn a_gap_is_closed_by_looking_up() {
        let mut detector = GapDetector::new(Tick(10));
        detector.observe(Tick(12), Tick(13));
        detector.observe(Tick(20), Tick(21));
        detector.catch_up(Tick(14));
        assert!(detector.has_gap(), "20 is still missing");
        detector.catch_up(Tick(20));
        assert_eq!(detector, GapDetector::new(Tick(21)));
    }

    #[test]
    fn looking_up_less_than_is_known_takes_nothing_back() {
        let mut detector = GapDetector::new(Tick(10));
        detector.catch_up(Tick(5));
        assert_eq!(detector, GapDetector::new(Tick(10)));
        detector.observe(Tick(3), Tick(9));
        assert_eq!(detector, GapDetector::new(Tick(10)));
    }
}
