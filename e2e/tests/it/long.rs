//! What is read at once is bounded in bytes, not only in rows: ten thousand control characters are
//! 60 KB of JSON. Whoever goes on where an answer ended misses nothing and gets nothing twice.

use std::{collections::BTreeMap, time::Duration};

use e2e::{Listener, Options, Sql, Stack, Wire, on_both, say};
use hot::ANSWER_BYTES;
use model::{ChatId, PrivateKey, ServerEvent, Terms, Tick, UserId};
use serde_json::json;
use store::{Error, Mailbox, Membership, MessageEdit, SearchQuery, SyncCursor};

/// The most that an answer has beyond its bound: what comes with it, and a message that had room
/// as it began.
const SLACK: usize = 200 * 1024;
const TEXTS: usize = 50;

/// A longest body; its first word tells which it is.
fn body(at: usize, word: &str) -> String {
    let begin = format!("{word} {at} ");
    let rest = "\u{1}".repeat(10_000 - begin.len());
    begin + &rest
}

/// A group with long texts, and the body that each has by now.
struct Long {
    stack: Stack,
    own: Membership,
    his: Membership,
    bodies: BTreeMap<Tick, String>,
}

impl Long {
    async fn start(sql: Sql) -> Self {
        let options = Options {
            hot_messages: 10,
            ..Options::default()
        };
        let stack = Stack::with(sql, options).await;
        let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
        let chat = ChatId::new();
        let created = stack.store.create_group(chat, ann, "Novels", &[bob]).await;
        created.expect("created");
        let mut long = Self {
            own: Membership { chat, user: ann },
            his: Membership { chat, user: bob },
            stack,
            bodies: BTreeMap::new(),
        };
        long.talk(TEXTS).await;
        long
    }

    async fn talk(&mut self, texts: usize) {
        for at in 0..texts {
            let body = body(at, "word");
            let sent = say(&self.stack.store, self.own.chat, self.own.user, &body, None).await;
            self.bodies.insert(sent.expect("sent"), body);
        }
    }

    /// Edits every other text.
    async fn edit(&mut self) {
        let edited = self.bodies.iter_mut().enumerate();
        for (at, (id, body)) in edited.filter(|(at, _)| at % 2 == 1) {
            *body = self::body(at, "word again");
            let change = MessageEdit {
                body: Some(body.clone()),
                ..MessageEdit::default()
            };
            let edited = self.stack.store.edit(self.own, *id, &change).await;
            edited.expect("edited");
        }
    }

    /// Has most of it saved, so that SQL alone has it.
    async fn save(&self) {
        let flusher = self.stack.start_flusher().await;
        self.stack.saved(self.own.chat).await;
        flusher.stop().await;
    }

    /// Asserts that each way of reading gives all of it, once, in answers that are not too long.
    async fn is_read_whole(&self) {
        for forwards in [false, true] {
            self.has_all(self.by_pages(forwards).await);
        }
        for id in self.bodies.keys() {
            let page = self.stack.store.page_around(self.his, *id, 200).await;
            let page = page.expect("read");
            assert!(page.items.iter().map(String::len).sum::<usize>() < ANSWER_BYTES + SLACK);
            let found = page.items.iter().map(|json| message(json).0);
            assert!(found.clone().any(|found| found == *id));
            let all: Vec<_> = self.bodies.keys().copied().collect();
            let found: Vec<_> = found.filter(|id| self.bodies.contains_key(id)).collect();
            assert!(all.windows(found.len()).any(|some| some == found));
        }
        self.has_all(self.by_sync().await);
        self.has_all(self.by_search().await);
        self.has_all(self.by_mailbox().await);
    }

    fn has_all(&self, mut found: Vec<(Tick, String)>) {
        found.retain(|(_, body)| !body.is_empty()); // without what Carrier itself says
        found.sort();
        let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
        let all: Vec<_> = self.bodies.keys().copied().collect();
        assert_eq!(ids, all, "all, and none twice");
        for (id, body) in found {
            assert_eq!(body, self.bodies[&id], "{id}");
        }
    }

    async fn by_pages(&self, forwards: bool) -> Vec<(Tick, String)> {
        let mut found = Vec::new();
        let (mut before, mut after) = (Tick::NEVER, Tick(i64::from(forwards)));
        loop {
            let page = self.stack.store.page(self.his, before, after, 200).await;
            let page = page.expect("read");
            is_bounded(page.items.iter().map(String::len));
            found.extend(page.items.iter().map(|json| message(json)));
            match if forwards { page.next } else { page.prev } {
                Some(next) if forwards => after = next,
                Some(next) => before = next,
                None => return found,
            }
        }
    }

