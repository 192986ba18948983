//! A message that is sent again under its key is the first one, however long ago that was and
//! wherever it is by now.

use std::time::Duration;

use e2e::{Ledger, Options, Sql, Stack, audit, audit_sql, on_both, say};
use hot::{AppendOutcome, CommitMark, MissedKey, NewMessage, Verb};
use model::{ChatId, Draft, MessageKind, Tick, UserId};
use store::Error;
use uuid::{NoContext, Timestamp, Uuid};

/// Makes a key of so many seconds from now.
fn key_of(from_now: i64) -> String {
    let (seconds, _) = Uuid::now_v7().get_timestamp().expect("a time").to_unix();
    let made = seconds.checked_add_signed(from_now).expect("after 1970");
    Uuid::new_v7(Timestamp::from_unix(NoContext, made, 0)).to_string()
}

/// Makes a key of two hours ago.
fn old_key() -> String {
    key_of(-7200)
}

/// Options under which Redis takes every key for one that it need not remember any more.
fn all_keys_are_old() -> Options {
    Options::default().altered(|verb, source| match verb {
        Verb::SettleChat => source.replace("now - age", "now + age"),
        _ => source,
    })
}

/// A key of each kind: one that does not tell its age, and one that does.
fn both_keys() -> [String; 2] {
    ["key-1".to_owned(), Uuid::now_v7().to_string()]
}

/// Ann's, said under these keys before anything else.
struct First {
    chat: ChatId,
    ann: UserId,
    sent: Vec<(String, Tick)>,
    ledger: Ledger,
}

impl First {
    async fn new(stack: &Stack, keys: &[String]) -> Self {
        let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
        let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
        let mut ledger = Ledger::new(chat, bob);
        let mut sent = Vec::new();
        for key in keys {
            let body = format!("the first as {key}");
            let id = say(&stack.store, chat, ann, &body, Some(key))
                .await
                .expect("sent");
            ledger.sent.push((id, body));
            sent.push((key.clone(), id));
        }
        Self {
            chat,
            ann,
            sent,
            ledger,
        }
    }

    /// Sixty others follow.
    async fn push_back(&mut self, stack: &Stack) {
        for at in 0..60 {
            let body = format!("text {at}");
            self.ledger.sent.push((
                say(&stack.store, self.chat, self.ann, &body, None)
                    .await
                    .expect("sent"),
                body,
            ));
        }
    }

    /// Saved, and no longer in Redis.
    async fn leave(&self, stack: &Stack) {
        stack.leave(self.chat).await;
    }

    async fn is_not_said_twice(&self, stack: &Stack) {
        let say =
            async |body: &str, key| say(&stack.store, self.chat, self.ann, body, Some(key)).await;
        for (key, id) in &self.sent {
            let again = say(&format!("the first as {key}"), key)
                .await
                .expect("acknowledged");
            assert_eq!(again, *id, "{key}: it is another message");
            let other = say("another", key).await;
            assert!(
                matches!(other, Err(Error::KeyReused)),
                "{key} now names another text: {other:?}"
            );
        }
        audit(stack, std::slice::from_ref(&self.ledger)).await;
    }

    fn key_in_redis(&self, of: &str) -> String {
        format!("chat:{{c{}}}:{}:{of}", self.chat.partition(), self.chat)
    }

    async fn ends_well(self, stack: &Stack) {
        self.leave(stack).await;
        audit_sql(stack, &[self.ledger]).await;
    }
}

on_both!(after_sixty_newer_messages_while_all_are_unsaved);
async fn after_sixty_newer_messages_while_all_are_unsaved(sql: Sql) {
    let stack = Stack::start(sql).await;
    let mut first = First::new(&stack, &both_keys()).await;
    first.push_back(&stack).await;
    first.is_not_said_twice(&stack).await;
    first.ends_well(&stack).await;
}

on_both!(after_sixty_newer_messages_when_redis_keeps_ten);
async fn after_sixty_newer_messages_when_redis_keeps_ten(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            hot_messages: 10,
            ..Options::default()
        },
    )
    .await;
    let mut first = First::new(&stack, &both_keys()).await;
    first.push_back(&stack).await;
    let flusher = stack.start_flusher().await;
    stack.saved(first.chat).await;
    flusher.stop().await;
    assert_eq!(
        stack
            .redis
            .cli(&["LLEN", &first.key_in_redis("messages")])
            .await,
        "10"
    );
    first.is_not_said_twice(&stack).await;
    first.ends_well(&stack).await;
}

