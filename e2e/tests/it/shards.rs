//! Carrier on an SQL that divides its rows between shards: the exceptions of its statements, and
//! its transactions. (Each statement of every other test is judged, too: see [`e2e::Stack`].)

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use e2e::{
    COMMIT, Fault, Ledger, Options, Sql, Stack, audit, audit_sql, eventually, shards::EXCEPTIONS,
};
use model::{ChatId, NameKind, Tick, UserId, WebhookEvent, WebhookId};
use sea_orm::{ConnectionTrait, Statement};
use store::NewWebhook;
use webhook::Reach;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_exception_is_a_statement_that_carrier_makes() {
    let stack = Stack::start(Sql::MariaDb).await;
    let (ledger, ann) = group(&stack, "ann").await;
    let flusher = stack.start_flusher().await;
    stack.saved(ledger.chat).await;
    eventually(SOON, "she is saved", async || {
        stack.cold.user(ann).await.expect("SQL answers").is_some()
    })
    .await;
    flusher.stop().await;

    let cold = &stack.cold;
    let message = ledger.sent[0].0;
    let commits = cold.commits().await.expect("SQL answers").into_iter();
    let floor: BTreeMap<_, _> = commits.map(|row| (row.writer, row.number)).collect();
    let floor = Arc::new(floor);
    let above = cold.clone().not_below(move || Arc::clone(&floor));
    let found = above.message(ledger.chat, message).await;
    assert!(found.expect("SQL answers").is_some(), "it is saved");
    cold.chats_of(ann).await.expect("SQL answers");
    let companions = cold.changed_companions(ann, Tick::NEVER, 9).await;
    companions.expect("SQL answers");
    let companions = cold.changed_companions(ann, Tick(1), 9).await;
    companions.expect("SQL answers");
    // The reads of `carrier verify`, which is a process of its own in other tests.
    cold.chat_ids(None, 9).await.expect("SQL answers");
    cold.user_ids(None, 9).await.expect("SQL answers");
    let heads = cold.message_heads(ledger.chat, Tick::NEVER, 9).await;
    assert_eq!(heads.expect("SQL answers").len(), 5);
    let shared = cold.shared_names(NameKind::Username).await;
    assert!(shared.expect("SQL answers").is_empty());
    cold.has_avatar("of nobody").await.expect("SQL answers");
    let parked = cold
        .parked_chats(WebhookId::LOWEST, ChatId::LOWEST, 9)
        .await;
    assert!(parked.expect("SQL answers").is_empty());
    let webhook = NewWebhook {
        url: "https://example.org/".to_owned(),
        events: WebhookEvent::ALL.to_vec(),
        chats: Some(vec![ChatId::new()]),
        reach: Reach::Public,
    };
    let made = stack.store.create_webhook(webhook).await;
    made.expect("a webhook");
    let begun = flusher::begin_reindex(&stack.db).await;
    begun.expect("SQL answers");
    let flusher = stack.start_flusher().await;
    eventually(SOON, "the index is made anew", async || {
        cold.reindex().await.expect("SQL answers").is_none()
    })
    .await;
    let all: BTreeSet<_> = EXCEPTIONS.iter().map(|known| known.statement).collect();
    let made = async || stack.statements.excepted() == all;
    eventually(SOON, "each is made", made).await;
    flusher.stop().await;
}

#[test]
fn transactions_begin_where_the_page_on_scale_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut begin = BTreeSet::new();
    // No other crate that serves may speak to SQL.
    for source in ["cold/src", "flusher/src"] {
        files_with(&root, source, "TransactionTrait", &mut begin);
    }
    let page = fs::read_to_string(root.join("docs/scale.md")).expect("the page");
    let listed = page.lines().filter_map(|line| {
        let (path, _) = line.strip_prefix("| `")?.split_once("` |")?;
        path.ends_with(".rs").then(|| path.to_owned())
    });
    assert_eq!(listed.collect::<BTreeSet<_>>(), begin);
}

/// Adds the paths, from the root, of the files in a folder that have this word.
fn files_with(root: &Path, folder: &str, word: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder") {
        let entry = entry.expect("a file");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("a type").is_dir() {
            files_with(root, &path, word, found);
        } else if fs::read_to_string(entry.path()).is_ok_and(|text| text.contains(word)) {
            found.insert(path);
        }
    }
}

/// The count of commits is on another shard than what was committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_counted_and_not_there_loses_nothing() {
    torn(&["commits"], &["messages", "members"]).await;
}

/// The chats are on another shard than the count of commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_there_and_not_counted_loses_nothing() {
    let of_chats = ["messages", "chats", "members", "attachments"];
    torn(&of_chats, &["commits", "users"]).await;
}

/// Has the rows of the tables `kept` stay when their transaction is rolled back, while those of
/// `gone` do not: as when one shard has committed and another has not. Carrier goes on from there.
async fn torn(kept: &[&str], gone: &[&str]) {
    let options = Options {
        lease: Duration::from_secs(3),
        ..Options::default()
    };
    let stack = Stack::with(Sql::MariaDb, options).await;
    for table in kept {
        let alter = format!("ALTER TABLE {table} ENGINE=Aria TRANSACTIONAL=0");
        let altered = stack.db.execute_unprepared(&alter).await;
        altered.expect("an engine without transactions");
    }
    let mut ledgers = [group(&stack, "ann").await.0, group(&stack, "bob").await.0];
    let (proxy, behind) = stack.sql_proxy().await;
    let cut = proxy.rule(COMMIT, Fault::CutBefore);
    let config = stack.options.flusher();
    let redis = stack.redis.url();
    let flusher = stack.start_flusher_between(config, &redis, &behind).await;
    // Users and chats are committed apart, and nothing of either is taken for saved.
    cut.wait_fired(4).await;
    flusher.abort().await;
    for (table, is_there) in kept[..1]
        .iter()
        .map(|table| (table, true))
        .chain(gone.iter().map(|table| (table, false)))
    {
        assert_eq!(writes(&stack, table).await > 0, is_there, "{table}");
    }
    audit(&stack, &ledgers).await;

    for ledger in &mut ledgers {
        ledger.talk(&stack, 3).await;
    }
    let flusher = stack.start_flusher().await;
    for ledger in &ledgers {
        stack.saved(ledger.chat).await;
        stack.expire(ledger.chat).await;
    }
    audit_sql(&stack, &ledgers).await;
    audit(&stack, &ledgers).await;
    flusher.stop().await;
}

/// Returns the number of writes that a table shows: rows, or commits that are counted.
async fn writes(stack: &Stack, table: &str) -> i64 {
    let count = match table {
        "commits" => "SELECT CAST(COALESCE(SUM(number), 0) AS SIGNED) FROM commits".to_owned(),
        _ => format!("SELECT COUNT(*) FROM {table}"),
    };
    let count = Statement::from_string(stack.db.get_database_backend(), count);
    let row = stack.db.query_one_raw(count).await.expect("SQL answers");
    row.expect("a row").try_get_by_index(0).expect("a number")
}

/// A group of its owner with some texts.
async fn group(stack: &Stack, owner: &str) -> (Ledger, UserId) {
    let (owner, chat) = (stack.person(owner).await, ChatId::new());
    let made = stack.store.create_group(chat, owner, "Friends", &[]).await;
    made.expect("created");
    let mut ledger = Ledger::new(chat, owner);
    ledger.talk(stack, 5).await;
    (ledger, owner)
}
