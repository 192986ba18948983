//! A row that SQL will not take, or that nobody can read, holds up nothing but itself.

use std::time::Duration;

use e2e::{
    COMMIT, Fault, Ledger, Options, Process, Proxy, Sql, Stack, audit, audit_sql, eventually,
    on_both, say,
};
use entity::message;
use hot::{Kind, UserChange, Verb};
use model::{ChatId, Tick};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use store::{Membership, MessageEdit};

const SECOND: Duration = Duration::from_secs(1);

/// SQL refuses rows of a table with "poison" in a column, until [`antidote`].
pub(crate) async fn poison(stack: &Stack, sql: Sql, table: &str, column: &str) {
    for event in ["INSERT", "UPDATE"] {
        let begin =
            format!("CREATE TRIGGER refuse_{table}_{event} BEFORE {event} ON {table} FOR EACH ROW");
        let statement = match sql {
            Sql::Sqlite => {
                format!(
                    "{begin} WHEN NEW.{column} LIKE '%poison%' \
                     BEGIN SELECT RAISE(ABORT, 'it is poison'); END"
                )
            }
            Sql::MariaDb => {
                format!(
                    "{begin} IF NEW.{column} LIKE '%poison%' THEN \
                     SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'it is poison'; END IF"
                )
            }
        };
        stack
            .db
            .execute_unprepared(&statement)
            .await
            .expect("a trigger");
    }
}

pub(crate) async fn antidote(stack: &Stack, table: &str) {
    for event in ["INSERT", "UPDATE"] {
        stack
            .db
            .execute_unprepared(&format!("DROP TRIGGER refuse_{table}_{event}"))
            .await
            .expect("no trigger");
    }
}

/// A group with so many texts, one of them poison.
async fn group(stack: &Stack, name: &str, texts: usize, poison: Option<usize>) -> Ledger {
    let owner = stack.person(name).await;
    let chat = ChatId::new();
    stack
        .store
        .create_group(chat, owner, "Friends", &[])
        .await
        .expect("created");
    let mut ledger = Ledger::new(chat, owner);
    for at in 0..texts {
        let body = if poison == Some(at) {
            format!("poison {at}")
        } else {
            format!("text {at}")
        };
        ledger.sent.push((
            say(&stack.store, chat, owner, &body, None)
                .await
                .expect("sent"),
            body,
        ));
    }
    ledger
}

async fn bodies(stack: &Stack, chat: ChatId) -> Vec<String> {
    let rows = message::Entity::find()
        .filter(message::Column::ChatId.eq(chat.0))
        .all(&stack.db)
        .await;
    rows.expect("SQL answers")
        .into_iter()
        .map(|row| row.body)
        .collect()
}

/// Waits until these rows, and no others, are put aside.
pub(crate) async fn parked(stack: &Stack, owner: &str, entries: &[String]) {
    let what = format!("{entries:?} are parked");
    let key = async || stack.redis.keys(&format!("*{owner}:parked")).await.pop();
    let found = async || match key().await {
        Some(key) => stack.redis.cli(&["ZRANGE", &key, "0", "-1"]).await == entries.join("\n"),
        None => false,
    };
    eventually(30 * SECOND, &what, found).await;
}

/// `carrier doctor`: its exit code and what it says.
async fn doctor(stack: &Stack, option: &str) -> (u32, String) {
    let doctor = Process::new(format!("doctor {option}").trim(), &stack.env());
    doctor.start();
    (doctor.wait().await, doctor.log())
}

fn quick() -> Options {
    let quick = Duration::from_millis(20);
    Options {
        flush_after: quick,
        sweep: quick,
        ..Options::default()
    }
}

