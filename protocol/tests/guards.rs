//! Every bounded model holds, and none does without one of its guards.

use protocol::{
    CheckResult,
    history::{Guard, History},
    membership::{self, Membership},
    names::{self, Names},
    restore::{self, Restore},
    visit,
};

fn holds(outcome: &CheckResult) {
    assert!(outcome.holds(), "{outcome:#?}");
    println!("{} states", outcome.states);
}

fn fails(guard: &dyn std::fmt::Debug, outcome: &CheckResult) {
    let (invariant, steps) = outcome
        .counterexample
        .as_ref()
        .unwrap_or_else(|| panic!("nothing fails without {guard:?}: {outcome:?}"));
    println!(
        "{guard:?}: not \"{invariant}\" after {} steps; {} states",
        steps.len(),
        outcome.states
    );
}

/// A model small enough for a few seconds.
fn history() -> History {
    History {
        messages: 2,
        edits: 1,
        flushers: 1,
        hydrators: 1,
        editors: 1,
        reader: true,
        ..History::default()
    }
}

/// A model with all that one power cut may do.
fn with_power_cut() -> History {
    History {
        messages: 2,
        edits: 1,
        flushers: 1,
        hydrators: 0,
        editors: 1,
        power_cuts: 1,
        ..History::default()
    }
}

#[test]
fn a_history_is_whole_whatever_happens() {
    holds(&visit(history()));
    holds(&visit(History {
        flushers: 2,
        edits: 1,
        editors: 1,
        hydrators: 0,
        reader: false,
        ..history()
    }));
    holds(&visit(History {
        hydrators: 2,
        messages: 2,
        edits: 0,
        editors: 0,
        ..history()
    }));
}

#[test]
fn a_history_is_whole_after_a_power_cut() {
    holds(&visit(with_power_cut()));
    holds(&visit(History {
        messages: 1,
        editors: 2,
        old: true,
        ..with_power_cut()
    }));
}

#[test]
fn a_new_chat_is_built_over_nothing() {
    holds(&visit(History {
        created: true,
        hydrators: 2,
        edits: 0,
        editors: 0,
        ..history()
    }));
}

#[test]
fn of_a_deleted_chat_nothing_is_left() {
    holds(&visit(History {
        deletes_chat: true,
        flushers: 2,
        edits: 0,
        editors: 0,
        ..history()
    }));
}

/// A chat that may be deleted before anything of it is in SQL.
fn deleted_early() -> History {
    History {
        messages: 2,
        flushers: 2,
        hydrators: 1,
        created: true,
        deletes_chat: true,
        ..History::default()
    }
}

#[test]
fn of_a_chat_that_is_deleted_before_it_is_saved_nothing_is_left() {
    holds(&visit(deleted_early()));
}

/// A chat in which a message may be sent again, even after an hour.
fn resent() -> History {
    History {
        messages: 2,
        flushers: 1,
        hydrators: 1,
        resends: true,
        ..History::default()
    }
}

#[test]
fn a_message_that_is_sent_again_is_no_other() {
    holds(&visit(resent()));
}

/// A chat whose readers ask a node of SQL that lags.
fn lagging() -> History {
    History {
        lags: true,
        ..history()
    }
}

#[test]
fn what_a_node_that_lags_does_not_have_yet_is_missed_by_nobody() {
    holds(&visit(lagging()));
    holds(&visit(History {
        lags: true,
        ..resent()
    }));
}

#[test]
fn no_guard_of_a_history_is_there_for_nothing() {
    let two_flushers = || History {
        flushers: 2,
        ..history()
    };
    let after_long = || History {
        messages: 1,
        edits: 2,
        editors: 2,
        old: true,
        ..with_power_cut()
    };
    let deleted = || History {
        deletes_chat: true,
        flushers: 2,
        edits: 0,
        editors: 0,
        ..history()
    };
    let guards = [
        (Guard::MonotoneUpsert, two_flushers()),
        (Guard::SettleComparesRevs, history()),
        (Guard::EvictOnlyClean, history()),
        (Guard::TrimOnlyClean, history()),
        (
            Guard::LoadNeedsNonce,
            History {
                hydrators: 2,
                ..history()
            },
        ),
        (Guard::HotFirst, history()),
        (
            Guard::DroppedChecked,
            History {
                power_cuts: 0,
                ..after_long()
            },
        ),
        (Guard::DroppedByNonce, after_long()),
        (Guard::ReplaceComparesContent, after_long()),
        (Guard::DurableFirst, with_power_cut()),
        (
            Guard::CreationByLoad,
            History {
                created: true,
                edits: 0,
                editors: 0,
                ..history()
            },
        ),
        (Guard::LeaseKeepsDue, history()),
        (Guard::LoadIsDue, history()),
        (
            Guard::ClockIsSaved,
            History {
                edits: 2,
                ..history()
            },
        ),
        (Guard::CommitSparesDeleted, deleted()),
        (Guard::SweepBeforeSettle, deleted()),
        (Guard::LockWithoutRow, deleted_early()),
        (Guard::UnsavedKeysStay, resent()),
        (Guard::LookupNeedsNonce, resent()),
        (Guard::ForgettingIsLeaving, resent()),
        (Guard::SettleTellsCommit, lagging()),
        (Guard::NodeIsNotBelow, lagging()),
    ];
    for (guard, model) in guards {
        fails(
            &guard,
            &visit(History {
                without: Some(guard),
                ..model
            }),
        );
    }
}

#[test]
fn a_list_has_the_chats_that_its_user_is_in() {
    let model = |power_cuts, without| Membership {
        changes: 2,
        apis: 2,
        flushers: 2,
        hydrators: 1,
        power_cuts,
        without,
    };
    holds(&visit(model(0, None)));
    holds(&visit(model(1, None)));
    use membership::Guard::*;
    for guard in [
        PropagateBeforeSettle,
        EnlistEndsHydration,
        EnlistTakesTheLater,
        CommitBeforePropagate,
        LoadNeedsNonce,
    ] {
        fails(&guard, &visit(model(0, Some(guard))));
    }
    fails(
        &PropagationIsDurable,
        &visit(model(1, Some(PropagationIsDurable))),
    );
}

#[test]
fn a_store_that_goes_back_shows_and_loses_nothing() {
    let model = |redis_goes_back, sql_goes_back, without| Restore {
        changes: 3,
        commits: 4,
        redis_goes_back,
        sql_goes_back,
        without,
    };
    holds(&visit(model(1, 0, None)));
    holds(&visit(model(0, 1, None)));
    use restore::Guard::*;
    for guard in [
        FenceIsUp,
        NumbersAreNew,
        CommitCounts,
        RefreshSaves,
        RefreshEndsSessions,
        AcceptLast,
    ] {
        fails(&guard, &visit(model(1, 0, Some(guard))));
    }
    for guard in [CommitComparesNumbers, SettleMarks, SaveAgain] {
        fails(&guard, &visit(model(0, 1, Some(guard))));
    }
}

#[test]
fn a_name_is_one_users() {
    let model = |power_cuts, without| Names {
        tries: 3,
        power_cuts,
        without,
    };
    holds(&visit(model(0, None)));
    holds(&visit(model(1, None)));
    use names::Guard::*;
    for guard in [
        ClaimIsExclusive,
        SqlIsAsked,
        RowNeedsWant,
        OwnerIsAsked,
        AbandonmentTakesWant,
        ReleasedByOwnerOnly,
        CommitBeforeRelease,
    ] {
        fails(&guard, &visit(model(0, Some(guard))));
    }
    fails(&ClaimIsDurable, &visit(model(1, Some(ClaimIsDurable))));
}
