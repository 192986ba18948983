//! Messages that are sent at the same time go to Redis together.

use e2e::{Ledger, Options, Sql, Stack, audit, audit_sql, say};
use futures_util::future::join_all;
use hot::Verb;

/// The number of messages, each tenth of which Redis refuses.
const MESSAGES: usize = 120;

/// Returns how many scripts Redis has run by name.
async fn scripts(stack: &Stack) -> u64 {
    let stats = stack.redis.cli(&["INFO", "commandstats"]).await;
    let calls = stats
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    let calls = calls.and_then(|rest| rest.split(',').next());
    calls.map_or(0, |calls| calls.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_share_a_script_and_fail_one_by_one() {
    let options = Options::default().on_one_redis();
    let options = options.altered(|verb, source| match verb {
        Verb::Append => source.replace(
            "becomes_dirty(dirty, due, chat_id, flush_after)\n",
            "if string.find(tail, 'poison', 1, true) then error('refused by the test') end
             becomes_dirty(dirty, due, chat_id, flush_after)\n",
        ),
        _ => source,
    });
    let stack = Stack::with(Sql::Sqlite, options).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let peers = [stack.person("carl").await, stack.person("dora").await];
    let mut ledgers = Vec::new();
    for (one, other) in [(ann, bob), (ann, peers[0]), (bob, peers[1])] {
        let (chat, _) = stack.store.open_direct(one, other).await.expect("opened");
        ledgers.push((one, Ledger::new(chat, other)));
    }

    let before = scripts(&stack).await;
    let sends = (0..MESSAGES).map(|at| {
        let (sender, ledger) = &ledgers[at % ledgers.len()];
        let (store, chat) = (&stack.store, ledger.chat);
        async move {
            let body = match at % 10 {
                0 => format!("poison {at}"),
                _ => format!("text {at}"),
            };
            let sent = say(store, chat, *sender, &body, None).await;
            (at, body, sent)
        }
    });
    let sent = join_all(sends).await;
    let scripts = scripts(&stack).await - before;
    assert!(scripts < MESSAGES as u64 / 2, "{scripts} scripts");

    let count = ledgers.len();
    for (at, body, sent) in sent {
        assert_eq!(sent.is_err(), at % 10 == 0, "{body}: {sent:?}");
        if let Ok(id) = sent {
            ledgers[at % count].1.sent.push((id, body));
        }
    }
    let mut ledgers: Vec<_> = ledgers.into_iter().map(|(_, ledger)| ledger).collect();
    for ledger in &mut ledgers {
        ledger.sent.sort(); // by id
    }
    audit(&stack, &ledgers).await;
    for ledger in &ledgers {
        stack.leave(ledger.chat).await;
    }
    audit_sql(&stack, &ledgers).await;
}