on_both!(a_message_that_sql_refuses_is_parked_and_the_rest_goes_on);
async fn a_message_that_sql_refuses_is_parked_and_the_rest_goes_on(sql: Sql) {
    let stack = Stack::with(sql, quick()).await;
    poison(&stack, sql, "messages", "body").await;
    let mut ledgers = [
        group(&stack, "ann", 80, Some(7)).await,
        group(&stack, "bob", 80, None).await,
    ];
    let (ill, well) = (ledgers[0].chat, ledgers[1].chat);
    let entry = format!("message:{}", ledgers[0].sent[7].0);
    let flusher = stack.start_flusher().await;
    parked(&stack, &ill.to_string(), std::slice::from_ref(&entry)).await;
    stack.saved(ill).await;
    let (sick, healthy) = (bodies(&stack, ill).await, bodies(&stack, well).await);
    assert_eq!(
        (sick.len(), healthy.len()),
        (79, 80),
        "all but the one row are in SQL"
    );
    assert!(!sick.contains(&"poison 7".to_owned()));

    // Others leave as if nothing were; this chat stays, goes on, and shows the message.
    stack.expire(well).await;
    audit_sql(&stack, &ledgers[1..]).await;
    let body = "afterwards".to_owned();
    ledgers[0].sent.push((
        say(&stack.store, ill, ledgers[0].reader, &body, None)
            .await
            .expect("sent"),
        body,
    ));
    stack.saved(ill).await;
    assert_eq!(bodies(&stack, ill).await.len(), 80);
    let due = format!("due:{{c{}}}", ill.partition());
    let score = async || {
        stack
            .redis
            .cli(&["ZSCORE", &due, &ill.to_string()])
            .await
            .parse::<i64>()
            .ok()
    };
    let before = score().await; // when its token would have ended
    stack.expire(ill).await;
    let stays = async || score().await > before;
    eventually(
        60 * SECOND,
        "the flusher has looked, and comes back when it may have been mended",
        stays,
    )
    .await;
    audit(&stack, &ledgers).await;

    let progress = stack.hot.progress().await.expect("Redis answers");
    assert_eq!(progress.parked_rows, 1);
    let (code, said) = doctor(&stack, "").await;
    assert_eq!(code, 1, "{said}");
    for word in [&ill.to_string(), &entry, "it is poison", "--retry-parked"] {
        assert!(
            said.contains(word),
            "the doctor does not say {word:?}: {said}"
        );
    }

    antidote(&stack, "messages").await;
    let (code, said) = doctor(&stack, "--retry-parked").await;
    assert_eq!(code, 0, "{said}");
    for ledger in &ledgers {
        stack.expire(ledger.chat).await;
    }
    audit_sql(&stack, &ledgers).await;
    let (code, said) = doctor(&stack, "").await;
    assert_eq!(code, 0, "{said}");
    flusher.stop().await;
}

on_both!(a_message_that_cannot_be_read_is_parked_and_the_rest_goes_on);
async fn a_message_that_cannot_be_read_is_parked_and_the_rest_goes_on(sql: Sql) {
    let stack = Stack::with(sql, quick()).await;
    let ledgers = [group(&stack, "ann", 20, None).await];
    let chat = ledgers[0].chat;
    let list = format!("chat:{{c{}}}:{chat}:messages", chat.partition());
    let sound = stack.redis.cli(&["LINDEX", &list, "4"]).await;
    stack
        .redis
        .cli(&["LSET", &list, "4", &sound[..sound.len() - 3]])
        .await;
    let flusher = stack.start_flusher().await;
    parked(
        &stack,
        &chat.to_string(),
        &[format!("message:{}", ledgers[0].sent[4].0)],
    )
    .await;
    stack.saved(chat).await;
    assert_eq!(bodies(&stack, chat).await.len(), 19);
    let (code, said) = doctor(&stack, "").await;
    assert_eq!(code, 1, "{said}");

    stack.redis.cli(&["LSET", &list, "4", &sound]).await;
    assert_eq!(doctor(&stack, "--retry-parked").await.0, 0);
    stack.expire(chat).await;
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}

