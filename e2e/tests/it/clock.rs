//! Ids: one number that is order, cursor, key and time, through Lua, Redis, SQL and JSON.

use std::pin::Pin;

use e2e::{Ledger, Options, Sql, Stack, audit_sql, on_both, say};
use entity::message;
use futures_util::future::join_all;
use hot::UserChange;
use model::{ChatId, Role, Tick, UserId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use store::{Error, HotError, Membership, MessageEdit, PreferenceChange};

const BURST: usize = 400;

/// The digits of the ids in a text, as they stand there.
fn ids(text: &str) -> Vec<String> {
    let id = |rest: &str| rest.split(',').next().expect("a number").to_owned();
    text.split(r#"{"id":"#).skip(1).map(id).collect()
}

fn assert_exact(ids: &[String]) {
    assert!(
        ids.iter()
            .all(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_digit())),
        "16 digits: {ids:?}"
    );
    assert!(
        ids.is_sorted_by(|one, next| one < next),
        "unique and rising"
    );
}

/// Many sent as fast as Redis takes them, in a chat whose clock is `ahead` of the time by so many
/// microseconds.
async fn burst(sql: Sql, ahead: i64) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let chat: ChatId = ann.create_group("Friends", &[]).await.expect(201)["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .expect("an id");
    let key = |of: &str| format!("chat:{{c{}}}:{chat}{of}", chat.partition());
    let reader = model::UserId(ann.id.parse().expect("an id"));
    let clock = Tick::now().0 + ahead;
    stack
        .redis
        .cli(&["HSET", &key(""), "clock", &clock.to_string()])
        .await;

    let sending = (0..BURST).map(|at| {
        let store = &stack.store;
        async move {
            let body = format!("text {at}");
            (
                say(store, chat, reader, &body, None).await.expect("sent"),
                body,
            )
        }
    });
    let sent = join_all(sending).await;
    let mut acknowledged: Vec<String> = sent.iter().map(|(id, _)| id.to_string()).collect();
    acknowledged.sort();
    assert_exact(&acknowledged);
    if ahead > 0 {
        let expected: Vec<String> = (1..=BURST as i64)
            .map(|step| (clock + step).to_string())
            .collect();
        assert_eq!(
            acknowledged, expected,
            "a clock that is ahead goes on by ones"
        );
    }

    let in_redis = stack
        .redis
        .cli(&["LRANGE", &key(":messages"), "0", "-1"])
        .await;
    assert_eq!(ids(&in_redis), acknowledged);
    let dirty = stack
        .redis
        .cli(&["ZRANGE", &key(":dirty"), "0", "-1", "WITHSCORES"])
        .await;
    let lines: Vec<&str> = dirty.lines().collect();
    let unsaved = lines
        .chunks(2)
        .filter_map(|pair| Some((pair[0].strip_prefix("message:")?, pair[1])));
    let unsaved: Vec<_> = unsaved
        .inspect(|(id, score)| assert_eq!(id, score))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(unsaved, acknowledged);

    let json = async |before: &str| {
        let page = ann
            .page(&chat.to_string(), &format!("limit=100{before}"))
            .await;
        page.clone().expect(200);
        ids(&page.text)
    };
    let pages = async || {
        let mut all = json("").await;
        while all.len() < BURST {
            let older = json(&format!("&before={}", all[0])).await;
            all.splice(0..0, older);
        }
        all
    };
    assert_eq!(pages().await, acknowledged);

    let flusher = stack.start_flusher().await;
    stack.expire(chat).await;
    audit_sql(&stack, &[Ledger { chat, reader, sent }]).await;
    let rows = message::Entity::find()
        .filter(message::Column::ChatId.eq(chat.0))
        .order_by_asc(message::Column::Id)
        .all(&stack.db)
        .await;
    let in_sql: Vec<String> = rows
        .expect("SQL answers")
        .iter()
        .map(|row| row.id.to_string())
        .collect();
    assert_eq!(in_sql, acknowledged);
    assert_eq!(
        pages().await,
        acknowledged,
        "the same when it comes back from SQL"
    );
    flusher.stop().await;
    api.stop().await;
}

on_both!(messages_of_a_burst_have_exact_ids_everywhere);
async fn messages_of_a_burst_have_exact_ids_everywhere(sql: Sql) {
    burst(sql, 0).await;
}

on_both!(a_clock_that_is_ahead_of_the_time_stays_exact_everywhere);
async fn a_clock_that_is_ahead_of_the_time_stays_exact_everywhere(sql: Sql) {
    burst(sql, 30_000_000).await;
}

/// Three people, a group of two of them and their direct chat.
struct Scene {
    stack: Stack,
    ann: UserId,
    bob: UserId,
    carl: UserId,
    group: ChatId,
    direct: ChatId,
    text: Tick,
}

/// A change: its name, the key of the row whose clock it moves, and the code that makes it.
type Change<'a> = (
    &'static str,
    String,
    Pin<Box<dyn Future<Output = store::Result<()>> + 'a>>,
);