on_both!(after_the_chat_has_left_and_come_back);
async fn after_the_chat_has_left_and_come_back(sql: Sql) {
    let stack = Stack::start(sql).await;
    let mut first = First::new(&stack, &both_keys()).await;
    first.push_back(&stack).await;
    first.leave(&stack).await;
    first.is_not_said_twice(&stack).await; // the retry itself brings it back
    first.leave(&stack).await;
    assert!(stack.store.hydrate_chat(first.chat).await.expect("loaded"));
    first.is_not_said_twice(&stack).await;
    first.ends_well(&stack).await;
}

on_both!(after_redis_has_forgotten_the_key_for_its_age);
async fn after_redis_has_forgotten_the_key_for_its_age(sql: Sql) {
    let stack = Stack::start(sql).await;
    let first = First::new(&stack, &[old_key()]).await;
    first.leave(&stack).await;
    assert!(stack.store.hydrate_chat(first.chat).await.expect("loaded"));
    // As when twelve minutes have gone by since it was sent; only SQL can know it now.
    let remembered = first.key_in_redis("recent");
    assert_eq!(stack.redis.cli(&["ZCARD", &remembered]).await, "1");
    stack.redis.cli(&["DEL", &remembered]).await;
    first.is_not_said_twice(&stack).await;
    first.ends_well(&stack).await;
}

