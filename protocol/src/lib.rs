//! The store's protocol as a model; a checker visits every interleaving of its steps.
//!
//! Four models, each of steps that may interfere with each other: [`history`] (a chat's messages
//! between Redis and SQL), [`membership`] (a membership over two slots), [`names`], and [`restore`]
//! (stores that go back in time). Each has its invariants and its guards. The tests visit bounded
//! models in about a minute, and leave out each guard in turn, which must make an invariant fail;
//! `make model` visits larger models whole.

// A chat's messages between Redis and SQL.
pub mod history;
// A membership over two slots.
pub mod membership;
// A name that two users want.
pub mod names;
// Stores that go back in time.
pub mod restore;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// The result of visiting a model.
#[derive(Debug)]
pub struct CheckResult {
    /// The number of states, or of those visited before a counterexample was found.
    pub states: usize,
    /// The invariant that fails, and the steps that lead there.
    pub counterexample: Option<(&'static str, Vec<String>)>,
    /// Events that should happen somewhere and do not: the model is about nothing.
    pub never: Vec<&'static str>,
}

impl CheckResult {
    /// Returns true if the invariants hold, and the model is about something.
    pub fn holds(&self) -> bool {
        self.counterexample.is_none() && self.never.is_empty()
    }
}

/// Visits every state of a model, or those up to the first that breaks an invariant.
pub fn visit<M>(model: M) -> CheckResult
where
    M: Model + Send + Sync + 'static,
    M::State: std::fmt::Debug + PartialEq + std::hash::Hash + Send + Sync + Clone,
    M::Action: std::fmt::Debug + PartialEq + Clone,
{
    let invariants: Vec<_> = model
        .properties()
        .into_iter()
        .map(|property| (property.name, property.expectation))
        .collect();
    let always = |name: &str| {
        invariants
            .iter()
            .any(|(other, what)| *other == name && *what == Expectation::Always)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = model
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let discoveries = checker.discoveries();
    let counterexample = discoveries
        .iter()
        .find(|(name, _)| always(name))
        .map(|(name, path)| {
            let steps = path
                .clone()
                .into_actions()
                .into_iter()
                .map(|step| format!("{step:?}"))
                .collect();
            (*name, steps)
        });
    let never = match &counterexample {
        Some(_) => Vec::new(),
        None => invariants
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !always(name) && !discoveries.contains_key(name))
            .collect(),
    };
    CheckResult {
        states: checker.unique_state_count(),
        counterexample,
        never,
    }
}