on_both!(a_user_whom_sql_refuses_is_parked_and_saved_by_the_next_change);
async fn a_user_whom_sql_refuses_is_parked_and_saved_by_the_next_change(sql: Sql) {
    let stack = Stack::with(sql, quick()).await;
    poison(&stack, sql, "users", "bio").await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let bio = |text: &str| UserChange {
        bio: Some(text.to_owned()),
        ..UserChange::default()
    };
    stack
        .store
        .change_user(ann, bio("poison"))
        .await
        .expect("changed");
    let flusher = stack.start_flusher().await;
    parked(&stack, &ann.to_string(), &["user".to_owned()]).await;
    let in_sql = async |user| stack.cold.user(user).await.expect("SQL answers");
    eventually(60 * SECOND, "the other is saved", async || {
        in_sql(bob).await.is_some()
    })
    .await;
    assert_eq!(in_sql(ann).await, None);
    assert_eq!(
        stack
            .store
            .user(ann)
            .await
            .expect("Redis has it")
            .expect("she is there")
            .bio,
        "poison"
    );
    let (code, said) = doctor(&stack, "").await;
    assert!(code == 1 && said.contains(&ann.to_string()), "{said}");

    let changed = stack
        .store
        .change_user(ann, bio("a good one"))
        .await
        .expect("changed");
    eventually(60 * SECOND, "she is saved", async || {
        in_sql(ann).await.as_ref() == Some(&changed)
    })
    .await;
    assert!(changed.rev > Tick::NEVER);
    let healed = async || doctor(&stack, "").await.0 == 0;
    eventually(60 * SECOND, "the doctor has nothing to say", healed).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_a_row_that_sql_refuses_stays_when_they_log_out() {
    let stack = Stack::with(Sql::Sqlite, quick()).await;
    poison(&stack, Sql::Sqlite, "users", "bio").await;
    let ann = stack.person("ann").await;
    let changed = stack
        .store
        .change_user(
            ann,
            UserChange {
                bio: Some("poison".into()),
                ..UserChange::default()
            },
        )
        .await
        .expect("changed");
    let flusher = stack.start_flusher().await;
    parked(&stack, &ann.to_string(), &["user".to_owned()]).await;
    stack
        .store
        .revoke_others(ann, "")
        .await
        .expect("no session is left");
    let due = format!("due:{{u{}}}", ann.partition());
    let later = Tick::now().0 / 1000 + 600_000;
    let stays = async || {
        stack
            .redis
            .cli(&["ZSCORE", &due, &ann.to_string()])
            .await
            .parse()
            .is_ok_and(|score: i64| score > later)
    };
    eventually(
        30 * SECOND,
        "the flusher has looked, and comes back when it may have been mended",
        stays,
    )
    .await;
    assert_eq!(
        stack.store.user(ann).await.expect("Redis answers"),
        Some(changed)
    );
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_swept_of_a_deleted_group_is_swept_later() {
    let stack = Stack::with(Sql::Sqlite, quick()).await;
    let Ledger { chat, reader, .. } = group(&stack, "ann", 3, None).await;
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    let refuse = "CREATE TRIGGER refuse BEFORE DELETE ON messages FOR EACH ROW \
                  BEGIN SELECT RAISE(ABORT, 'not now'); END";
    stack
        .db
        .execute_unprepared(refuse)
        .await
        .expect("a trigger");
    stack
        .store
        .delete_chat(Membership { chat, user: reader })
        .await
        .expect("deleted");
    let dirty = format!("chat:{{c{}}}:{chat}:dirty", chat.partition());
    let only_that = async || stack.redis.cli(&["ZRANGE", &dirty, "0", "-1"]).await == "chat";
    eventually(
        30 * SECOND,
        "nothing is left to do but what needs the messages gone",
        only_that,
    )
    .await;
    assert_eq!(bodies(&stack, chat).await.len(), 3);
    stack
        .db
        .execute_unprepared("DROP TRIGGER refuse")
        .await
        .expect("no trigger");
    stack.evicted(chat).await;
    assert_eq!(bodies(&stack, chat).await, [""; 0]);
    flusher.stop().await;
}

on_both!(a_chat_that_redis_cannot_show_holds_up_no_other);
async fn a_chat_that_redis_cannot_show_holds_up_no_other(sql: Sql) {
    // Both are due at the start, and nothing but an event makes the flusher look again.
    let (moment, hour) = (Duration::from_millis(1), 3600 * SECOND);
    let stack = Stack::with(
        sql,
        Options {
            flush_after: moment,
            sweep: hour,
            lease: hour,
            ..Options::default()
        },
    )
    .await;
    let ledgers = [
        group(&stack, "ann", 20, None).await,
        group(&stack, "bob", 20, None).await,
    ];
    let (ill, well) = (ledgers[0].chat, ledgers[1].chat);
    let list = format!("chat:{{c{}}}:{ill}:messages", ill.partition());
    stack
        .redis
        .cli(&["RENAME", &list, &format!("{list}:away")])
        .await;
    stack.redis.cli(&["SET", &list, "not a list"]).await;
    let flusher = stack.start_flusher().await;
    stack.saved(well).await;
    stack.expire(well).await;
    audit_sql(&stack, &ledgers[1..]).await;
    assert_eq!(bodies(&stack, ill).await.len(), 0);

    stack
        .redis
        .cli(&["RENAME", &format!("{list}:away"), &list])
        .await;
    stack.expire(ill).await;
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sql_refuses_for_no_row_is_not_parked_and_holds_up_nothing_else() {
    // Users and chats are due at the start, and no chat for a second time.
    let options = Options {
        park_after: 1,
        lease: 3600 * SECOND,
        ..quick()
    }
    .counting(&[Verb::SnapshotUser]);
    let stack = Stack::with(Sql::Sqlite, options).await;
    let ledgers = [group(&stack, "ann", 20, None).await];
    let (chat, ann) = (ledgers[0].chat, ledgers[0].reader);
    let rename = async |from, to| {
        stack
            .db
            .execute_unprepared(&format!("ALTER TABLE {from} RENAME TO {to}"))
            .await
            .expect("a new name")
    };
    rename("users", "users_that_are_away").await;
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    assert_eq!(bodies(&stack, chat).await.len(), 20);

    let parked = async || stack.redis.keys("*:parked").await;
    // The second time it is known what came of the first.
    eventually(30 * SECOND, "she was tried and given up", async || {
        stack.looks(ann).await > 1 || !parked().await.is_empty()
    })
    .await;
    assert_eq!(parked().await, Vec::<String>::new());
    rename("users_that_are_away", "users").await;
    let saved = async || stack.cold.user(ann).await.expect("SQL answers").is_some();
    eventually(30 * SECOND, "she is saved", saved).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_which_nobody_knows_the_outcome_is_not_taken_for_done() {
    let stack = Stack::with(Sql::MariaDb, quick()).await;
    let mut ledger = group(&stack, "ann", 5, None).await;
    let flusher = stack.start_flusher().await;
    stack.saved(ledger.chat).await;
    flusher.stop().await;
    ledger.talk(&stack, 20).await;

    let (proxy, behind) = stack.sql_proxy().await;
    // It is lost on its way: the server rolls back.
    let cut = proxy.rule_for(COMMIT, Fault::CutBefore, 0, 2);
    let flusher = stack
        .start_flusher_between(stack.options.flusher(), &stack.redis.url(), &behind)
        .await;
    cut.wait_fired(2).await;
    stack.expire(ledger.chat).await;
    audit_sql(&stack, &[ledger]).await;
    flusher.stop().await;
}

/// SQLite ends a transaction by itself when its disk is full, in the middle of an insert. Here a
/// trigger does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_a_transaction_that_sqlite_ended_is_saved_for_good() {
    let stack = Stack::with(
        Sql::Sqlite,
        Options {
            park_after: 1,
            ..quick()
        },
    )
    .await;
    for (word, end) in [("ended", "ROLLBACK"), ("refused", "ABORT")] {
        let trigger = format!(
            "CREATE TRIGGER {word} BEFORE INSERT ON messages FOR EACH ROW \
             WHEN NEW.body LIKE '{word}%' BEGIN SELECT RAISE({end}, '{word}'); END"
        );
        stack
            .db
            .execute_unprepared(&trigger)
            .await
            .expect("a trigger");
    }
    let (chat, owner) = (ChatId::new(), stack.person("ann").await);
    stack
        .store
        .create_group(chat, owner, "Friends", &[])
        .await
        .expect("created");
    let mut ids = Vec::new();
    for round in 0..4 {
        for word in ["good", "ended", "refused"] {
            let id = say(&stack.store, chat, owner, &format!("{word} {round}"), None)
                .await
                .expect("sent");
            ids.push((word, id));
        }
    }
    let flusher = stack.start_flusher().await;
    let bad: Vec<_> = ids
        .iter()
        .filter(|(word, _)| *word != "good")
        .map(|(_, id)| format!("message:{id}"))
        .collect();
    parked(&stack, &chat.to_string(), &bad).await;
    stack.saved(chat).await;
    flusher.stop().await;
    // What a flusher calls saved is there, whatever becomes of its connections.
    let mut saved = bodies(&stack, chat).await;
    saved.sort();
    assert_eq!(
        saved,
        (0..4)
            .map(|round| format!("good {round}"))
            .collect::<Vec<_>>()
    );
    let row = stack
        .cold
        .chat(chat)
        .await
        .expect("SQL answers")
        .expect("the chat is saved");
    assert_eq!(row.chat.seq, 12);
}

/// Flushers that put aside at once what is refused, and do not wait long for one that sleeps.
fn strict() -> Options {
    Options {
        park_after: 1,
        lease: SECOND / 2,
        command_timeout: 60 * SECOND,
        hot_messages: 2,
        ..quick()
    }
    .on_one_redis()
}

async fn edit(stack: &Stack, ledger: &mut Ledger, at: usize, body: &str) {
    let own = Membership {
        chat: ledger.chat,
        user: ledger.reader,
    };
    let edit = MessageEdit {
        body: Some(body.to_owned()),
        ..MessageEdit::default()
    };
    stack
        .store
        .edit(own, ledger.sent[at].0, &edit)
        .await
        .expect("edited");
    body.clone_into(&mut ledger.sent[at].1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_sql_refuses_stays_whatever_is_settled_late_and_however_old_its_message() {
    let stack = Stack::with(Sql::Sqlite, strict()).await;
    poison(&stack, Sql::Sqlite, "messages", "body").await;
    let mut ledgers = [group(&stack, "ann", 10, None).await];
    let chat = ledgers[0].chat;
    let entry = |at: usize| format!("message:{}", ledgers[0].sent[at].0);
    let (oldest, next) = (entry(0), entry(1));
    let proxy = Proxy::before(stack.redis.address()).await;
    let settle = proxy.rule_for(stack.sha(Verb::SettleChat), Fault::Stall, 0, 1);
    let sleeper = stack
        .start_flusher_with(stack.options.flusher(), &proxy.url())
        .await;
    settle.wait_fired(1).await;
    // What it has saved is of before; another finds that the message cannot be saved as it is now.
    edit(&stack, &mut ledgers[0], 1, "poison").await;
    let flusher = stack.start_flusher().await;
    parked(&stack, &chat.to_string(), std::slice::from_ref(&next)).await;
    settle.release();
    sleeper.stop().await; // it ends what it was at first
    parked(&stack, &chat.to_string(), std::slice::from_ref(&next)).await;
    let listed = stack.hot.dead_letters().await.expect("Redis answers");
    assert!(
        listed.iter().any(|dead| dead.entry == next),
        "nobody would know that it is not saved: {listed:?}"
    );

    // The first is older than the list, which begins with what was put aside.
    edit(&stack, &mut ledgers[0], 0, "poison too").await;
    parked(&stack, &chat.to_string(), &[next, oldest]).await;
    flusher.stop().await;
    audit(&stack, &ledgers).await;
    antidote(&stack, "messages").await;
    assert_eq!(
        stack
            .hot
            .unpark(Kind::Chat, &chat.to_string())
            .await
            .expect("Redis answers"),
        2
    );
    let flusher = stack.start_flusher().await;
    stack.expire(chat).await;
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_mended_before_it_is_parked_is_saved_and_not_listed() {
    let stack = Stack::with(Sql::Sqlite, strict()).await;
    poison(&stack, Sql::Sqlite, "messages", "body").await;
    let mut ledgers = [group(&stack, "ann", 5, Some(2)).await];
    let proxy = Proxy::before(stack.redis.address()).await;
    let park = proxy.rule_for(stack.sha(Verb::Park), Fault::Stall, 0, 1);
    let flusher = stack
        .start_flusher_with(stack.options.flusher(), &proxy.url())
        .await;
    park.wait_fired(1).await;
    edit(&stack, &mut ledgers[0], 2, "a good one").await;
    park.release();
    stack.expire(ledgers[0].chat).await;
    audit_sql(&stack, &ledgers).await;
    assert!(
        stack
            .hot
            .dead_letters()
            .await
            .expect("Redis answers")
            .is_empty(),
        "nothing is listed that is saved"
    );
    flusher.stop().await;
}