async fn settle(stack: &Stack, chat: ChatId, committed: &[(String, Tick)]) {
    let soon = Duration::from_secs(1);
    let mark = CommitMark::default();
    let settled = stack.hot.settle_chat(chat, committed, soon, mark, false);
    settled.await.expect("Redis answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_hour_in_which_it_could_not_be_saved() {
    let stack = Stack::with(Sql::Sqlite, all_keys_are_old()).await;
    let first = First::new(&stack, &both_keys()).await;
    let rows = first
        .sent
        .iter()
        .map(|(_, id)| (format!("message:{id}"), *id));
    let rows: Vec<_> = rows.collect();
    let settle = async |committed: &[(String, Tick)]| settle(&stack, first.chat, committed).await;
    settle(&[]).await;
    first.is_not_said_twice(&stack).await;
    for (entry, id) in &rows {
        let refused = stack
            .hot
            .park_chat_row(first.chat, entry, *id, 1, "refused");
        assert_eq!(refused.await.expect("Redis answers"), 1);
    }
    settle(&[]).await;
    first.is_not_said_twice(&stack).await;
    // Who asked SQL just before it was saved asks Redis just after.
    settle(&rows).await;
    first.is_not_said_twice(&stack).await;
    settle(&[]).await;
    for of in ["sent", "recent"] {
        let keys = stack.redis.cli(&["ZCARD", &first.key_in_redis(of)]).await;
        assert_eq!(keys, "0", "what is saved is not kept for ever");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_upgrade_from_a_version_that_kept_all_keys_for_an_hour() {
    let stack = Stack::start(Sql::Sqlite).await;
    let first = First::new(&stack, &[Uuid::now_v7().to_string()]).await;
    let (key, id) = &first.sent[0];
    let before = first.key_in_redis("sent");
    let entry = format!("{}:{key}", first.ann);
    let cli = async |command: &[&str]| stack.redis.cli(command).await;
    assert_eq!(cli(&["ZADD", &before, &id.to_string(), &entry]).await, "1");
    assert_eq!(cli(&["DEL", &first.key_in_redis("recent")]).await, "1");
    first.is_not_said_twice(&stack).await;
    first.ends_well(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_key_from_a_time_to_come() {
    let stack = Stack::start(Sql::Sqlite).await;
    let first = First::new(&stack, &[key_of(900)]).await;
    first.is_not_said_twice(&stack).await;
    // When that time has come, the key will be believed: it is remembered until then.
    let [long, short] = ["sent", "recent"].map(|of| first.key_in_redis(of));
    assert_eq!(stack.redis.cli(&["ZCARD", &long]).await, "1");
    assert_eq!(stack.redis.cli(&["ZCARD", &short]).await, "0");
    first.ends_well(&stack).await;
}

/// A try that sleeps after it has asked SQL, while another try of the same key is done.
struct Sleeper<'a> {
    stack: &'a Stack,
    draft: Draft<'a>,
    key: &'a str,
}

impl<'a> Sleeper<'a> {
    fn new(stack: &'a Stack, chat: ChatId, ann: UserId, key: &'a str) -> Self {
        let draft = Draft {
            client_id: Some(key),
            ..Draft::new(chat, ann, MessageKind::Text, "once")
        };
        Self { stack, draft, key }
    }

    async fn append(&self, missed: &MissedKey) -> AppendOutcome {
        let message = NewMessage {
            draft: self.draft.clone(),
            key: self.key,
            is_old: true,
            readers: None,
        };
        let appended = self.stack.hot.append(&message, missed).await;
        appended.expect("Redis answers").expect("not refused")
    }

    /// Tries for the first time, and asks SQL, which has nothing of the key.
    async fn asks(&self) -> MissedKey {
        let asked = match self.append(&MissedKey::default()).await {
            AppendOutcome::Ask(missed) | AppendOutcome::Saved(_, missed) => missed,
            other => panic!("SQL is not asked: {other:?}"),
        };
        let Draft {
            chat_id, sender_id, ..
        } = self.draft;
        let found = self.stack.cold.sent_as(chat_id, sender_id, self.key).await;
        assert!(found.expect("SQL answers").is_none());
        asked
    }

    /// Sends it by another try.
    async fn other_sends(&self) -> Tick {
        let Draft {
            chat_id, sender_id, ..
        } = self.draft;
        let sent = say(
            &self.stack.store,
            chat_id,
            sender_id,
            "once",
            Some(self.key),
        )
        .await;
        sent.expect("acknowledged")
    }

    async fn asks_again(&self, missed: &MissedKey) {
        let outcome = self.append(missed).await;
        assert!(matches!(outcome, AppendOutcome::Ask(_)), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_one_who_slept_since_they_asked_sql() {
    let stack = Stack::with(Sql::Sqlite, all_keys_are_old()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let (one, two, three) = (old_key(), old_key(), old_key());
    let sleeper = |key| Sleeper::new(&stack, chat, ann, key);
    let saved = async || {
        let flusher = stack.start_flusher().await;
        stack.saved(chat).await;
        flusher.stop().await;
    };

    // The other's message is saved, and its key forgotten, while the chat stays.
    let (slow, late) = (sleeper(&one), sleeper(&two));
    let missed = slow.asks().await;
    let first = slow.other_sends().await;
    saved().await;
    settle(&stack, chat, &[]).await;
    let of = format!("chat:{{c{}}}:{chat}:recent", chat.partition());
    assert_eq!(stack.redis.cli(&["ZCARD", &of]).await, "0");
    slow.asks_again(&missed).await;

    // The same, while the chat leaves and comes back without the key.
    let missed = late.asks().await;
    let second = late.other_sends().await;
    stack.leave(chat).await;
    assert!(stack.store.hydrate_chat(chat).await.expect("loaded"));
    stack.redis.cli(&["DEL", &of]).await;
    late.asks_again(&missed).await;
    assert_eq!(late.other_sends().await, second);
    assert_eq!(slow.other_sends().await, first);

    // A call was stopped before it wrote the message that Redis remembers of the key.
    let stopped = sleeper(&three);
    let of = format!("chat:{{c{}}}:{chat}:sent", chat.partition());
    stack
        .redis
        .cli(&["ZADD", &of, "1", &format!("{ann}:{three}")])
        .await;
    let missed = stopped.asks().await;
    stopped.other_sends().await;
    let outcome = stopped.append(&missed).await;
    assert!(matches!(outcome, AppendOutcome::Repeated(_)), "{outcome:?}");
}

on_both!(the_key_of_another_sender_is_another_key);
async fn the_key_of_another_sender_is_another_key(sql: Sql) {
    let stack = Stack::start(sql).await;
    let first = First::new(&stack, &[old_key()]).await;
    first.leave(&stack).await;
    let (store, bob) = (&stack.store, first.ledger.reader);
    let (key, id) = &first.sent[0];
    let other = say(store, first.chat, bob, "bob's first", Some(key)).await;
    assert_ne!(other.expect("sent"), *id);
}