impl Scene {
    async fn new(options: Options) -> Self {
        let stack = Stack::with(Sql::Sqlite, options).await;
        let (ann, bob, carl) = (
            stack.person("ann").await,
            stack.person("bob").await,
            stack.person("carl").await,
        );
        let group = ChatId::new();
        stack
            .store
            .create_group(group, ann, "Friends", &[bob])
            .await
            .expect("created");
        let text = say(&stack.store, group, ann, "hello", None)
            .await
            .expect("sent");
        let (direct, _) = stack.store.open_direct(ann, bob).await.expect("opened");
        Self {
            stack,
            ann,
            bob,
            carl,
            group,
            direct,
            text,
        }
    }

    /// Every change there is of a user's own rows and of shared ones, in an order in which all
    /// can be made.
    fn changes(&self) -> Vec<Change<'_>> {
        let &Self {
            ref stack,
            ann,
            bob,
            carl,
            group,
            direct,
            text,
        } = self;
        let (store, hot) = (&stack.store, &stack.hot);
        let (anns, bobs) = (
            Membership {
                chat: group,
                user: ann,
            },
            Membership {
                chat: group,
                user: bob,
            },
        );
        let chat = |id: ChatId| format!("chat:{{c{}}}:{id}", id.partition());
        let user = |id: UserId| format!("user:{{u{}}}:{id}", id.partition());
        let changed = || MessageEdit {
            body: Some("hello all".into()),
            ..MessageEdit::default()
        };
        let pinned = || PreferenceChange {
            pinned: Some(true),
            ..PreferenceChange::default()
        };
        let bio = || UserChange {
            bio: Some("new".into()),
            ..UserChange::default()
        };
        vec![
            (
                "send",
                chat(group),
                Box::pin(async move { say(store, group, ann, "more", None).await.map(drop) }),
            ),
            (
                "edit",
                chat(group),
                Box::pin(async move { store.edit(anns, text, &changed()).await.map(drop) }),
            ),
            (
                "react",
                chat(group),
                Box::pin(async move { store.react(bobs, text, "👍", true).await }),
            ),
            (
                "pin",
                chat(group),
                Box::pin(async move { store.pin(anns, text, true).await }),
            ),
            (
                "invite",
                chat(group),
                Box::pin(async move { store.invite(anns, Tick::NEVER, 0).await.map(drop) }),
            ),
            (
                "mark",
                chat(group),
                Box::pin(async move { store.mark(bobs, text, text).await }),
            ),
            (
                "delete",
                chat(group),
                Box::pin(async move { store.delete_for_everyone(anns, text).await }),
            ),
            (
                "rename",
                chat(group),
                Box::pin(async move { store.change_chat(anns, Some("Enemies"), None, None).await }),
            ),
            (
                "describe",
                chat(group),
                Box::pin(async move { store.change_chat(anns, None, Some("Of late"), None).await }),
            ),
            (
                "add",
                chat(group),
                Box::pin(async move { store.add_member(anns, carl).await.map(drop) }),
            ),
            (
                "remove",
                chat(group),
                Box::pin(async move { store.remove_member(anns, carl).await }),
            ),
            (
                "hand over",
                chat(group),
                Box::pin(async move { store.change_role(anns, bob, Role::Owner).await.map(drop) }),
            ),
            (
                "delete the group",
                chat(group),
                Box::pin(async move { store.delete_chat(bobs).await }),
            ),
            (
                "tell of a block",
                chat(direct),
                Box::pin(async move { store.propagate_block(ann, bob, Tick::now(), true).await }),
            ),
            (
                "block",
                chat(direct),
                Box::pin(async move { store.block(ann, bob, true).await }),
            ),
            (
                "unblock",
                user(ann),
                Box::pin(async move { store.block(ann, bob, false).await }),
            ),
            (
                "prefer",
                user(ann),
                Box::pin(async move {
                    store
                        .change_preferences(
                            Membership {
                                chat: direct,
                                user: ann,
                            },
                            &pinned(),
                        )
                        .await
                        .map(drop)
                }),
            ),
            (
                "describe oneself",
                user(ann),
                Box::pin(async move { store.change_user(ann, bio()).await.map(drop) }),
            ),
            (
                "erase",
                user(carl),
                Box::pin(async move { hot.erase_user(carl).await.map(drop).map_err(Error::from) }),
            ),
        ]
    }

    async fn clock(&self, row: &str) -> i64 {
        self.stack
            .redis
            .cli(&["HGET", row, "clock"])
            .await
            .parse()
            .expect("a tick")
    }

    /// A row, and what of it and its kin SQL does not have.
    async fn rows(&self, row: &str) -> [String; 2] {
        let dirty = format!("{row}:dirty");
        [
            self.stack.redis.cli(&["HGETALL", row]).await,
            self.stack
                .redis
                .cli(&["ZRANGE", &dirty, "0", "-1", "WITHSCORES"])
                .await,
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_takes_the_next_tick_of_a_clock_that_is_ahead() {
    let scene = Scene::new(Options::default()).await;
    let ahead = (Tick::now().0 + 30_000_000).to_string();
    for (_, row, _) in scene.changes() {
        scene
            .stack
            .redis
            .cli(&["HSET", &row, "clock", &ahead])
            .await;
    }
    for (what, row, change) in scene.changes() {
        let before = scene.clock(&row).await;
        change
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(scene.clock(&row).await, before + 1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_clock_is_wrong_nothing_is_written() {
    let shifted = |source: String| {
        let (right, wrong) = (
            "moment = time[1] * 1000000 + time[2]",
            "moment = time[1] * 1000000 + time[2] + (redis.call('GET', 'e2e:shift') or 0)",
        );
        source.replace(right, wrong)
    };
    let scene = Scene::new(
        Options::default()
            .on_one_redis()
            .altered(move |_, source| shifted(source)),
    )
    .await;
    let api = scene.stack.start_api().await;
    let dora = api.register("dora").await;
    let chat = dora.create_group("Alone", &[]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for shift in ["120000000", "-120000000"] {
        scene.stack.redis.cli(&["SET", "e2e:shift", shift]).await;
        for (what, row, change) in scene.changes() {
            let before = scene.rows(&row).await;
            let outcome = change.await;
            assert!(
                matches!(outcome, Err(Error::Hot(HotError::Skewed))),
                "{what}: {outcome:?}"
            );
            assert_eq!(scene.rows(&row).await, before, "{what}");
        }
        dora.send(&chat, "hello?")
            .await
            .expect_problem(503, "clock_skew");
    }
    scene.stack.redis.cli(&["DEL", "e2e:shift"]).await;
    dora.send(&chat, "at last").await.expect(201);
    assert_eq!(dora.history(&chat, 50, true).await.len(), 1);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_read_up_to_tomorrow_has_read_what_is_there() {
    let Scene {
        stack,
        ann,
        bob,
        group,
        ..
    } = Scene::new(Options::default()).await;
    let bobs = Membership {
        chat: group,
        user: bob,
    };
    let unread = async || {
        stack
            .store
            .view(bobs)
            .await
            .expect("he sees it")
            .unread_count
    };
    let tomorrow = Tick(Tick::now().0 + 86_400_000_000);
    stack
        .store
        .mark(bobs, tomorrow, tomorrow)
        .await
        .expect("marked");
    assert_eq!(unread().await, 0);
    let new = say(&stack.store, group, ann, "and more", None)
        .await
        .expect("sent");
    assert_eq!(unread().await, 1);
    stack.store.mark(bobs, new, new).await.expect("marked");
    assert_eq!(unread().await, 0);
}
