//! kill -9, of whatever, wherever: nothing that was acknowledged is lost, and nothing is there
//! twice.

use std::{
    fs::OpenOptions,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::{Duration, Instant},
};

use e2e::{
    Client, Fault, Flusher, Ledger, Node, Options, Process, Proxy, Redis, Server, Sql, Stack,
    audit, audit_sql, eventually, on_both, process, say,
};
use futures_util::future::join_all;
use hot::{UserChange, Verb};
use model::{ChatId, Tick, UserId};
use store::Membership;
use tokio::sync::watch;

const SECOND: Duration = Duration::from_secs(1);

/// Ann and Bob's chat, with so many texts of Ann's.
async fn chat(stack: &Stack, texts: usize) -> Ledger {
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let mut ledger = Ledger::new(chat, ann);
    ledger.talk(stack, texts).await;
    ledger
}

on_both!(a_flusher_that_is_killed_between_commit_and_settle_leaves_nothing_undone);
async fn a_flusher_that_is_killed_between_commit_and_settle_leaves_nothing_undone(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            lease: SECOND,
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let ledger = chat(&stack, 30).await;
    let (id, ann) = (ledger.chat, ledger.reader);
    let mut ledgers = [ledger];
    let proxy = Proxy::before(stack.redis.address()).await;
    let settle = proxy.rule(stack.sha(Verb::SettleChat), Fault::Stall);
    let victim = process("flusher", &stack.env_through(&proxy.url())).await;
    settle.wait_fired(1).await;
    let (last, _) = ledgers[0].sent[29];
    assert!(
        stack
            .cold
            .message(id, last)
            .await
            .expect("SQL answers")
            .is_some(),
        "it is committed"
    );
    assert!(
        !stack
            .redis
            .keys(&format!("chat:*{id}:dirty"))
            .await
            .is_empty(),
        "and not settled"
    );
    victim.kill9();

    // What has changed since is newer than what was committed, and the dead flusher's settle
    // arrives only now.
    ledgers[0].talk(&stack, 10).await;
    let read = ledgers[0].sent[35].0;
    let bob = stack
        .store
        .members(Membership {
            chat: id,
            user: ann,
        })
        .await
        .expect("members")
        .into_iter()
        .find(|member| member.user_id != ann);
    let bob = Membership {
        chat: id,
        user: bob.expect("there are two").user_id,
    };
    stack.store.mark(bob, read, read).await.expect("marked");
    settle.release();
    audit(&stack, &ledgers).await;

    let heir = process("flusher", &stack.env()).await;
    stack.expire(id).await;
    audit_sql(&stack, &ledgers).await;
    audit(&stack, &ledgers).await;
    assert_eq!(
        stack
            .store
            .view(bob)
            .await
            .expect("it comes back")
            .unread_count,
        4
    );
    assert_eq!(heir.stop().await, 0);
}

on_both!(an_api_that_is_killed_after_the_append_gives_the_first_message_to_who_tries_again);
async fn an_api_that_is_killed_after_the_append_gives_the_first_message_to_who_tries_again(
    sql: Sql,
) {
    let stack = Stack::with(sql, Options::default().on_one_redis()).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let api = process("api", &stack.env_through(&proxy.url())).await;
    let ann = Client::register(api.url(), "ann").await;
    let _bob = Client::register(api.url(), "bob").await;
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let append = proxy.rule_for(stack.sha(Verb::Append), Fault::StallReply, 0, 1);
    let (sender, to) = (ann.clone(), chat.clone());
    let sending =
        tokio::spawn(async move { sender.try_send(&to, "did it arrive?", "key-1").await });
    append.wait_fired(1).await;
    let other = stack.start_api().await;
    let stored = eventually(60 * SECOND, "the message is in Redis", async || {
        ann.at(&other.url).page(&chat, "").await.expect(200)["items"]
            .as_array()
            .and_then(|items| items.first().cloned())
    });
    let stored = stored.await;
    api.kill9();
    assert!(
        sending.await.expect("no panic").is_err(),
        "nobody acknowledged it"
    );

    api.restart().await;
    let ann = ann.at(api.url());
    let again = ann
        .try_send(&chat, "did it arrive?", "key-1")
        .await
        .expect("an answer");
    assert_eq!(again.header("idempotency-replayed"), "true");
    let again = again.expect(200);
    for field in ["id", "seq", "rev", "created_at", "body", "client_id"] {
        assert_eq!(again[field], stored[field]);
    }
    ann.send(&chat, "and the next").await.expect(201);
    let history = ann.history(&chat, 10, true).await;
    assert_eq!(
        history
            .iter()
            .map(|message| &message["body"])
            .collect::<Vec<_>>(),
        ["did it arrive?", "and the next"]
    );
    assert_eq!(api.stop().await, 0);
    other.stop().await;
}

