//! `make model`: visits all states of models that are too large for the tests.

use std::{process::ExitCode, time::Instant};

use protocol::{
    CheckResult, history::History, membership::Membership, names::Names, restore::Restore, visit,
};

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
    let mut check = |what: &str, visit: &dyn Fn() -> CheckResult| {
        let began = Instant::now();
        let result = visit();
        all_hold &= result.holds();
        let conclusion = match (&result.counterexample, result.never.first()) {
            (Some((invariant, steps)), _) => {
                format!("NOT {invariant}:\n    {}", steps.join("\n    "))
            }
            (None, Some(never)) => format!("never: {never}"),
            (None, None) => "holds".to_owned(),
        };
        println!(
            "{what:62} {:>11} states {:>6.1?}  {conclusion}",
            result.states,
            began.elapsed()
        );
    };
    check("names: 4 tries", &|| {
        visit(Names {
            tries: 4,
            power_cuts: 0,
            without: None,
        })
    });
    check("names: 3 tries with a power cut", &|| {
        visit(Names {
            tries: 3,
            power_cuts: 1,
            without: None,
        })
    });
    check(
        "history: 2 messages, 1 edit, 2 flushers, 1 hydrator, 1 editor",
        &|| visit(history(2, 1, 2, 1, 1)),
    );
    check(
        "history: 2 messages, 1 edit, 1 flusher, 2 hydrators, 1 editor",
        &|| visit(history(2, 1, 1, 2, 1)),
    );
    check(
        "history: 2 messages, 2 edits, 1 flusher, 1 hydrator, 2 editors",
        &|| visit(history(2, 2, 1, 1, 2)),
    );
    check(
        "history: 3 messages, 1 edit, 1 flusher, 1 hydrator, 1 editor",
        &|| visit(history(3, 1, 1, 1, 1)),
    );
    check(
        "history with a power cut: 2 messages, 1 edit, 2 flushers",
        &|| {
            visit(History {
                power_cuts: 1,
                ..history(2, 1, 2, 0, 1)
            })
        },
    );
    check(
        "history with two power cuts: 1 message, 1 edit, 1 flusher",
        &|| {
            visit(History {
                power_cuts: 2,
                old: true,
                ..history(1, 1, 1, 0, 1)
            })
        },
    );
    check("a new chat: 2 messages, 2 creators", &|| {
        visit(History {
            created: true,
            ..history(2, 0, 2, 2, 0)
        })
    });
    check("a chat that is deleted: 2 messages, 2 flushers", &|| {
        visit(History {
            deletes_chat: true,
            ..history(2, 0, 2, 1, 0)
        })
    });
    check(
        "a new chat that is deleted: 2 messages, 2 flushers",
        &|| {
            visit(History {
                created: true,
                deletes_chat: true,
                ..history(2, 0, 2, 1, 0)
            })
        },
    );
    check(
        "messages that are sent again: 2 messages, 2 flushers",
        &|| {
            visit(History {
                resends: true,
                ..history(2, 1, 2, 1, 1)
            })
        },
    );
    check(
        "a node of SQL that lags: 2 messages, 1 edit, 2 flushers",
        &|| {
            visit(History {
                lags: true,
                ..history(2, 1, 2, 1, 1)
            })
        },
    );
    let membership = Membership {
        changes: 4,
        apis: 2,
        flushers: 2,
        hydrators: 2,
        power_cuts: 0,
        without: None,
    };
    check(
        "membership: 4 changes, 2 APIs, 2 flushers, 2 hydrators",
        &|| visit(membership.clone()),
    );
    check("membership with a power cut", &|| {
        visit(Membership {
            changes: 3,
            power_cuts: 1,
            ..membership.clone()
        })
    });
    let restore = |redis_goes_back, sql_goes_back| Restore {
        changes: 3,
        commits: 5,
        redis_goes_back,
        sql_goes_back,
        without: None,
    };
    check("stores that go back: Redis twice", &|| visit(restore(2, 0)));
    check("stores that go back: SQL twice", &|| visit(restore(0, 2)));
    if all_hold {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