    async fn by_sync(&self) -> Vec<(Tick, String)> {
        let mut found = Vec::new();
        let mut cursor = SyncCursor {
            since: Tick(1),
            resume: None,
        };
        loop {
            let page = self.stack.store.sync(self.his.user, cursor, None).await;
            let page = page.expect("told");
            is_bounded(page.changes.iter().map(|change| change.to_string().len()));
            for change in page.changes {
                if let ServerEvent::MessageCreated(event) = change {
                    found.push((event.message.id, event.message.body));
                }
            }
            if !page.more {
                return found;
            }
            cursor = page.cursor;
        }
    }

    async fn by_search(&self) -> Vec<(Tick, String)> {
        let search = SearchQuery {
            terms: Terms::of("word").expect("a word"),
            chat: None,
            from: None,
            after: Tick::NEVER,
            before: Tick::NEVER,
        };
        let (mut found, mut last) = (Vec::new(), None);
        loop {
            let page = self
                .stack
                .store
                .search(self.his.user, &search, last, 20)
                .await;
            let page = page.expect("found");
            let hits = page.hits.into_iter().map(|hit| hit.message);
            found.extend(hits.map(|message| (message.id, message.body)));
            let Some(next) = page.next else { return found };
            last = Some(next);
        }
    }

    async fn by_mailbox(&self) -> Vec<(Tick, String)> {
        let (mut found, mut last) = (Vec::new(), None);
        loop {
            let (user, received) = (self.his.user, Mailbox::Received);
            let page = self.stack.store.mailbox(user, received, last, 100).await;
            let (items, next) = page.expect("read");
            is_bounded(items.iter().map(String::len));
            found.extend(items.iter().map(|json| message(json)));
            let Some(next) = next else { return found };
            last = Some(next);
        }
    }
}

fn is_bounded(sizes: impl Iterator<Item = usize>) {
    let sizes: Vec<_> = sizes.collect();
    let all: usize = sizes.iter().sum();
    assert!(all < ANSWER_BYTES + SLACK, "{all} bytes in {sizes:?}");
}

fn message(json: &str) -> (Tick, String) {
    let message: model::Message = serde_json::from_str(json).expect("a message");
    (message.id, message.body)
}

on_both!(long_messages_are_read_whole_in_short_answers);
async fn long_messages_are_read_whole_in_short_answers(sql: Sql) {
    let mut long = Long::start(sql).await;
    long.is_read_whole().await; // nothing is saved yet
    long.edit().await;
    long.is_read_whole().await;
    long.save().await;
    long.is_read_whole().await; // the newest are hot, the others in SQL
    long.edit().await;
    long.is_read_whole().await; // some of the others have changed since
    long.talk(TEXTS / 2).await;
    long.is_read_whole().await;
    long.save().await;
    long.stack.leave(long.own.chat).await;
    long.is_read_whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_for_long_messages_is_told_to_page() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let begin = bob.get("/v1/sync").await.expect(200)["cursor"].clone();
    let since = format!("since={}", begin.as_str().expect("a cursor"));
    let chat = ann.create_direct("bob").await.expect(201)["id"].clone();
    let chat = chat.as_str().expect("an id");
    for (texts, resumes) in [(10, true), (30, false)] {
        for at in 0..texts {
            ann.send(chat, &body(at, "word")).await.expect(201);
        }
        for wire in [Wire::Socket, Wire::Sse] {
            let mut listener = Listener::connect(&bob, wire, &since).await;
            let hello = listener.expect("hello").await;
            assert_eq!(hello["resumed"], resumes, "{hello}");
        }
    }
    api.stop().await;
}

/// Writes so many blocks of a user into Redis, as if they had come one by one.
pub(crate) async fn block_many(stack: &Stack, user: UserId, blocks: usize) {
    let more = "
        for at = 1, tonumber(ARGV[1]) do
            local about = string.format('block:00000000-0000-7000-8000-%012d', at)
            redis.call('HSET', KEYS[1], about, string.format('%d 1', at))
        end";
    let key = format!("user:{{u{}}}:{user}:mine", user.partition());
    let count = blocks.to_string();
    stack.redis.cli(&["EVAL", more, "1", &key, &count]).await;
}

