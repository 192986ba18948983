//! A Redis Cluster: chats and users are spread over its nodes, each tells of its own expiries,
//! and one of them dies.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use e2e::{
    Ledger, Listener, Options, Sql, Stack, Wire, audit, audit_sql, eventually, forget_lost,
    on_both, say,
};
use futures_util::future::join_all;
use hot::{UserChange, Verb};
use model::{ChatId, Durability, Tick, UserId};
use store::{AckLevel, Auditor, Error};

const SECOND: Duration = Duration::from_secs(1);

async fn stack(sql: Sql, options: Options) -> Stack {
    Stack::with(
        sql,
        Options {
            cluster: Some(3),
            // On a slow machine a replica may not have been in step yet, or not for a minute.
            replica_patience: hot::Patience::Forever,
            ..options
        },
    )
    .await
}

/// A chat of two on each of the cluster's primaries, and more.
async fn chats(stack: &Stack, people: [UserId; 2], many: usize) -> Vec<Ledger> {
    let mut ledgers = Vec::new();
    for _ in 0..many {
        let chat = ChatId::new();
        stack
            .store
            .create_group(chat, people[0], "Friends", &people[1..])
            .await
            .expect("created");
        ledgers.push(Ledger::new(chat, people[1]));
    }
    let nodes: BTreeSet<_> = ledgers
        .iter()
        .map(|ledger| ledger.chat.partition().0 / 86)
        .collect();
    assert!(nodes.len() >= 2, "chats are spread");
    ledgers
}

on_both!(every_primary_tells_of_its_expiries);
async fn every_primary_tells_of_its_expiries(sql: Sql) {
    // No timer would find them in time.
    let stack = stack(
        sql,
        Options {
            sweep: 3600 * SECOND,
            ..Options::default()
        },
    )
    .await;
    let people = [stack.person("ann").await, stack.person("bob").await];
    let flusher = stack.start_flusher().await;
    let mut ledgers = chats(&stack, people, 24).await;
    for ledger in &mut ledgers {
        ledger.talk(&stack, 3).await;
    }
    for primary in stack.redis.primaries().await {
        assert!(
            !primary.keys("chat:*:token").await.is_empty(),
            "each primary has chats"
        );
    }
    for ledger in &ledgers {
        stack.expire(ledger.chat).await;
    }
    audit_sql(&stack, &ledgers).await;
    audit(&stack, &ledgers).await;
    flusher.stop().await;
}

on_both!(members_on_every_node_are_notified);
async fn members_on_every_node_are_notified(sql: Sql) {
    let stack = stack(sql, Options::default()).await;
    let (one, other) = (stack.start_api().await, stack.start_api().await);
    let names: Vec<_> = (0..12).map(|at| format!("member{at}")).collect();
    let members = join_all(names.iter().map(|name| one.register(name))).await;
    let ann = other.register("ann").await;
    let all: Vec<_> = names.iter().map(String::as_str).collect();
    let chat = ann.create_group("Friends", &all).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut listeners = join_all(
        members
            .iter()
            .map(|member| Listener::connect(member, Wire::Socket, "")),
    )
    .await;
    join_all(
        listeners
            .iter_mut()
            .map(|listener| listener.expect("hello")),
    )
    .await;
    let sent = ann.send(&chat, "hello").await.expect(201);
    for listener in &mut listeners {
        let told = listener.expect("message.created").await;
        assert_eq!(told["message"]["id"], sent["id"]);
    }
    one.stop().await;
    other.stop().await;
}