/// People who write through one API after another, each message until it is acknowledged.
struct Crowd {
    clients: Vec<Client>,
    chat: String,
    api: watch::Sender<String>,
    acknowledged: AtomicUsize,
    done: watch::Sender<bool>,
}

impl Crowd {
    async fn start(api: &Process) -> Self {
        let clients =
            join_all(["ann", "bob", "carl"].map(|name| Client::register(api.url(), name))).await;
        let chat = clients[0]
            .create_group("Friends", &["bob", "carl"])
            .await
            .expect(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        Self {
            clients,
            chat,
            api: watch::Sender::new(api.url()),
            acknowledged: AtomicUsize::new(0),
            done: watch::Sender::new(false),
        }
    }

    async fn write(&self) -> Ledger {
        let mut ledger = Ledger::new(
            self.chat.parse().expect("an id"),
            UserId(self.clients[0].id.parse().expect("an id")),
        );
        for sent in join_all(self.clients.iter().map(|client| self.write_as(client))).await {
            ledger.sent.extend(sent);
        }
        ledger
    }

    async fn write_as(&self, client: &Client) -> Vec<(Tick, String)> {
        let mut sent = Vec::new();
        while !*self.done.borrow() {
            let (body, key) = (
                format!("text {} of {}", sent.len(), client.id),
                format!("key-{}", sent.len()),
            );
            let acknowledged = eventually(60 * SECOND, "a send is acknowledged", async || {
                let api = self.api.borrow().clone();
                let answer = client
                    .at(api)
                    .try_send(&self.chat, &body, &key)
                    .await
                    .ok()?;
                match answer.status {
                    200 | 201 => Some(Tick(answer.json["id"].as_i64().expect("an id"))),
                    503 => None,
                    _ => panic!("a send is answered with {}", answer.text),
                }
            });
            sent.push((acknowledged.await, body));
            self.acknowledged.fetch_add(1, SeqCst);
        }
        sent
    }

    async fn wait_for(&self, more: usize) {
        let end = self.acknowledged.load(SeqCst) + more;
        eventually(60 * SECOND, "more sends are acknowledged", async || {
            self.acknowledged.load(SeqCst) >= end
        })
        .await;
    }
}

on_both!(redis_api_and_flusher_are_killed_in_turn_in_the_middle_of_sends);
async fn redis_api_and_flusher_are_killed_in_turn_in_the_middle_of_sends(sql: Sql) {
    let quick = Duration::from_millis(20);
    let options = Options {
        lease: SECOND,
        flush_after: quick,
        sweep: quick,
        chat_ttl: SECOND,
        ..Options::default()
    };
    let stack = Stack::with(sql, options).await;
    let api = process("api", &stack.env()).await;
    let flusher = process("flusher", &stack.env()).await;
    let crowd = Crowd::start(&api).await;
    let killing = async {
        for _ in 0..3 {
            crowd.wait_for(40).await;
            stack.redis.kill9();
            stack.redis.restart().await;
            crowd.wait_for(40).await;
            flusher.kill9();
            flusher.restart().await;
            crowd.wait_for(40).await;
            api.kill9();
            api.restart().await;
            crowd.api.send_replace(api.url());
        }
        crowd.wait_for(40).await;
        crowd.done.send_replace(true);
    };
    let (ledger, ()) = tokio::join!(crowd.write(), killing);
    let ledgers = [ledger];
    audit(&stack, &ledgers).await;
    audit_sql(&stack, &ledgers).await;
    assert_eq!(flusher.stop().await, 0);
    assert_eq!(api.stop().await, 0);
}

/// Returns the path of Redis' newest append-only file.
async fn append_only_file(stack: &Stack) -> PathBuf {
    let folder = stack
        .redis
        .cli(&["CONFIG", "GET", "dir"])
        .await
        .lines()
        .nth(1)
        .expect("Redis has a folder")
        .to_owned();
    let files = std::fs::read_dir(format!("{folder}/appendonlydir"))
        .expect("an AOF")
        .map(|entry| entry.expect("a file").path());
    files
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .max()
        .expect("what follows the base")
}

on_both!(what_redis_forgets_in_a_power_cut_was_never_in_sql);
async fn what_redis_forgets_in_a_power_cut_was_never_in_sql(sql: Sql) {
    let quick = Duration::from_millis(10);
    let options = Options {
        flush_after: quick,
        sweep: quick,
        redis: vec![("appendfsync", "everysec")],
        ..Options::default()
    };
    let options = options.altered(|verb, source| match verb {
        Verb::SettleChat => source.replacen('\n', "\nredis.call('INCR', 'e2e:settled')\n", 1),
        _ => source,
    });
    let stack = Stack::with(sql, options.on_one_redis()).await;
    let flusher = stack.start_flusher().await;
    let mut ledgers = [chat(&stack, 10).await];
    let (id, ann) = (ledgers[0].chat, ledgers[0].reader);
    let settled = async || {
        stack
            .redis
            .cli(&["GET", "e2e:settled"])
            .await
            .parse::<usize>()
            .unwrap_or_default()
    };
    let file = append_only_file(&stack).await;
    // A power cut takes what `everysec` has not brought to disk yet: the last second, at the least.
    // SQL must not have it either, since the same seqs will be given again.
    loop {
        stack.saved(id).await;
        let kept = file.metadata().expect("an AOF").len();
        let begin = Instant::now();
        for at in 0..5 {
            say(&stack.store, id, ann, &format!("lost {at}"), None)
                .await
                .expect("sent");
        }
        let seen = settled().await;
        eventually(
            60 * SECOND,
            "the flusher has looked twice since",
            async || settled().await > seen + 1,
        )
        .await;
        if begin.elapsed() > SECOND {
            continue; // too slow a machine at this moment: they are on disk by now
        }
        stack.redis.kill9();
        let aof = OpenOptions::new()
            .write(true)
            .open(&file)
            .expect("the AOF opens");
        aof.set_len(kept).expect("it is cut");
        break;
    }
    stack.redis.restart().await;
    stack.load_scripts().await;
    ledgers[0].talk(&stack, 10).await;
    stack.expire(id).await;
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_slow_disk_does_not_have_yet_is_not_in_sql() {
    let quick = Duration::from_millis(100);
    let options = Options {
        flush_after: quick,
        sweep: quick,
        ..Options::default()
    }
    .on_one_redis();
    let redis = Redis::start_on_slow_disk(Server::Redis, &[("appendfsync", "everysec")]).await;
    let stack = Stack::on_redis(redis, options).await;
    let flusher = stack.start_flusher().await;
    let ledgers = [chat(&stack, 10).await];
    let (id, ann) = (ledgers[0].chat, ledgers[0].reader);
    stack.saved(id).await;

    let disk = stack.redis.nodes[0].disk.as_ref().expect("it has one");
    disk.hold();
    let told = async |section, field: &str| {
        let info = stack.redis.cli(&["INFO", section]).await;
        let value = info
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .expect("a field that Redis has");
        value
            .split(',')
            .next()
            .expect("a value")
            .trim()
            .parse::<u64>()
            .expect("a number")
    };
    let (sent, held) = (not_safe_yet(&stack, id, ann).await, Instant::now());
    // Redis goes on writing while an fsync takes long, and counts it, after two seconds; then the
    // flusher looks a few times more.
    let late = async || {
        say(&stack.store, id, ann, "more", None)
            .await
            .expect("sent");
        told("persistence", "aof_delayed_fsync:").await > 0
    };
    eventually(30 * SECOND, "Redis no longer waits for the disk", late).await;
    let looks = async || told("commandstats", "cmdstat_zrangebyscore:calls=").await;
    let seen = looks().await;
    eventually(30 * SECOND, "the flusher has looked", async || {
        looks().await > seen + 5
    })
    .await;
    assert_eq!(
        in_sql(&stack, id, sent, ann).await,
        [false, false],
        "SQL has what was not on disk after {:?}",
        held.elapsed()
    );

    disk.release();
    eventually(30 * SECOND, "what is on disk is saved", async || {
        in_sql(&stack, id, sent, ann).await == [true, true]
    })
    .await;
    flusher.stop().await;
}

/// A new text and a new profile.
async fn not_safe_yet(stack: &Stack, chat: ChatId, ann: UserId) -> Tick {
    let bio = UserChange {
        bio: Some("not safe yet".into()),
        ..UserChange::default()
    };
    stack.store.change_user(ann, bio).await.expect("changed");
    say(&stack.store, chat, ann, "not safe yet", None)
        .await
        .expect("sent")
}

/// Tells whether SQL has that text, and that profile.
async fn in_sql(stack: &Stack, chat: ChatId, sent: Tick, ann: UserId) -> [bool; 2] {
    let message = stack.cold.message(chat, sent).await.expect("SQL answers");
    let user = stack.cold.user(ann).await.expect("SQL answers");
    [
        message.is_some(),
        user.is_some_and(|user| user.bio == "not safe yet"),
    ]
}

/// Counts the looks at each chat and user. A lease outlasts the test, so a pass that fails must
/// give back what it leased.
fn counting() -> Options {
    let quick = Duration::from_millis(100);
    let options = Options {
        flush_after: quick,
        sweep: quick,
        lease: 3600 * SECOND,
        ..Options::default()
    };
    options
        .on_one_redis()
        .counting(&[Verb::SnapshotChat, Verb::SnapshotUser])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_replica_has_is_not_in_sql() {
    let stack = Stack::with(Sql::Sqlite, counting()).await;
    let replica = replica_in_step(&stack).await;
    let flusher = stack.start_flusher().await;
    nothing_is_saved_between(&stack, flusher, || replica.freeze(), || replica.thaw()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replica_that_came_later_does_not_have_is_not_in_sql() {
    let stack = Stack::with(Sql::Sqlite, counting()).await;
    let flusher = stack.start_flusher().await;
    let replica = replica_in_step(&stack).await;
    nothing_is_saved_between(&stack, flusher, || replica.freeze(), || replica.thaw()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_gone_is_done_without_after_a_while() {
    let options = Options {
        replica_patience: hot::Patience::For(2 * SECOND),
        ..counting()
    };
    let stack = Stack::with(Sql::Sqlite, options).await;
    let replica = replica_in_step(&stack).await;
    let flusher = stack.start_flusher().await;
    replica.kill9();
    let ledger = chat(&stack, 10).await;
    stack.saved(ledger.chat).await;
    flusher.stop().await;
}

/// As in a failover: what was leased before it is not durable, and nothing can be written then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_failed_pass_could_not_give_back_does_not_wait_for_the_end_of_its_lease() {
    let stack = Stack::with(Sql::Sqlite, counting()).await;
    let replica = replica_in_step(&stack).await;
    let flusher = stack.start_flusher().await;
    let ledger = chat(&stack, 10).await;
    stack.saved(ledger.chat).await;

    replica.freeze();
    let before = stack.looks(ledger.chat).await;
    not_safe_yet(&stack, ledger.chat, ledger.reader).await;
    let leased = async || stack.looks(ledger.chat).await > before;
    eventually(30 * SECOND, "the chat is leased", leased).await;
    let replicas = async |least| {
        let set = ["CONFIG", "SET", "min-replicas-to-write", least];
        stack.redis.cli(&set).await
    };
    replicas("5").await;
    let refused = async || {
        let stats = stack.redis.cli(&["INFO", "commandstats"]).await;
        let mut lines = stats.lines();
        let given_back = lines.find_map(|line| line.strip_prefix("cmdstat_zadd:"));
        given_back.is_some_and(|calls| !calls.contains("rejected_calls=0,"))
    };
    eventually(30 * SECOND, "nothing can be given back", refused).await;
    replicas("0").await;
    replica.thaw();
    stack.saved(ledger.chat).await;
    flusher.stop().await;
}

/// Starts a replica, and waits until it keeps up.
async fn replica_in_step(stack: &Stack) -> Node {
    let replica = stack.redis.start_replica(Server::Redis).await;
    let in_step = async || {
        let facts = stack.hot.facts().await.expect("Redis answers");
        facts.replicas_in_step == 1
    };
    eventually(30 * SECOND, "the replica is in step", in_step).await;
    replica
}

/// Valkey's WAITAOF answers at once while less than a second has passed since its last fsync, even
/// if more was written since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_valkey_does_not_have_on_disk_is_not_in_sql() {
    let valkey = Redis::start_on_slow_disk(Server::Valkey, &[("appendfsync", "everysec")]).await;
    let stack = Stack::on_redis(valkey, counting()).await;
    let disk = stack.redis.nodes[0].disk.as_ref().expect("it has one");
    let flusher = stack.start_flusher().await;
    nothing_is_saved_between(&stack, flusher, || disk.hold(), || disk.release()).await;
}

async fn nothing_is_saved_between(
    stack: &Stack,
    flusher: Flusher,
    hold: impl FnOnce(),
    release: impl FnOnce(),
) {
    let ledgers = [chat(stack, 10).await];
    let (id, ann) = (ledgers[0].chat, ledgers[0].reader);
    stack.saved(id).await;

    hold();
    let sent = not_safe_yet(stack, id, ann).await;
    // A second look comes only after the first attempt was given up, or succeeded.
    let before = [stack.looks(id).await, stack.looks(ann).await];
    let tried = async || {
        let all = stack.looks(id).await > before[0] + 1 && stack.looks(ann).await > before[1] + 1;
        all || in_sql(stack, id, sent, ann).await != [false, false]
    };
    eventually(60 * SECOND, "the flusher has tried to save both", tried).await;
    assert_eq!(
        in_sql(stack, id, sent, ann).await,
        [false, false],
        "SQL has what Redis could still lose"
    );

    release();
    eventually(30 * SECOND, "what is safe is saved", async || {
        in_sql(stack, id, sent, ann).await == [true, true]
    })
    .await;
    flusher.stop().await;
}
