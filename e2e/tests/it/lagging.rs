//! A node of SQL that lags: what left Redis because SQL has it is missing there. Nothing is read
//! from it then, neither by readers nor into Redis.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use cold::{Cold, SearchFilter};
use e2e::{MariaDb, Options, Sql, Stack, eventually, on_both, say};
use model::{ChatId, Terms, Tick};
use store::{Error, Membership, Store, SyncCursor};

const SOON: Duration = Duration::from_secs(60);

/// A primary that flushers write to, and a replica that a store reads from.
struct Nodes {
    stack: Stack,
    replica: MariaDb,
    /// Each knows only what it has heard itself.
    readers: Vec<Store>,
    _primary: MariaDb,
}

impl Nodes {
    async fn start() -> Self {
        let (primary, replica) = MariaDb::start_with_replica().await;
        let url = primary.fresh_database().await;
        let options = Options {
            hot_messages: 1,
            ..Options::default()
        };
        let stack = Stack::on_database(url.clone(), options.on_one_redis()).await;
        let database = url.rsplit('/').next().expect("a database");
        let url = replica.url(database);
        eventually(
            SOON,
            "the replica has the schema",
            async || match Cold::connect(&url, 1).await {
                Ok(cold) => cold.incarnation().await.is_ok_and(|id| id.is_some()),
                Err(_) => false,
            },
        )
        .await;
        let mut readers = Vec::new();
        for _ in 0..8 {
            readers.push(stack.open_store_on(&url).await);
        }
        Self {
            stack,
            replica,
            readers,
            _primary: primary,
        }
    }
}