/// Kills a primary while people write, and waits until a replica has taken over and all goes
/// on; what was acknowledged, and how many sends were answered with less than was asked for.
async fn fail_over(stack: &Stack, people: [UserId; 2], asked: Durability) -> (Vec<Ledger>, usize) {
    let ledgers = chats(stack, people, 12).await;
    let (done, sent) = (
        tokio_util::sync::CancellationToken::new(),
        AtomicUsize::new(0),
    );
    let write = |mut ledger: Ledger| {
        let (done, sent) = (&done, &sent);
        async move {
            let (mut short, mut at) = (0, 0);
            while !done.is_cancelled() {
                let (body, key) = (format!("text {at}"), format!("key-{at}"));
                at += 1;
                // What is answered with less than was asked for is sent again under the same key,
                // until it is as safe as that.
                let safe = async || {
                    let began = stack.store.begin_write();
                    let id = say(&stack.store, ledger.chat, people[0], &body, Some(&key))
                        .await
                        .ok()?;
                    let durability = stack.store.acknowledge(began, ledger.chat).await;
                    Some(id).filter(|_| asked == Durability::Memory || durability == asked)
                };
                let first = safe().await;
                short += usize::from(first.is_none());
                let id: Tick = match first {
                    Some(id) => id,
                    None => eventually(120 * SECOND, "a send is safe", safe).await,
                };
                ledger.sent.push((id, body));
                sent.fetch_add(1, SeqCst);
            }
            (ledger, short)
        }
    };
    let kill = async {
        let more = async || {
            let enough = sent.load(SeqCst) + 200;
            eventually(60 * SECOND, "more is sent", async || {
                sent.load(SeqCst) >= enough
            })
            .await;
        };
        more().await;
        let primary = &stack.redis.nodes[1];
        primary.kill9();
        let failed_over = async || stack.redis.primaries().await.len() == 3;
        eventually(60 * SECOND, "a replica has taken over", failed_over).await;
        primary.restart().await;
        stack.redis.wait_ready().await;
        more().await;
        done.cancel();
    };
    let (written, ()) = tokio::join!(join_all(ledgers.into_iter().map(write)), kill);
    let short = written.iter().map(|(_, short)| short).sum();
    let ledgers: Vec<_> = written.into_iter().map(|(ledger, _)| ledger).collect();
    assert!(
        ledgers.iter().all(|ledger| ledger.sent.len() > 3),
        "all went on"
    );
    (ledgers, short)
}

/// Asserts that all that is in the ledgers is there, hot and cold, and nothing else, and that both
/// stores agree.
async fn all_is_well(stack: &Stack, people: [UserId; 2], ledgers: &[Ledger]) {
    audit(stack, ledgers).await;
    for ledger in ledgers {
        stack.expire(ledger.chat).await;
    }
    audit_sql(stack, ledgers).await;
    let auditor = Auditor::new(stack.hot.clone(), stack.cold.clone());
    for ledger in ledgers {
        assert_eq!(
            auditor.chat(ledger.chat).await.expect("both answer").faults,
            Vec::<String>::new()
        );
    }
    for user in people {
        assert_eq!(
            auditor.user(user).await.expect("both answer").faults,
            Vec::<String>::new()
        );
    }
}

fn quick(ack: AckLevel) -> Options {
    let quick = Duration::from_millis(50);
    Options {
        ack,
        flush_after: quick,
        sweep: quick,
        chat_ttl: 2 * SECOND,
        ..Options::default()
    }
}

on_both!(a_primary_that_dies_in_the_middle_of_sends_takes_nothing_that_a_replica_had);
async fn a_primary_that_dies_in_the_middle_of_sends_takes_nothing_that_a_replica_had(sql: Sql) {
    let stack = stack(sql, quick(AckLevel::Replica)).await;
    let people = [stack.person("ann").await, stack.person("bob").await];
    let flusher = stack.start_flusher().await;
    let (ledgers, short) = fail_over(&stack, people, Durability::Replica).await;
    assert!(
        short > 0,
        "no send was short of what was asked for: nobody noticed that a primary died"
    );
    all_is_well(&stack, people, &ledgers).await;
    flusher.stop().await;
}

