//! `make model`: visits all states of models that are too large for the tests.

use std::{process::ExitCode, time::Instant};

use protocol::{Outcome, history::History, membership::Membership, names::Names, visit};

fn main() -> ExitCode {
    let history = |messages, edits, flushers, hydrators, editors| History {
        messages,
        edits,
        flushers,
        hydrators,
        editors,
        reader: true,
        ..History::default()
    };
    let mut all_hold = true;
    let mut tell = |what: &str, visit: &dyn Fn() -> Outcome| {
        let began = Instant::now();
        let outcome = visit();
        all_hold &= outcome.holds();
        let verdict = match (&outcome.counterexample, outcome.never.first()) {
            (Some((invariant, steps)), _) => format!("NOT {invariant}:\n    {}", steps.join("\n    ")),
            (None, Some(never)) => format!("never: {never}"),
            (None, None) => "holds".to_owned(),
        };
        println!("{what:62} {:>11} states {:>6.1?}  {verdict}", outcome.states, began.elapsed());
    };
    tell("names: 4 tries", &|| visit(Names { tries: 4, power_cuts: 0, without: None }));
    tell("names: 3 tries with a power cut", &|| visit(Names { tries: 3, power_cuts: 1, without: None }));
    tell("history: 2 messages, 1 edit, 2 flushers, 1 hydrator, 1 editor", &|| visit(history(2, 1, 2, 1, 1)));
    tell("history: 2 messages, 1 edit, 1 flusher, 2 hydrators, 1 editor", &|| visit(history(2, 1, 1, 2, 1)));
    tell("history: 2 messages, 2 edits, 1 flusher, 1 hydrator, 2 editors", &|| visit(history(2, 2, 1, 1, 2)));
    tell("history: 3 messages, 1 edit, 1 flusher, 1 hydrator, 1 editor", &|| visit(history(3, 1, 1, 1, 1)));
    tell("history with a power cut: 2 messages, 1 edit, 2 flushers", &|| visit(History { power_cuts: 1, ..history(2, 1, 2, 0, 1) }));
    tell("history with two power cuts: 1 message, 1 edit, 1 flusher", &|| {
        visit(History { power_cuts: 2, old: true, ..history(1, 1, 1, 0, 1) })
    });
    tell("a new chat: 2 messages, 2 creators", &|| visit(History { created: true, ..history(2, 0, 2, 2, 0) }));
    tell("a chat that is deleted: 2 messages, 2 flushers", &|| visit(History { deletes_chat: true, ..history(2, 0, 2, 1, 0) }));
    let membership = Membership { changes: 4, apis: 2, flushers: 2, hydrators: 2, power_cuts: 0, without: None };
    tell("membership: 4 changes, 2 APIs, 2 flushers, 2 hydrators", &|| visit(membership.clone()));
    tell("membership with a power cut", &|| visit(Membership { changes: 3, power_cuts: 1, ..membership.clone() }));
    if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
