//! Thousands at once, scripts forgotten, connections cut.

use std::time::Duration;

use e2e::{
    Fault, Ledger, Options, Proxy, Sql, Stack, audit, audit_sql, eventually, on_both, process, say,
};
use futures_util::{StreamExt, future::join_all, stream};
use hot::Verb;
use model::{ChatId, UserId};
use store::{Error, Store};

const SECOND: Duration = Duration::from_secs(1);
const CHATS: usize = 2_100;
/// More than may wait between Redis and the flusher; of chats that are not there.
const NOISE: usize = 12_000;

/// Options with which only expiry events can make the flusher look.
fn only_events() -> Options {
    Options {
        sweep: Duration::from_secs(3600),
        ..Options::default()
    }
}

/// Makes many chats with a text in each.
async fn chats(stack: &Stack) -> Vec<Ledger> {
    let ann = stack.person("ann").await;
    let chat = async |at: usize| {
        let mut ledger = Ledger::new(ChatId::new(), ann);
        stack
            .store
            .create_group(ledger.chat, ann, "Friends", &[])
            .await
            .expect("created");
        let body = format!("text {at}");
        ledger.sent.push((
            say(&stack.store, ledger.chat, ann, &body, None)
                .await
                .expect("sent"),
            body,
        ));
        ledger
    };
    stream::iter(0..CHATS)
        .map(chat)
        .buffer_unordered(64)
        .collect()
        .await
}

/// Has all tokens, and those of many more chats that are not there, expire at once while the
/// flusher is held; asserts that all is saved once it goes on.
async fn all_expire_while_the_flusher_is_held(stack: &Stack) {
    let flusher = process("flusher", &stack.env()).await;
    let ledgers = chats(stack).await;
    flusher.freeze();
    let noise = format!(
        "#!lua flags=allow-cross-slot-keys
         for i = 1, {NOISE} do
           local key = string.format('chat:{{c1}}:01a1fbd6-0000-7000-8000-%012d:token', i)
           redis.pcall('SET', key, '', 'PX', 500)
         end
         for _, key in ipairs(redis.call('KEYS', 'chat:*:token')) do
           redis.call('PEXPIRE', key, 500)
         end"
    );
    // On a cluster, one of the primaries has the slot of the noise.
    stack.redis.cli(&["EVAL", &noise, "0"]).await;
    eventually(30 * SECOND, "all tokens have expired", async || {
        stack.redis.keys("chat:*:token").await.is_empty()
    })
    .await;
    flusher.thaw();
    eventually(120 * SECOND, "all chats have left Redis", async || {
        stack.redis.keys("chat:*").await.is_empty()
    })
    .await;
    audit_sql(stack, &ledgers).await;
    assert_eq!(flusher.stop().await, 0);
}

on_both!(more_tokens_expire_at_once_than_a_slow_flusher_can_be_told_of);
async fn more_tokens_expire_at_once_than_a_slow_flusher_can_be_told_of(sql: Sql) {
    let stack = Stack::with(sql, only_events()).await;
    all_expire_while_the_flusher_is_held(&stack).await;
}

on_both!(redis_cuts_off_a_flusher_that_is_too_slow_for_its_events);
async fn redis_cuts_off_a_flusher_that_is_too_slow_for_its_events(sql: Sql) {
    // What the kernel's own buffers hold does not count, so the least that Redis takes.
    let stack = Stack::with(
        sql,
        Options {
            redis: vec![("client-output-buffer-limit", "pubsub 16kb 0 0")],
            ..only_events()
        },
    )
    .await;
    all_expire_while_the_flusher_is_held(&stack).await;
    let cut = stack.redis.cli(&["INFO", "stats"]).await;
    assert!(
        !cut.contains("client_output_buffer_limit_disconnections:0"),
        "Redis cut nobody off: {cut}"
    );
}

/// Four who write at the same time, each text until it is acknowledged and always under the same
/// key.
async fn write(stores: &[Store], chat: ChatId, people: &[UserId], texts: usize) -> Ledger {
    let mut ledger = Ledger::new(chat, people[0]);
    let writing = stores.iter().zip(people).map(async |(store, person)| {
        let mut sent = Vec::new();
        for at in 0..texts {
            let (body, key) = (format!("text {at} of {person}"), format!("key-{at}"));
            let tried = eventually(30 * SECOND, "a send is acknowledged", async || {
                match say(store, chat, *person, &body, Some(&key)).await {
                    Ok(id) => Some(id),
                    Err(Error::Hot(error)) if error.is_outage() => None,
                    Err(error) => panic!("a send failed: {error}"),
                }
            });
            sent.push((tried.await, body));
        }
        sent
    });
    ledger.sent = join_all(writing).await.concat();
    ledger
}

async fn friends(stack: &Stack) -> (ChatId, Vec<UserId>) {
    let people = join_all(["ann", "bob", "carl", "dora"].map(|name| stack.person(name))).await;
    let chat = ChatId::new();
    stack
        .store
        .create_group(chat, people[0], "Friends", &people[1..])
        .await
        .expect("created");
    (chat, people)
}

on_both!(redis_forgets_its_scripts_in_the_middle_of_sends);
async fn redis_forgets_its_scripts_in_the_middle_of_sends(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (chat, people) = friends(&stack).await;
    let flusher = stack.start_flusher().await;
    let stores = vec![stack.store.clone(); people.len()];
    let forgetting = async {
        loop {
            assert_eq!(stack.redis.cli(&["SCRIPT", "FLUSH"]).await, "OK");
        }
    };
    let ledger = tokio::select! {
        ledger = write(&stores, chat, &people, 100) => ledger,
        () = forgetting => unreachable!("it never ends"),
    };
    let ledgers = [ledger];
    audit(&stack, &ledgers).await;
    stack.expire(chat).await;
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}

on_both!(connections_that_are_cut_in_flight_double_nothing);
async fn connections_that_are_cut_in_flight_double_nothing(sql: Sql) {
    let stack = Stack::with(sql, Options::default().on_one_redis()).await;
    let (chat, people) = friends(&stack).await;
    let flusher = stack.start_flusher().await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let stores = join_all(
        people
            .iter()
            .map(|_| async { stack.open_store(&proxy.url()).await }),
    )
    .await;
    // Now one ran and its answer is lost, now one never arrived, now all at once are cut.
    let ran =
        [10, 60, 110, 160].map(|skip| proxy.rule_for(stack.sha(Verb::Append), Fault::Cut, skip, 1));
    let lost = [30, 80, 130, 180]
        .map(|skip| proxy.rule_for(stack.sha(Verb::Append), Fault::CutBefore, skip, 1));
    let cutting = async {
        for rule in &ran {
            rule.wait_fired(1).await;
            proxy.cut();
        }
    };
    let (ledger, ()) = tokio::join!(write(&stores, chat, &people, 80), cutting);
    assert!(
        ran.iter().chain(&lost).all(|rule| rule.fired() == 1),
        "every fault came"
    );
    let ledgers = [ledger];
    audit(&stack, &ledgers).await;
    stack.expire(chat).await;
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}
