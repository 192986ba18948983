//! Every bounded model holds, and none does without one of its guards.

use protocol::{
    Outcome,
    history::{Guard, History},
    membership::{self, Membership},
    names::{self, Names},
    visit,
};

fn holds(outcome: &Outcome) {
    assert!(outcome.holds(), "{outcome:#?}");
    println!("{} states", outcome.states);
}

fn fails(guard: &dyn std::fmt::Debug, outcome: &Outcome) {
    let (invariant, steps) = outcome.counterexample.as_ref().unwrap_or_else(|| panic!("nothing fails without {guard:?}: {outcome:?}"));
    println!("{guard:?}: not \"{invariant}\" after {} steps; {} states", steps.len(), outcome.states);
}

/// Small enough for a few seconds.
fn history() -> History {
    History { messages: 2, edits: 1, flushers: 1, hydrators: 1, editors: 1, reader: true, ..History::default() }
}

/// With all that one power cut may do.
fn with_power_cut() -> History {
    History { messages: 2, edits: 1, flushers: 1, hydrators: 0, editors: 1, power_cuts: 1, ..History::default() }
}

#[test]
fn a_history_is_whole_whatever_happens() {
    holds(&visit(history()));
    holds(&visit(History { flushers: 2, edits: 1, editors: 1, hydrators: 0, reader: false, ..history() }));
    holds(&visit(History { hydrators: 2, messages: 2, edits: 0, editors: 0, ..history() }));
}

#[test]
fn a_history_is_whole_after_a_power_cut() {
    holds(&visit(with_power_cut()));
    holds(&visit(History { messages: 1, editors: 2, old: true, ..with_power_cut() }));
}

#[test]
fn a_new_chat_is_built_over_nothing() {
    holds(&visit(History { created: true, hydrators: 2, edits: 0, editors: 0, ..history() }));
}

#[test]
fn of_a_deleted_chat_nothing_is_left() {
    holds(&visit(History { deletes_chat: true, flushers: 2, edits: 0, editors: 0, ..history() }));
}

#[test]
fn no_guard_of_a_history_is_there_for_nothing() {
    let two_flushers = || History { flushers: 2, ..history() };
    let after_long = || History { messages: 1, edits: 2, editors: 2, old: true, ..with_power_cut() };
    let deleted = || History { deletes_chat: true, flushers: 2, edits: 0, editors: 0, ..history() };
    let guards = [
        (Guard::MonotoneUpsert, two_flushers()),
        (Guard::SettleComparesRevs, history()),
        (Guard::EvictOnlyClean, history()),
        (Guard::TrimOnlyClean, history()),
        (Guard::HydrationFence, History { hydrators: 2, ..history() }),
        (Guard::HotFirst, history()),
        (Guard::DroppedChecked, History { power_cuts: 0, ..after_long() }),
        (Guard::DroppedByNonce, after_long()),
        (Guard::ReplaceComparesContent, after_long()),
        (Guard::DurableFirst, with_power_cut()),
        (Guard::CreationByLoad, History { created: true, edits: 0, editors: 0, ..history() }),
        (Guard::ClaimKeepsDue, history()),
        (Guard::LoadIsDue, history()),
        (Guard::ClockIsSaved, History { edits: 2, ..history() }),
        (Guard::CommitSparesDeleted, deleted()),
        (Guard::SweepBeforeSettle, deleted()),
    ];
    for (guard, model) in guards {
        fails(&guard, &visit(History { without: Some(guard), ..model }));
    }
}

#[test]
fn a_list_has_the_chats_that_its_user_is_in() {
    let model = |power_cuts, without| Membership { changes: 2, apis: 2, flushers: 2, hydrators: 1, power_cuts, without };
    holds(&visit(model(0, None)));
    holds(&visit(model(1, None)));
    use membership::Guard::*;
    for guard in [HealBeforeSettle, EnlistEndsHydration, EnlistTakesTheLater, CommitBeforeHeal, HydrationFence] {
        fails(&guard, &visit(model(0, Some(guard))));
    }
    fails(&HealIsDurable, &visit(model(1, Some(HealIsDurable))));
}

#[test]
fn a_name_is_one_users() {
    let model = |power_cuts, without| Names { tries: 3, power_cuts, without };
    holds(&visit(model(0, None)));
    holds(&visit(model(1, None)));
    use names::Guard::*;
    for guard in [ClaimIsExclusive, SqlIsAsked, RowNeedsWant, OwnerIsAsked, DisownTakesWant, ReleasedByOwnerOnly, CommitBeforeRelease] {
        fails(&guard, &visit(model(0, Some(guard))));
    }
    fails(&ClaimIsDurable, &visit(model(1, Some(ClaimIsDurable))));
}