/// Registers another user of a name.
async fn register_cleo(store: &Store) -> store::Result<()> {
    let (email, password) = ("another@example.org", "a long enough password");
    let made = store.register("cleo", email, "Cleo", password, "e2e", "e2e");
    made.await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lags_is_not_read_from() {
    let nodes = Nodes::start().await;
    let (stack, readers) = (&nodes.stack, &nodes.readers);
    let reader = &readers[0];
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, gone) = (ChatId::new(), ChatId::new());
    for (chat, name) in [(chat, "Friends"), (gone, "Others")] {
        let created = stack.store.create_group(chat, ann, name, &[bob]).await;
        created.expect("created");
    }
    let (own, other) = (
        Membership { chat, user: ann },
        Membership {
            chat: gone,
            user: ann,
        },
    );
    let send = async |chat, text: &str, key: Option<&str>| {
        let sent = say(&stack.store, chat, ann, text, key).await;
        sent.expect("sent")
    };
    let first = send(chat, "first", Some("the first")).await;
    send(gone, "first", None).await;
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    stack.saved(gone).await;
    eventually(SOON, "the replica has it", async || {
        let read = reader.page(own, Tick::NEVER, Tick::NEVER, 50).await;
        read.is_ok_and(|page| page.items.len() == 1)
    })
    .await;

    nodes.replica.run("STOP SLAVE").await;
    let since = SyncCursor {
        since: stack.hot.now().await.expect("Redis answers"),
        resume: None,
    };
    for text in ["second", "third"] {
        send(chat, text, None).await;
        send(gone, text, None).await;
    }
    let cleo = stack.person("cleo").await;
    let logged_out = stack.store.revoke_others(cleo, "").await;
    logged_out.expect("no session is left");
    let done = stack.store.delete_for_everyone(own, first).await;
    done.expect("deleted");
    let list = format!("chat:{{c{}}}:{chat}:messages", chat.partition());
    eventually(SOON, "all is saved, and the older ones left", async || {
        stack.redis.cli(&["LLEN", &list]).await.trim() == "1"
            && stack.redis.keys("*:dirty").await.is_empty()
            && stack.redis.keys(&format!("user:*{cleo}")).await.is_empty()
    })
    .await;
    flusher.stop().await;
    stack.leave(gone).await;

    let cleo = cleo.to_string();
    let (page, view, message, mark, namesake, again, changes, user) = tokio::join!(
        reader.page(own, Tick::NEVER, Tick::NEVER, 50),
        readers[1].view(other),
        readers[2].message(own, first),
        readers[3].mark(Membership { chat, user: bob }, first, Tick::NEVER),
        register_cleo(&readers[4]),
        say(&readers[5], chat, ann, "first", Some("the first")),
        readers[6].sync(ann, since, Some(gone)),
        readers[7].find_any(&cleo),
    );
    let changes = changes.expect("what Redis has");
    assert!(changes.partial, "some may be missing: {changes:?}");
    let refused = [
        ("a page", page.err()),
        ("a hydration", view.err()),
        ("a message", message.err()),
        ("a read mark", mark.err()),
        ("a name that is taken", namesake.err()),
        ("a message that was sent before", again.err()),
        ("a user", user.err()),
    ];
    for (what, error) in refused {
        // The stores seem out of step, too, when it lags for long.
        let lags = matches!(error, Some(Error::Cold(_) | Error::Hot(_)));
        assert!(lags, "{what}: {error:?}");
    }
    let chats = stack.redis.keys(&format!("chat:*{gone}")).await;
    assert!(chats.is_empty(), "nothing is loaded of it");

    nodes.replica.run("START SLAVE").await;
    eventually(SOON, "it does not lag any more", async || {
        let read = reader.page(own, Tick::NEVER, Tick::NEVER, 50).await;
        read.is_ok_and(|page| {
            page.items.len() == 3 && !page.items.concat().contains("\"body\":\"first\"")
        })
    })
    .await;
    assert_eq!(reader.view(other).await.expect("seen").unread_count, 0);
    let namesake = register_cleo(reader).await;
    assert!(matches!(namesake, Err(Error::Taken(_))), "{namesake:?}");
    let again = say(reader, chat, ann, "first", Some("the first")).await;
    assert_eq!(again.expect("told of the first"), first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_what_is_asked_for_is_asked_once() {
    let stack = Stack::start(Sql::MariaDb).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, store) = (ChatId::new(), &stack.store);
    let created = store.create_group(chat, ann, "Friends", &[bob]).await;
    created.expect("created");
    let id = say(store, chat, ann, "a boat", Some("a key")).await;
    let id = id.expect("sent");
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    flusher.stop().await;

    let commits = stack.cold.commits().await.expect("SQL answers").into_iter();
    let floor: BTreeMap<_, _> = commits.map(|row| (row.writer, row.number)).collect();
    assert!(!floor.is_empty(), "a flusher has written");
    let mut of_two = floor.clone();
    of_two.insert("another".to_owned(), 1);
    let (floor, statements) = (Arc::new(floor), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&statements);
    let cold = Cold::connect(&stack.sql_url, 1).await.expect("SQL answers");
    let cold = cold
        .observed(move |_, _| {
            counted.fetch_add(1, SeqCst);
        })
        .not_below(move || Arc::clone(&floor));
    let taken = || statements.swap(0, SeqCst);
    let (terms, any) = (Terms::of("boat").expect("a word"), SearchFilter::default());
    let message = cold.message(chat, id).await.map(|found| found.is_some());
    let message = ("a message", message, taken());
    let again = cold.sent_as(chat, ann, "a key").await;
    let again = (
        "one sent again",
        again.map(|found| found.is_some()),
        taken(),
    );
    let page = cold.messages_before(chat, Tick::LAST, 9).await;
    let page = ("a page", page.map(|found| !found.is_empty()), taken());
    let changed = cold.messages_changed(chat, Tick::NEVER, 9).await;
    let changed = ("changes", changed.map(|found| !found.is_empty()), taken());
    let previews = cold.previews(&[(id, chat)]).await;
    let previews = previews.map(|found| found[&(id, chat)] == "a boat");
    let previews = ("a preview", previews, taken());
    for (what, found, statements) in [message, again, page, changed, previews] {
        assert!(found.expect("SQL answers"), "{what} is found");
        assert_eq!(statements, 1, "{what}");
    }
    let newest = [(Tick::LAST, chat)];
    let search = cold.search(&terms, &newest, any, None, 9, None).await;
    let search = search.expect("SQL answers");
    assert_eq!((search.messages.len(), search.end), (1, None));
    assert_eq!(taken(), 3, "one look at the node, a block and its message");
    let reads = cold.together().await.expect("SQL answers");
    for _ in 0..2 {
        let ticks = reads.chat_ticks(&[chat]).await.expect("SQL answers");
        assert!(ticks.len() == 1 && ticks[&chat].changed.happened());
    }
    assert_eq!(taken(), 5, "one look at the node, and twice two statements");

    // The node has the commits of one writer, and not of the other.
    let of_two = Arc::new(of_two);
    let lags = Cold::connect(&stack.sql_url, 1).await.expect("SQL answers");
    let lags = lags.not_below(move || Arc::clone(&of_two));
    let found = lags.message(chat, id).await;
    assert!(found.is_err(), "{found:?}");
}

on_both!(what_is_read_together_is_of_one_moment);
async fn what_is_read_together_is_of_one_moment(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    let moment = stack.cold.on_one_node().await.expect("SQL answers");
    let before = moment.messages_before(chat, Tick::LAST, 9).await;
    assert_eq!(before.expect("SQL answers"), []);
    let id = say(&stack.store, chat, ann, "later", None).await;
    let id = id.expect("sent");
    stack.saved(chat).await;
    let now = stack.cold.message(chat, id).await.expect("SQL answers");
    assert!(now.is_some(), "it is saved");
    let then = moment.message(chat, id).await.expect("SQL answers");
    assert_eq!(then, None, "that was later");
    flusher.stop().await;
}