on_both!(what_no_replica_had_yet_may_be_lost_with_a_primary_and_then_sql_never_had_it);
async fn what_no_replica_had_yet_may_be_lost_with_a_primary_and_then_sql_never_had_it(sql: Sql) {
    let stack = stack(sql, quick(AckLevel::Memory)).await;
    let people = [stack.person("ann").await, stack.person("bob").await];
    let flusher = stack.start_flusher().await;
    let (mut ledgers, _) = fail_over(&stack, people, Durability::Memory).await;
    let all: usize = ledgers.iter().map(|ledger| ledger.sent.len()).sum();
    let lost = forget_lost(&stack, &mut ledgers).await;
    println!("of {all} sends that were acknowledged from memory, a failover lost {lost}");
    assert!(
        lost * 10 < all,
        "a failover lost {lost} of {all}: more than was on its way to the replica"
    );
    all_is_well(&stack, people, &ledgers).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_not_used_while_its_claim_is_on_one_node_alone() {
    let stack = stack(Sql::Sqlite, Options::default()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let take = async |user| {
        let change = UserChange {
            username: Some("carl".into()),
            ..UserChange::default()
        };
        stack.store.change_user(user, change).await
    };
    let replicas = &stack.redis.nodes[3..];
    replicas.iter().for_each(|replica| replica.freeze());
    let refused = take(ann).await;
    assert!(matches!(refused, Err(Error::NotDurable)), "{refused:?}");
    replicas.iter().for_each(|replica| replica.thaw());
    stack.redis.wait_ready().await;
    // And it is another's who asks for it then.
    eventually(30 * SECOND, "the name is safe", async || {
        take(bob).await.is_ok()
    })
    .await;
    assert!(matches!(take(ann).await, Err(Error::Taken(_))));
}

/// Has Redis note when it runs these verbs, and when it is waited for between them: all nodes are
/// on one machine. A `second` verb counts when it is about such an entry.
fn noting(first: Verb, (second, entry): (Verb, &'static str)) -> Options {
    Options::default().altered(move |verb, source| {
        let about = format!("string.find(table.concat(ARGV, ' '), '{entry}:', 1, true)");
        let (name, when) = match verb {
            Verb::DurabilityBarrier => ("fenced", "true"),
            verb if verb == first => ("told", "true"),
            verb if verb == second => ("settled", about.as_str()),
            _ => return source,
        };
        let (flags, code) = source
            .split_once('\n')
            .expect("a script begins with its flags");
        let note = format!(
            "local at = redis.call('TIME')
             redis.call('RPUSH', 'e2e:{name}:' .. KEYS[1], at[1] * 1000000 + at[2])"
        );
        format!("{flags}\nif {when} then {note} end\n{code}")
    })
}

/// Checks that what was told was waited for on its node before it was settled, so often at least.
async fn is_waited_for(stack: &Stack, often: usize) {
    let mut nodes = Vec::new();
    for node in stack.redis.primaries().await {
        let times = async |name: &str| {
            let mut times = Vec::new();
            for key in node.keys(&format!("e2e:{name}:*")).await {
                times.extend(
                    node.cli(&["LRANGE", &key, "0", "-1"])
                        .await
                        .lines()
                        .map(|at| at.parse::<i64>().expect("a time")),
                );
            }
            times
        };
        nodes.push([
            times("told").await,
            times("fenced").await,
            times("settled").await,
        ]);
    }
    let settled = nodes.iter().flat_map(|[_, _, settled]| settled);
    let settled: Vec<_> = settled.copied().collect();
    assert!(settled.len() >= often, "all were settled");
    for [told, fenced, _] in nodes.iter().filter(|[told, ..]| !told.is_empty()) {
        for settled in &settled {
            let last = told.iter().filter(|told| *told < settled).max();
            let last = last.expect("it was told before");
            assert!(
                fenced
                    .iter()
                    .any(|fenced| last < fenced && fenced < settled),
                "nobody has waited between {last} and {settled}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_members_list_got_is_durable_before_their_chat_forgets_it() {
    let options = noting(Verb::Enlist, (Verb::SettleChat, "list"));
    let stack = stack(Sql::Sqlite, options).await;
    let people = [stack.person("ann").await, stack.person("bob").await];
    let ledgers = chats(&stack, people, 8).await;
    let flusher = stack.start_flusher().await;
    for ledger in &ledgers {
        stack.saved(ledger.chat).await;
    }
    flusher.stop().await;
    is_waited_for(&stack, ledgers.len()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_chat_was_told_of_a_block_is_durable_before_the_user_forgets_it() {
    let options = noting(Verb::Block, (Verb::SettleUser, "mine:block"));
    let stack = stack(Sql::Sqlite, options).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    stack.store.open_direct(ann, bob).await.expect("opened");
    stack.store.block(ann, bob, true).await.expect("blocked");
    let flusher = stack.start_flusher().await;
    eventually(30 * SECOND, "all is saved", async || {
        stack.redis.keys("*:dirty").await.is_empty()
    })
    .await;
    flusher.stop().await;
    is_waited_for(&stack, 1).await;
}
