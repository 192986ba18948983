//! A message that is sent again under its key is the first one, however long ago that was and wherever it is by now.

use e2e::{Ledger, Options, Sql, Stack, audit, audit_sql, on_both, say};
use model::{ChatId, Tick, UserId};
use store::Error;
use uuid::{NoContext, Timestamp, Uuid};

/// Ann's, said under this key before anything else.
struct First {
    chat: ChatId,
    ann: UserId,
    key: String,
    id: Tick,
    ledger: Ledger,
}

impl First {
    async fn new(stack: &Stack, key: &str) -> Self {
        let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
        let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
        let id = say(&stack.store, chat, ann, "the first", Some(key)).await.expect("sent");
        let mut ledger = Ledger::new(chat, bob);
        ledger.sent.push((id, "the first".to_owned()));
        Self { chat, ann, key: key.to_owned(), id, ledger }
    }

    /// Sixty others follow.
    async fn push_back(&mut self, stack: &Stack) {
        for at in 0..60 {
            let body = format!("text {at}");
            self.ledger.sent.push((say(&stack.store, self.chat, self.ann, &body, None).await.expect("sent"), body));
        }
    }

    /// Saved, and no longer in Redis.
    async fn leave(&self, stack: &Stack) {
        stack.leave(self.chat).await;
    }

    async fn is_not_said_twice(&self, stack: &Stack) {
        let again = say(&stack.store, self.chat, self.ann, "the first", Some(&self.key)).await.expect("acknowledged");
        assert_eq!(again, self.id, "it is another message");
        let other = say(&stack.store, self.chat, self.ann, "another", Some(&self.key)).await;
        assert!(matches!(other, Err(Error::KeyReused)), "the key now names another text: {other:?}");
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
    let mut first = First::new(&stack, "key-1").await;
    first.push_back(&stack).await;
    first.is_not_said_twice(&stack).await;
    first.ends_well(&stack).await;
}

on_both!(after_sixty_newer_messages_when_redis_keeps_ten);
async fn after_sixty_newer_messages_when_redis_keeps_ten(sql: Sql) {
    let stack = Stack::with(sql, Options { hot_messages: 10, ..Options::default() }).await;
    let mut first = First::new(&stack, "key-1").await;
    first.push_back(&stack).await;
    let flusher = stack.start_flusher().await;
    stack.saved(first.chat).await;
    flusher.stop().await;
    assert_eq!(stack.redis.cli(&["LLEN", &first.key_in_redis("messages")]).await, "10");
    first.is_not_said_twice(&stack).await;
    first.ends_well(&stack).await;
}

on_both!(after_the_chat_has_left_and_come_back);
async fn after_the_chat_has_left_and_come_back(sql: Sql) {
    let stack = Stack::start(sql).await;
    let mut first = First::new(&stack, "key-1").await;
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
    let (seconds, _) = Uuid::now_v7().get_timestamp().expect("a time").to_unix();
    let old = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds - 7200, 0)).to_string();
    let first = First::new(&stack, &old).await;
    first.leave(&stack).await;
    assert!(stack.store.hydrate_chat(first.chat).await.expect("loaded"));
    // As when an hour has gone by since it was sent; only SQL can know it now.
    stack.redis.cli(&["DEL", &first.key_in_redis("sent")]).await;
    first.is_not_said_twice(&stack).await;
    first.ends_well(&stack).await;
}