on_both!(nobody_blocks_more_than_ten_thousand_others);
async fn nobody_blocks_more_than_ten_thousand_others(sql: Sql) {
    let stack = Stack::with(sql, Options::default().on_one_redis()).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"].clone();
    let chat = chat.as_str().expect("an id");
    let user = UserId(ann.id.parse().expect("an id"));
    block_many(&stack, user, model::MAX_BLOCKS - 1).await;
    let path = |other: &str| format!("/v1/users/me/blocks/{other}");
    ann.put(&path(&bob.id), json!(null)).await.expect(204);
    ann.put(&path(&bob.id), json!(null)).await.expect(204); // again is no further one
    let carl = api.register("carl").await;
    let refused = ann.put(&path(&carl.id), json!(null)).await;
    refused.expect_problem(409, "too_many_blocks");
    // A chat's settings are found among so many rows, and find room.
    let settings = format!("/v1/chats/{chat}/preferences");
    ann.patch(&settings, json!({ "pinned": true }))
        .await
        .expect(200);
    let chats = ann.get("/v1/chats").await.expect(200);
    assert_eq!(chats["items"][0]["preferences"]["pinned"], true, "{chats}");
    // One that ends makes room for another, once that is saved.
    for other in [&bob.id, &"00000000-0000-7000-8000-000000000001".to_owned()] {
        ann.delete(&path(other)).await.expect(204);
    }
    let flusher = stack.start_flusher().await;
    let key = format!("user:{{u{}}}:{user}:mine", user.partition());
    e2e::eventually(Duration::from_secs(60), "there is room", async || {
        let rows = stack.redis.cli(&["HLEN", &key]).await;
        rows.trim().parse::<usize>().expect("a number") < model::MAX_BLOCKS
    })
    .await;
    ann.put(&path(&carl.id), json!(null)).await.expect(204);
    flusher.stop().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_with_much_is_erased_some_of_it_at_a_time() {
    let options = Options::default().counting(&[hot::Verb::EraseUser]);
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let ann = stack.person("ann").await;
    let kept = stack.store.login("ann", e2e::PASSWORD, "e2e", "e2e").await;
    let kept = kept.expect("she is in").token;
    block_many(&stack, ann, 2500).await;
    let of = |key: &str| format!("user:{{u{}}}:{ann}:{key}", ann.partition());
    let more = "
        for at = 1, 4700 do
            redis.call('ZADD', KEYS[1], 1e15, at)
            redis.call('HSET', ARGV[1] .. at, 'user', ARGV[2])
        end";
    let prefix = format!("session:{{u{}}}:", ann.partition());
    let (sessions, user) = (of("sessions"), ann.to_string());
    stack
        .redis
        .cli(&["EVAL", more, "1", &sessions, &prefix, &user])
        .await;
    let session = stack.store.authenticate(&kept).await.expect("she is in");
    stack
        .store
        .erase(&session, e2e::PASSWORD)
        .await
        .expect("erased");
    assert!(stack.redis.keys(&format!("{prefix}*")).await.is_empty());
    assert!(stack.redis.keys(&sessions).await.is_empty());
    let rows = stack.redis.cli(&["HVALS", &of("mine")]).await;
    assert!(
        rows.lines()
            .all(|row| row.trim_end().parse::<i64>().is_ok()),
        "none has a value"
    );
    assert_eq!(rows.lines().count(), 2500);
    let unsaved = stack.redis.cli(&["ZCARD", &of("dirty")]).await;
    assert_eq!(unsaved.trim(), "2501");
    assert!(stack.looks(ann).await > 5, "it took some calls");
}

on_both!(with_the_login_after_a_hundred_the_session_used_longest_ago_ends);
async fn with_the_login_after_a_hundred_the_session_used_longest_ago_ends(sql: Sql) {
    let stack = Stack::start(sql).await;
    // A heartbeat looks at the session too, so none comes here.
    let config = api::Config {
        heartbeat: Duration::from_secs(3600),
        ..api::Config::default().unlimited()
    };
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let ann = api.register("ann").await; // the first session of all, and used since
    let user = UserId(ann.id.parse().expect("an id"));
    let mut oldest = api.client();
    oldest.login("ann").await;
    let account = stack.store.user(user).await.expect("read").expect("ann");
    let open = async |at: usize| {
        let token = model::Token::new(user, [at as u8; 32]);
        let opened = stack
            .hot
            .open_session(user, &token, "e2e", account.password_rev, None);
        let opened = opened.await.expect("Redis answers").expect("resident");
        (token, opened.expect("her password").ended)
    };
    for at in 2..hot::MAX_SESSIONS {
        assert!(open(at).await.1.is_empty(), "{at} is not too many");
    }
    let first = ann.token.as_deref().expect("a token");
    let first: model::Token = first.parse().expect("a token");
    let touched = stack.hot.touch_session(user, &first.hash()).await;
    touched.expect("touched");
    let mut ends = Listener::connect(&oldest, Wire::Socket, "").await;
    let mut stays = Listener::connect(&ann, Wire::Socket, "").await;
    ends.expect("hello").await;
    stays.expect("hello").await;

    let mut next = api.client();
    next.login("ann").await;
    ends.until("session.revoked", |_| true).await;
    assert_eq!(ends.next().await, None);
    let gone = oldest.get("/v1/users/me").await;
    gone.expect_problem(401, "unauthorized");
    ann.get("/v1/users/me").await.expect(200);
    let sessions = next.get("/v1/auth/sessions").await.expect(200);
    assert_eq!(sessions["items"].as_array().expect("some").len(), 100);

    // A call whose answer was lost is repeated, and ends no other.
    let (token, ended) = open(hot::MAX_SESSIONS).await;
    assert_eq!(ended.len(), 1);
    let again = stack
        .hot
        .open_session(user, &token, "e2e", account.password_rev, None);
    let again = again.await.expect("Redis answers").expect("resident");
    assert!(again.expect("her password").ended.is_empty());
    let counts = stack.hot.session_counts(&[user]).await;
    assert_eq!(counts.expect("Redis answers"), [100]);
    api.stop().await;
}

/// Bob blocks Ann between her question whether he does and what makes him a member.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_blocks_the_one_who_adds_them_meanwhile_is_taken_out_again() {
    let options = Options {
        command_timeout: Duration::from_secs(60),
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let carl = stack.person("carl").await;
    let chat = ChatId::new();
    let created = stack
        .store
        .create_group(chat, ann, "Friends", &[carl])
        .await;
    created.expect("created");
    let proxy = e2e::Proxy::before(stack.redis.address()).await;
    let own = Membership { chat, user: ann };

    let sleeper = stack.open_store(&proxy.url()).await;
    let verb = stack.sha(hot::Verb::ChangeMember);
    let add = proxy.rule_for(verb, e2e::Fault::Stall, 0, 1);
    let adding = tokio::spawn(async move { sleeper.add_member(own, bob).await });
    add.wait_fired(1).await;
    stack.store.block(bob, ann, true).await.expect("blocked");
    add.release();
    let added = adding.await.expect("no panic");
    assert!(matches!(added, Err(Error::NotAccepted)), "{added:?}");
    let is_out = async |chat: ChatId| {
        let members = stack.hot.members(chat).await.expect("Redis answers");
        let seen = stack.store.view(Membership { chat, user: bob }).await;
        let listed = stack.hot.chats_of(bob).await.expect("Redis answers");
        let listed = listed.expect("resident");
        let is_listed = |one: &hot::ListedChat| one.chat == chat && !one.left.happened();
        !members[&bob].is_in()
            && matches!(seen, Err(Error::NoChat))
            && !listed.iter().any(is_listed)
    };
    assert!(is_out(chat).await);

    // The same while a group is made.
    let unblocked = stack.store.block(bob, ann, false).await;
    unblocked.expect("unblocked");
    let other = ChatId::new();
    let sleeper = stack.open_store(&proxy.url()).await;
    let load = proxy.rule_for(stack.sha(hot::Verb::LoadChat), e2e::Fault::Stall, 0, 1);
    let making = tokio::spawn(async move {
        let people = [bob, carl];
        sleeper.create_group(other, ann, "Others", &people).await
    });
    load.wait_fired(1).await;
    stack.store.block(bob, ann, true).await.expect("blocked");
    load.release();
    assert!(making.await.expect("no panic").expect("made"));
    assert!(is_out(other).await);
    let of_others = stack.hot.members(other).await.expect("Redis answers");
    assert!(of_others[&carl].is_in());
    let rows = stack.hot.private_row(bob, PrivateKey::Block(ann)).await;
    assert_eq!(rows.expect("Redis answers").expect("resident").value, "1");
}
