//! No script holds Redis up: by Redis' own slow log none takes 2 ms, however much is unsaved, was
//! reacted or has left, and however long messages are.

use std::collections::BTreeMap;

use e2e::{Ledger, Options, Sql, Stack, audit, eventually, on_both, say};
use hot::{
    ChatSnapshot, CommitMark, ListedChat, LoadOutcome, MemberReaction, OrderLook, OrderReading,
    ReactOutcome, SettleOutcome, SnapshotBounds, Verb,
};
use model::{
    Attachment, ChatId, Draft, MAX_BLOCKS, MessageKind, PrivateKey, PrivateRow, Reaction, Role,
    ServerEvent, Terms, Tick, UserId,
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use store::{ChatFilter, Error, MAX_MEMBERS, Membership, MessageEdit, SearchQuery, SyncCursor};

const SOON: std::time::Duration = std::time::Duration::from_secs(30);
/// The longest that a script may take, in microseconds.
const LONGEST_US: u64 = 2000;
/// How often an act is tried: so often at least, and then until the quickest run of each of its
/// scripts was quick enough. Other tests run beside it, so any run may be slower than it need be,
/// and none is quicker than it can be.
const FEWEST: usize = 5;
const TRIES: usize = 100;
const BACKLOG: usize = 40_000;

/// Does something until each script that it runs was quick once; where it runs a script several
/// times, each of those runs, so that no one try need have all of them undisturbed.
async fn is_quick(stack: &Stack, what: &str, mut act: impl AsyncFnMut(usize)) {
    let mut quickest: BTreeMap<(String, usize), u64> = BTreeMap::new();
    for at in 0..TRIES {
        stack.redis.cli(&["SLOWLOG", "RESET"]).await;
        act(at).await;
        let log = stack.redis.cli(&["SLOWLOG", "GET", "-1"]).await;
        let lines: Vec<&str> = log.lines().collect();
        let is_sha = |word: &str| word.len() == 40 && word.bytes().all(|b| b.is_ascii_hexdigit());
        // An entry has its duration, the command, and the script; the newest is first.
        let mut runs: BTreeMap<&str, usize> = BTreeMap::new();
        let is_run = |entry: &&[&str]| entry[1].starts_with("EVALSHA") && is_sha(entry[2]);
        for entry in lines.windows(3).filter(is_run) {
            if let Ok(took) = entry[0].parse::<u64>() {
                let later = runs.entry(entry[2]).or_default();
                let run = (entry[2].to_owned(), *later);
                let least = quickest.entry(run).or_insert(took);
                *least = took.min(*least);
                *later += 1;
            }
        }
        assert!(!runs.is_empty(), "{what}: no script is in {log}");
        if at + 1 >= FEWEST && quickest.values().all(|took| *took < LONGEST_US) {
            return;
        }
    }
    let slow: Vec<(&Verb, usize, u64)> = Verb::ALL
        .iter()
        .flat_map(|verb| {
            let runs = quickest.range((stack.sha(*verb), 0)..);
            let runs = runs.take_while(|((sha, _), _)| *sha == stack.sha(*verb));
            runs.map(move |((_, later), took)| (verb, *later, *took))
        })
        .filter(|(_, _, took)| *took >= LONGEST_US)
        .collect();
    panic!("{what}: the quickest of {TRIES} took, in microseconds, {slow:?}; {quickest:?}");
}

/// A group with so many messages that no flusher has saved, made by Redis itself.
struct Backlog {
    own: Membership,
    other: Membership,
    /// The ids of the first message, of one in the middle, and of the newest.
    first: Tick,
    middle: Tick,
    newest: Tick,
}

impl Backlog {
    async fn new(stack: &Stack) -> Self {
        let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
        let chat = ChatId::new();
        let created = stack.store.create_group(chat, ann, "Crowd", &[bob]).await;
        created.expect("created");
        let files = [Attachment {
            hash: "ab".repeat(32),
            name: "a.png".into(),
            size: 5,
            content_type: "image/png".into(),
            width: None,
            height: None,
        }];
        let body = "word ".repeat(50);
        let draft = Draft {
            attachments: &files,
            ..Draft::new(chat, ann, MessageKind::Text, &body)
        };
        let sent = stack.store.send(draft).await.expect("sent");
        let sent: model::Message = serde_json::from_str(&sent.json).expect("a message");
        let first = sent.id;
        fill(stack, chat, first, BACKLOG).await;
        Self {
            own: Membership { chat, user: ann },
            other: Membership { chat, user: bob },
            first,
            middle: Tick(first.0 + BACKLOG as i64 / 2),
            newest: Tick(first.0 + BACKLOG as i64),
        }
    }

    fn near(&self, at: usize) -> Tick {
        Tick(self.middle.0 + at as i64)
    }
}

/// Puts so many unsaved messages after the first of a chat, made by Redis itself.
async fn fill(stack: &Stack, chat: ChatId, first: Tick, count: usize) {
    let key = format!("chat:{{c{}}}:{chat}", chat.partition());
    let more = "
        local base, count = tonumber(ARGV[1]), tonumber(ARGV[2])
        local text = function(number) return string.format('%.0f', number) end
        local record = redis.call('LINDEX', KEYS[1] .. ':messages', 0)
        record = string.gsub(record, ',\"attachments\":%b[]', '')
        for at = 1, count do
            local id = text(base + at)
            local head = '{\"id\":' .. id .. ',\"seq\":' .. text(at + 1) .. ',\"rev\":' .. id
            local message = string.gsub(record, '^{\"id\":%d+,\"seq\":%d+,\"rev\":%d+', head)
            redis.call('RPUSH', KEYS[1] .. ':messages', message)
            redis.call('ZADD', KEYS[1] .. ':dirty', id, 'message:' .. id)
        end
        local id, seq = text(base + count), text(count + 1)
        redis.call('HSET', KEYS[1], 'clock', id, 'rev', id, 'told', id, 'last', id, 'seq', seq,
            'texts', seq)";
    let (from, count) = (first.to_string(), count.to_string());
    stack
        .redis
        .cli(&["EVAL", more, "1", &key, &from, &count])
        .await;
}

async fn quick_stack() -> Stack {
    let options = Options {
        redis: vec![
            ("slowlog-log-slower-than", "0"),
            ("slowlog-max-len", "10000"),
        ],
        ..Options::default()
    };
    Stack::with(Sql::Sqlite, options.on_one_redis()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_what_is_not_saved() {
    let stack = quick_stack().await;
    let store = &stack.store;
    let backlog = Backlog::new(&stack).await;
    let (own, chat, never) = (backlog.own, backlog.own.chat, Tick::NEVER);

    for since in [Tick(1), backlog.first, backlog.middle, backlog.newest] {
        is_quick(&stack, "sync", async |_| {
            let cursor = SyncCursor {
                since,
                resume: None,
            };
            let page = store
                .sync(own.user, cursor, Some(chat))
                .await
                .expect("told");
            assert_eq!(page.more, since < backlog.newest, "{since}");
        })
        .await;
    }
    is_quick(&stack, "a read mark in the middle", async |at| {
        let read = backlog.near(at);
        store
            .mark(backlog.other, read, never)
            .await
            .expect("marked");
        let view = store.view(backlog.other).await.expect("seen");
        assert_eq!(view.unread_count, backlog.newest.0 - read.0);
    })
    .await;
    for (hash, is_there) in [("ab".repeat(32), true), ("cd".repeat(32), false)] {
        is_quick(&stack, "an attachment", async |_| {
            let found = store.attachment(own, &hash).await.expect("asked");
            assert_eq!(found.is_some(), is_there);
        })
        .await;
    }
    for (before, after) in [
        (never, never),
        (backlog.middle, never),
        (never, backlog.middle),
    ] {
        is_quick(&stack, "a page", async |_| {
            let page = store.page(own, before, after, 50).await.expect("read");
            assert_eq!(page.items.len(), 50);
        })
        .await;
    }
    is_quick(&stack, "a search", async |_| {
        let search = SearchQuery {
            terms: Terms::of("word").expect("a word"),
            chat: Some(chat),
            from: None,
            after: never,
            before: never,
        };
        let page = store
            .search(own.user, &search, None, 5)
            .await
            .expect("found");
        assert_eq!(page.hits.len(), 5);
    })
    .await;
    is_quick(
        &stack,
        "an edit, a reaction, a deletion, and answers to them",
        async |at| {
            let id = backlog.near(at);
            let change = MessageEdit {
                body: Some("changed".into()),
                ..MessageEdit::default()
            };
            store.edit(own, id, &change).await.expect("edited");
            store.react(own, id, "👍", true).await.expect("reacted");
            let later = Tick(id.0 + 100);
            store
                .delete_for_everyone(own, later)
                .await
                .expect("deleted");
            let reply = model::Reply {
                id,
                sender_id: own.user,
                seq: id.0 - backlog.first.0 + 1,
                preview: "changed".into(),
            };
            let draft = Draft {
                reply_to: Some(&reply),
                ..Draft::new(chat, own.user, MessageKind::Text, "an answer")
            };
            store.send(draft).await.expect("sent");
            let page = store.page(own, never, never, 50).await.expect("read");
            assert_eq!(model::answered(&page.items[49]), Some(id));
            assert!(page.items[49].contains(r#""preview":"changed""#));
        },
    )
    .await;
}

/// Makes a group with so many members, of whom none but its owner has read anything.
async fn crowd(stack: &Stack, members: usize) -> (Membership, Membership) {
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let chat = ChatId::new();
    let created = stack.store.create_group(chat, ann, "Crowd", &[bob]).await;
    created.expect("created");
    let more = "
        local record = redis.call('HGET', KEYS[1], ARGV[1])
        for at = 3, tonumber(ARGV[2]) do
            local name = string.format('00000000-0000-7000-8000-%012d', at)
            redis.call('HSET', KEYS[1], name, record)
        end";
    let key = format!("chat:{{c{}}}:{chat}:members", chat.partition());
    let (bobs, count) = (bob.to_string(), members.to_string());
    let eval = ["EVAL", more, "1", &key, &bobs, &count];
    stack.redis.cli(&eval).await;
    (
        Membership { chat, user: ann },
        Membership { chat, user: bob },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_who_is_in_the_group() {
    let stack = quick_stack().await;
    let (own, his) = crowd(&stack, MAX_MEMBERS - 1).await;
    let (store, chat, never) = (&stack.store, own.chat, Tick::NEVER);
    let mut ledger = Ledger::new(chat, own.user);
    ledger.talk(&stack, 3 * TRIES).await;
    let ids: Vec<Tick> = ledger.sent.iter().map(|(id, _)| *id).collect();
    let unread = async || store.view(his).await.expect("seen").unread_count;
    let before = unread().await;

    is_quick(&stack, "a deletion", async |at| {
        let done = store.delete_for_everyone(own, ids[at]).await;
        done.expect("deleted");
        assert_eq!(unread().await, before - 1 - at as i64);
    })
    .await;
    is_quick(&stack, "an edit, a reaction, and its end", async |at| {
        let (id, body) = (ids[TRIES + at], Some("word ".repeat(2000)));
        let change = MessageEdit {
            body,
            ..MessageEdit::default()
        };
        store.edit(own, id, &change).await.expect("edited");
        for on in [true, false] {
            store.react(his, id, "👍", on).await.expect("reacted");
        }
    })
    .await;
    is_quick(&stack, "another name, and another picture", async |at| {
        let (name, avatar) = (format!("Crowd {at}"), format!("{at:064x}"));
        let named = store.change_chat(own, Some(&name), None, None).await;
        named.expect("renamed");
        let shown = store.change_chat(own, None, None, Some(&avatar)).await;
        shown.expect("shown");
    })
    .await;
    is_quick(&stack, "a pin, the pinned messages, its end", async |at| {
        let id = ids[2 * TRIES + at];
        for on in [true, false] {
            store.pin(own, id, on).await.expect("pinned");
            store.pins(his, never).await.expect("read");
        }
    })
    .await;
    is_quick(&stack, "typing", async |_| {
        store.typing(own, 5000).await.expect("told");
        store.typing(own, 0).await.expect("told");
    })
    .await;
    is_quick(
        &stack,
        "a text that mentions some, a read mark",
        async |at| {
            let mentions = vec![his.user; 1];
            let draft = Draft {
                mentions: &mentions,
                ..Draft::new(chat, own.user, MessageKind::Text, "you")
            };
            store.send(draft).await.expect("sent");
            let read = ids[2 * TRIES + at];
            store.mark(his, read, never).await.expect("marked");
        },
    )
    .await;
    is_quick(
        &stack,
        "a text that mentions all, and one that is refused",
        async |_| {
            for (user, is_sent) in [(own.user, true), (his.user, false)] {
                let draft = Draft {
                    mentions_all: true,
                    ..Draft::new(chat, user, MessageKind::Text, "all")
                };
                assert_eq!(store.send(draft).await.is_ok(), is_sent);
            }
        },
    )
    .await;
    is_quick(&stack, "a member who comes, rises, and goes", async |at| {
        let user = stack.person(&format!("guest{at}")).await;
        store.add_member(own, user).await.expect("added");
        let role = store.change_role(own, user, Role::Admin).await;
        role.expect("risen");
        store.remove_member(own, user).await.expect("removed");
    })
    .await;
    is_quick(&stack, "a view, a page, and a sync", async |_| {
        store.view(own).await.expect("seen");
        store.page(own, never, never, 50).await.expect("read");
        let cursor = SyncCursor {
            since: Tick(1),
            resume: None,
        };
        store
            .sync(own.user, cursor, Some(chat))
            .await
            .expect("told");
    })
    .await;
}

/// As many control characters as a body may have: 60 KB of JSON.
fn long_body() -> String {
    "word ".to_owned() + &"\u{1}".repeat(9_990)
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_the_length_of_what_is_not_saved() {
    let stack = quick_stack().await;
    let store = &stack.store;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let chat = ChatId::new();
    let created = store.create_group(chat, ann, "Novels", &[bob]).await;
    created.expect("created");
    let (own, his) = (
        Membership { chat, user: ann },
        Membership { chat, user: bob },
    );
    let (body, never) = (long_body(), Tick::NEVER);
    let mut ids = Vec::new();
    for _ in 0..2 * TRIES {
        ids.push(say(store, chat, ann, &body, None).await.expect("sent"));
    }
    for (before, after) in [(never, never), (ids[100], never), (never, ids[0])] {
        is_quick(&stack, "a page", async |_| {
            let page = store.page(own, before, after, 200).await.expect("read");
            assert!(page.items.len() > 5, "{} fit", page.items.len());
        })
        .await;
    }
    for since in [Tick(1), ids[100]] {
        is_quick(&stack, "a sync", async |_| {
            let cursor = SyncCursor {
                since,
                resume: None,
            };
            let page = store.sync(ann, cursor, None).await.expect("told");
            assert!(
                page.more && page.changes.len() > 1,
                "{}",
                page.changes.len()
            );
        })
        .await;
    }
    is_quick(&stack, "a search", async |_| {
        let search = SearchQuery {
            terms: Terms::of("word").expect("a word"),
            chat: None,
            from: None,
            after: never,
            before: never,
        };
        let page = store.search(ann, &search, None, 5).await.expect("found");
        assert_eq!(page.hits.len(), 5);
    })
    .await;
    is_quick(
        &stack,
        "an edit, a reaction, a deletion, a read mark, a text",
        async |at| {
            let change = MessageEdit {
                body: Some(body.clone() + &at.to_string()),
                ..MessageEdit::default()
            };
            store.edit(own, ids[at], &change).await.expect("edited");
            store
                .react(his, ids[at], "👍", true)
                .await
                .expect("reacted");
            let later = ids[TRIES + at];
            store
                .delete_for_everyone(own, later)
                .await
                .expect("deleted");
            store.mark(his, ids[at], never).await.expect("marked");
            say(store, chat, ann, &body, None).await.expect("sent");
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_whom_one_blocks() {
    let stack = quick_stack().await;
    let store = &stack.store;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = store.open_direct(ann, bob).await.expect("opened");
    say(store, chat, bob, "word", None).await.expect("sent");
    crate::long::block_many(&stack, ann, MAX_BLOCKS - 10).await;
    let never = Tick::NEVER;
    is_quick(&stack, "chats, a search, a sync", async |_| {
        let chats = store.list(ann, ChatFilter::default(), None, 20).await;
        assert_eq!(chats.expect("listed").0.len(), 1);
        let search = SearchQuery {
            terms: Terms::of("word").expect("a word"),
            chat: None,
            from: None,
            after: never,
            before: never,
        };
        let page = store.search(ann, &search, None, 5).await.expect("found");
        assert_eq!(page.hits.len(), 1);
        let cursor = SyncCursor {
            since: Tick(1),
            resume: None,
        };
        store.sync(ann, cursor, None).await.expect("told");
    })
    .await;
    is_quick(&stack, "a block, and its end", async |_| {
        for blocks in [true, false] {
            store.block(ann, bob, blocks).await.expect("done");
        }
    })
    .await;
    is_quick(&stack, "a look at whom one blocks", async |_| {
        let some = stack.hot.blocks(ann).await.expect("Redis answers");
        assert!(some.expect("resident").len() >= MAX_BLOCKS - 10);
    })
    .await;
    is_quick(&stack, "an erasure", async |_| {
        let erased = stack.hot.erase_user(ann).await.expect("Redis answers");
        erased.expect("resident");
        crate::long::block_many(&stack, ann, MAX_BLOCKS - 10).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_who_has_left() {
    let stack = quick_stack().await;
    let store = &stack.store;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let chat = ChatId::new();
    store
        .create_group(chat, ann, "Doves", &[bob])
        .await
        .expect("created");
    stack.leave(chat).await;
    let left = format!(
        "INSERT INTO members (chat_id, user_id, role, joined, left_at, read_id, counted, delivered,
            mentions, rev)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         SELECT chat_id, randomblob(16), 'member', joined, joined + i, joined, 0, joined, '', joined
         FROM n, (SELECT * FROM members WHERE user_id = X'{}')",
        bob.0.simple()
    );
    let left = Statement::from_string(DbBackend::Sqlite, left);
    stack.db.execute_raw(left).await.expect("inserted");
    let own = Membership { chat, user: ann };
    is_quick(&stack, "a view", async |_| {
        assert_eq!(store.view(own).await.expect("seen").member_count, 2);
    })
    .await;
    is_quick(&stack, "a sync", async |_| {
        let since = stack
            .hot
            .now()
            .await
            .expect("the time")
            .earlier(std::time::Duration::from_secs(3600));
        let cursor = SyncCursor {
            since,
            resume: None,
        };
        store.sync(ann, cursor, Some(chat)).await.expect("told");
    })
    .await;
    is_quick(&stack, "a member who comes, and one who goes", async |at| {
        let user: UserId = stack.person(&format!("guest{at}")).await;
        store.add_member(own, user).await.expect("added");
        store.remove_member(own, user).await.expect("removed");
    })
    .await;
}

on_both!(who_has_left_leaves_redis_once_it_is_saved_and_sync_still_tells);
async fn who_has_left_leaves_redis_once_it_is_saved_and_sync_still_tells(sql: Sql) {
    let stack = Stack::start(sql).await;
    let store = &stack.store;
    let (ann, bob, cleo) = (
        stack.person("ann").await,
        stack.person("bob").await,
        stack.person("cleo").await,
    );
    let chat = ChatId::new();
    let created = store.create_group(chat, ann, "Friends", &[bob, cleo]).await;
    created.expect("created");
    let (own, his) = (
        Membership { chat, user: ann },
        Membership { chat, user: bob },
    );
    let joined = store.view(own).await.expect("seen").clock;
    store.remove_member(his, bob).await.expect("left");
    let left = store.view(own).await.expect("seen").clock;
    let removals = async |since: Tick| {
        let cursor = SyncCursor {
            since,
            resume: None,
        };
        let page = store.sync(ann, cursor, Some(chat)).await.expect("told");
        let is_his = |event: &&ServerEvent| {
            matches!(event, ServerEvent::MemberUpdated(event)
                if event.user_id == bob && event.member.is_none())
        };
        page.changes.iter().filter(is_his).count()
    };
    let hot = async || stack.hot.members(chat).await.expect("Redis answers");
    assert!(hot().await.contains_key(&bob), "it is not saved yet");
    assert_eq!(removals(joined).await, 1);
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    eventually(SOON, "he has left Redis", async || hot().await.len() == 2).await;
    for _ in 0..2 {
        assert_eq!(removals(joined).await, 1, "told, hot and loaded again");
        assert_eq!(removals(left).await, 0);
        let view = store.view(own).await.expect("seen");
        assert_eq!(view.member_count, 2);
        assert!(matches!(store.view(his).await, Err(Error::NoChat)));
        stack.expire(chat).await;
        stack.evicted(chat).await;
    }
    store.add_member(own, bob).await.expect("back");
    assert_eq!(removals(joined).await, 0, "he is in it");
    assert_eq!(store.view(his).await.expect("seen").unread_count, 0);
    stack.saved(chat).await;
    let saved = stack.cold.chat(chat).await.expect("SQL answers");
    let saved = saved.expect("it is there").members;
    assert!(saved.iter().all(|(_, member)| member.is_in()) && saved.len() == 3);
    flusher.stop().await;
    audit(&stack, &[Ledger::new(chat, ann)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_who_has_reacted() {
    let stack = quick_stack().await;
    let store = &stack.store;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let chat = ChatId::new();
    store
        .create_group(chat, ann, "Fans", &[bob])
        .await
        .expect("created");
    let mut ledger = Ledger::new(chat, ann);
    ledger.talk(&stack, 50).await;
    // 20 kinds, of each 1,000 users, 20 of them named.
    let key = format!("chat:{{c{}}}:{chat}", chat.partition());
    let emojis: Vec<String> = "🐶 🐱 🐭 🐹 🐰 🦊 🐻 🐼 🐨 🐯 🦁 🐮 🐷 🐸 🐵 🐔 🐧 🐦 🐤 🦆"
        .split(' ')
        .map(str::to_owned)
        .collect();
    let named: Vec<UserId> = (0..20).map(|_| UserId::new()).collect();
    let shown: Vec<Reaction> = emojis
        .iter()
        .map(|emoji| Reaction {
            emoji: emoji.clone(),
            count: 1000,
            user_ids: named.clone(),
        })
        .collect();
    let shown = serde_json::to_string(&shown).expect("words and ids");
    let popular = "
        local list = KEYS[1] .. ':messages'
        for at, record in ipairs(redis.call('LRANGE', list, 0, -1)) do
            local id = string.match(record, '^{\"id\":(%d+)')
            record = string.sub(record, 1, -2) .. ',\"reactions\":' .. ARGV[1] .. '}\\n+'
            redis.call('LSET', list, at - 1, record)
            redis.call('SADD', KEYS[1] .. ':reacted', id)
            for user = 1, 980 do
                local name = string.format('00000000-0000-7000-8000-%012d', user)
                redis.call('HSET', KEYS[1] .. ':reactors:' .. id, name, ARGV[2])
            end
        end";
    let words = emojis.join(" ");
    stack
        .redis
        .cli(&["EVAL", popular, "1", &key, &shown, &words])
        .await;
    let (own, his) = (
        Membership { chat, user: ann },
        Membership { chat, user: bob },
    );
    let ids: Vec<Tick> = ledger.sent.iter().map(|(id, _)| *id).collect();

    is_quick(&stack, "a page", async |_| {
        let page = store
            .page(own, Tick::NEVER, Tick::NEVER, 50)
            .await
            .expect("read");
        assert!(page.items.len() > 20, "{} fit", page.items.len());
    })
    .await;
    is_quick(&stack, "a reaction, and its end", async |at| {
        let id = ids[at % ids.len()];
        store.react(his, id, "🐶", true).await.expect("reacted");
        let message = store.message(own, id).await.expect("read");
        assert_eq!(message.reactions.expect("twenty")[0].count, 1001);
        store.react(his, id, "🐶", false).await.expect("taken back");
    })
    .await;
    is_quick(&stack, "a view, and a sync", async |_| {
        store.view(own).await.expect("seen");
        let cursor = SyncCursor {
            since: Tick(1),
            resume: None,
        };
        store.sync(ann, cursor, Some(chat)).await.expect("told");
    })
    .await;
    let message = store.reactors(own, ids[0]).await.expect("asked");
    assert!(message.len() == 20 && message.iter().all(|one| one.users.len() == 1000));
}

/// One script each: who is refused because another was quicker would try again, 181,696 times for
/// 500 who react at once.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_react_at_once_run_one_script_each() {
    let stack = Stack::with(Sql::Sqlite, Options::default().counting(&[Verb::React])).await;
    let ann = stack.person("ann").await;
    let chat = ChatId::new();
    let created = stack.store.create_group(chat, ann, "Fans", &[]).await;
    created.expect("created");
    let id = e2e::say(&stack.store, chat, ann, "hello", None)
        .await
        .expect("sent");
    let key = format!("chat:{{c{}}}:{chat}:members", chat.partition());
    let own = stack.redis.cli(&["HGET", &key, &ann.to_string()]).await;
    let fans: Vec<UserId> = (0..500).map(|_| UserId::new()).collect();
    let names: Vec<String> = fans.iter().map(ToString::to_string).collect();
    let mut add = vec!["HSET", &key];
    names
        .iter()
        .for_each(|name| add.extend([name.as_str(), own.trim_end()]));
    stack.redis.cli(&add).await;
    let react = fans.iter().map(async |user| {
        let reaction = MemberReaction {
            own: Membership { chat, user: *user },
            id,
            emoji: "👍",
            on: true,
        };
        let reacted = stack
            .hot
            .react(reaction, None)
            .await
            .expect("Redis answers");
        assert!(matches!(reacted, Ok(ReactOutcome::Done(..))), "{reacted:?}");
    });
    futures_util::future::join_all(react).await;
    let own = Membership { chat, user: ann };
    let all = stack.store.reactors(own, id).await.expect("asked");
    assert_eq!(all[0].users.len(), 500);
    let message = stack.store.message(own, id).await.expect("read");
    assert_eq!(message.reactions.expect("one kind")[0].count, 500);
    assert_eq!(stack.looks(chat).await, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_how_many_chats_are_saved_together() {
    let stack = quick_stack().await;
    let ann = stack.person("ann").await;
    let mut chats = Vec::new();
    for _ in 0..16 {
        let chat = ChatId::new();
        let created = stack.store.create_group(chat, ann, "Crew", &[]).await;
        created.expect("created");
        let first = say(&stack.store, chat, ann, "hello", None).await;
        fill(&stack, chat, first.expect("sent"), 1000).await;
        chats.push((chat, CommitMark::default()));
    }
    let bounds = SnapshotBounds {
        rows: 512,
        bytes: 256 * 1024,
        newest: Tick::LAST,
        lease: SOON,
    };
    is_quick(&stack, "a snapshot of many chats", async |_| {
        let read = stack.hot.snapshot_chats(&chats, bounds).await;
        let rows = |snapshot: ChatSnapshot| snapshot.rows.len();
        let rows = read
            .into_iter()
            .map(|(_, read)| read.expect("Redis answers").map(rows));
        assert_eq!(rows.collect::<Vec<_>>(), [Some(512); 16]);
    })
    .await;
}

/// Reads the unsaved rows of a chat.
async fn unsaved(stack: &Stack, chat: ChatId) -> Vec<(String, Tick)> {
    let mark = CommitMark::default();
    let read = stack
        .hot
        .snapshot_chat(chat, 999, 1 << 20, Tick::LAST, SOON, mark);
    let read = read.await.expect("Redis answers").expect("resident");
    let rows = read.rows.into_iter();
    rows.map(|row| (row.entry, row.rev)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rows_that_were_committed_each_that_changed_or_was_refused_stays_unsaved() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (store, ann) = (&stack.store, stack.person("ann").await);
    let chat = ChatId::new();
    let created = store.create_group(chat, ann, "Crew", &[]).await;
    created.expect("created");
    let mut messages = Vec::new();
    for _ in 0..4 {
        let id = say(store, chat, ann, "hello", None).await.expect("sent");
        messages.push((id, format!("message:{id}")));
    }
    let mut committed = unsaved(&stack, chat).await;
    let change = MessageEdit {
        body: Some("good morning".into()),
        ..MessageEdit::default()
    };
    let (own, (changed, _)) = (Membership { chat, user: ann }, &messages[1]);
    store.edit(own, *changed, &change).await.expect("edited");
    let (_, refused) = &messages[2];
    committed.retain(|(entry, _)| entry != refused);
    let mark = CommitMark::default();
    let settled = stack.hot.settle_chat(chat, &committed, SOON, mark, false);
    assert_eq!(settled.await.expect("settled"), SettleOutcome::Dirty);
    let left = unsaved(&stack, chat).await;
    let is_left = |name: &String| left.iter().any(|(entry, _)| entry == name);
    let of_messages: Vec<_> = messages.iter().map(|(_, name)| is_left(name)).collect();
    assert_eq!(of_messages, [false, true, true, false], "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_messages_that_leave_redis_their_files_leave_too() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (store, ann) = (&stack.store, stack.person("ann").await);
    let chat = ChatId::new();
    let created = store.create_group(chat, ann, "Crew", &[]).await;
    created.expect("created");
    let files = [Attachment {
        hash: "ab".repeat(32),
        name: "a.png".into(),
        size: 5,
        content_type: "image/png".into(),
        width: None,
        height: None,
    }];
    let draft = Draft {
        attachments: &files,
        ..Draft::new(chat, ann, MessageKind::Text, "hello")
    };
    store.send(draft).await.expect("sent");
    for _ in 0..60 {
        say(store, chat, ann, "hello", None).await.expect("sent");
    }
    let key = format!("chat:{{c{}}}:{chat}:files", chat.partition());
    assert_eq!(stack.redis.cli(&["ZCARD", &key]).await.trim(), "1");
    let committed = unsaved(&stack, chat).await;
    let mark = CommitMark::default();
    let settled = stack.hot.settle_chat(chat, &committed, SOON, mark, false);
    assert_eq!(settled.await.expect("settled"), SettleOutcome::Warm);
    assert_eq!(stack.redis.cli(&["ZCARD", &key]).await.trim(), "0");
}

/// Whose own list does not know yet stays: the flusher has to tell it.
#[tokio::test(flavor = "multi_thread")]
async fn who_left_stays_in_redis_until_their_list_knows() {
    let stack = Stack::start(Sql::Sqlite).await;
    let store = &stack.store;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let chat = ChatId::new();
    store
        .create_group(chat, ann, "Friends", &[bob])
        .await
        .expect("created");
    let his = Membership { chat, user: bob };
    store.remove_member(his, bob).await.expect("left");
    let member = stack.hot.members(chat).await.expect("Redis answers")[&bob].clone();
    let mark = CommitMark::default();
    let committed = [(format!("member:{bob}"), member.rev)];
    let settled = stack.hot.settle_chat(chat, &committed, SOON, mark, false);
    settled.await.expect("settled");
    let hot = stack.hot.members(chat).await.expect("Redis answers");
    assert!(hot.contains_key(&bob), "his list is not told");
    let committed = [(format!("list:{bob}"), member.rev)];
    let settled = stack.hot.settle_chat(chat, &committed, SOON, mark, false);
    settled.await.expect("settled");
    let hot = stack.hot.members(chat).await.expect("Redis answers");
    assert!(!hot.contains_key(&bob));
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_the_lists_of_a_user_who_is_loaded() {
    let stack = quick_stack().await;
    let chats = || ListedChat {
        chat: ChatId::new(),
        rev: Tick(7),
        left: Tick::NEVER,
    };
    let chats: Vec<ListedChat> = (0..3001).map(|_| chats()).collect();
    let block = || PrivateRow {
        key: PrivateKey::Block(UserId::new()),
        rev: Tick(7),
        value: "1".into(),
    };
    let blocks: Vec<PrivateRow> = (0..MAX_BLOCKS).map(|_| block()).collect();
    let load = async |id: UserId, nonce: &str| {
        let loaded = stack.hot.load_user(id, nonce, None, &chats, &blocks);
        loaded.await.expect("an answer")
    };
    let mut loaded = UserId::new();
    is_quick(&stack, "a load", async |_| {
        loaded = UserId::new();
        stack.hot.begin_user(loaded, "1").await.expect("begun");
        assert_eq!(load(loaded, "1").await, LoadOutcome::Done);
    })
    .await;
    let key = format!("user:{{u{}}}:{loaded}", loaded.partition());
    for (list, count) in [("chats", chats.len()), ("mine", blocks.len())] {
        let list = format!("{key}:{list}");
        let found = stack.redis.cli(&["HLEN", &list]).await;
        assert_eq!(found, count.to_string(), "{list}");
        assert_eq!(stack.redis.cli(&["TTL", &list]).await, "-1", "{list}");
    }
    let fenced = UserId::new();
    stack.hot.begin_user(fenced, "1").await.expect("begun");
    assert_eq!(load(fenced, "2").await, LoadOutcome::Fenced);
    let lists = stack.redis.keys(&format!("user:*{fenced}:chats")).await;
    assert!(lists.is_empty(), "{lists:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_the_chats_of_whoever_reads_their_order() {
    let stack = quick_stack().await;
    let chats = |_| ListedChat {
        chat: ChatId::new(),
        rev: Tick(7),
        left: Tick::NEVER,
    };
    let chats: Vec<ListedChat> = (0..3001).map(chats).collect();
    let pins = |listed: &ListedChat| PrivateRow {
        key: PrivateKey::Chat(listed.chat),
        rev: Tick(8),
        value: r#"{"pinned":true}"#.into(),
    };
    let pins: Vec<PrivateRow> = chats[..240].iter().map(pins).collect();
    let user = UserId::new();
    stack.hot.begin_user(user, "1").await.expect("begun");
    let loaded = stack.hot.load_user(user, "1", None, &chats, &pins);
    assert_eq!(loaded.await.expect("an answer"), LoadOutcome::Done);
    let look = async || {
        let look = stack.hot.top_chats(user, 150, Tick::NEVER).await;
        look.expect("Redis answers").expect("resident")
    };
    let key = format!("user:{{u{}}}:{user}", user.partition());
    is_quick(&stack, "an order that is made", async |_| {
        stack.redis.cli(&["HDEL", &key, "ordered"]).await;
        assert!(matches!(look().await, OrderLook::Many(_)));
    })
    .await;
    // As if all marks were old.
    let reading = OrderReading {
        at: stack
            .hot
            .now()
            .await
            .expect("Redis answers")
            .later(4 * SOON + SOON),
        can_unmark: true,
    };
    let asked: Vec<_> = chats.iter().map(|listed| (listed.chat, Tick(9))).collect();
    is_quick(&stack, "marks that are taken away", async |_| {
        stack.redis.cli(&["HDEL", &key, "ordered"]).await;
        look().await;
        let unmarked = stack.hot.unmark(user, reading, &asked).await;
        unmarked.expect("Redis answers");
    })
    .await;
    is_quick(&stack, "the top of an order", async |_| {
        let OrderLook::Top(top) = look().await else {
            panic!("all are at rest");
        };
        assert!(top.chats.len() >= 390 && top.rest == Some(Tick(9)));
    })
    .await;
    is_quick(&stack, "what changed", async |_| {
        let look = stack.hot.chats_since(user, Tick(9), Tick::NEVER).await;
        let OrderLook::Top(top) = look.expect("Redis answers").expect("resident") else {
            panic!("none changed");
        };
        assert!(top.chats.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_grows_with_the_members_who_are_marked() {
    let stack = quick_stack().await;
    let ann = stack.person("ann").await;
    let mut people = Vec::new();
    for _ in 0..MAX_MEMBERS - 1 {
        let user = UserId::new();
        stack.hot.begin_user(user, "1").await.expect("begun");
        let loaded = stack.hot.load_user(user, "1", None, &[], &[]).await;
        assert_eq!(loaded.expect("an answer"), LoadOutcome::Done);
        people.push(user);
    }
    let chat = ChatId::new();
    let created = stack.store.create_group(chat, ann, "Crowd", &[]).await;
    created.expect("created");
    let members = format!("chat:{{c{}}}:{chat}:members", chat.partition());
    let record = ["HGET", &members, &ann.to_string()];
    let record = stack.redis.cli(&record).await;
    for user in people {
        let listed = ListedChat {
            chat,
            rev: Tick(7),
            left: Tick::NEVER,
        };
        let enlisted = stack.hot.enlist(user, listed, CommitMark::default()).await;
        enlisted.expect("Redis answers").expect("resident");
        let joins = ["HSET", &members, &user.to_string(), &record];
        stack.redis.cli(&joins).await;
    }
    let row = members.trim_end_matches(":members");
    is_quick(&stack, "a send to a crowd that is not marked", async |_| {
        stack.redis.cli(&["HDEL", row, "marked"]).await;
        say(&stack.store, chat, ann, "hello", None)
            .await
            .expect("sent");
    })
    .await;
}
