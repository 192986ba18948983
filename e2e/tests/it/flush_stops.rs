//! Each script that the flusher runs is stopped at each of its calls in turn: nothing is lost, and
//! the next pass completes it.

use std::time::Duration;

use e2e::{Ledger, PASSWORD, Sql, Stack, audit, audit_sql, eventually, on_both, say};
use hot::{Kind, UserChange, Verb};
use model::{Role, UserId};
use store::{Error, Membership};

use crate::{
    poison::{antidote, parked, poison},
    stops::{group, is_listed, stack},
};

const SECOND: Duration = Duration::from_secs(1);

async fn another(stack: &Stack, ledger: &mut Ledger, body: &str) {
    ledger.sent.push((
        say(&stack.store, ledger.chat, ledger.reader, body, None)
            .await
            .expect("sent"),
        body.to_owned(),
    ));
}

on_both!(a_chat_is_saved_and_leaves);
async fn a_chat_is_saved_and_leaves(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let flusher = stack.start_flusher().await;
    for verb in [Verb::LeaseDue, Verb::SnapshotChat, Verb::SettleChat] {
        let made = async |_| group(&stack, ann, &[bob]).await;
        stack
            .at_each_step(verb, made, async |mut ledger| {
                another(&stack, &mut ledger, "while it is saved").await;
                stack.saved(ledger.chat).await;
                audit(&stack, std::slice::from_ref(&ledger)).await;
                stack.expire(ledger.chat).await;
                audit_sql(&stack, std::slice::from_ref(&ledger)).await;
                another(&stack, &mut ledger, "after it came back").await;
                stack.expire(ledger.chat).await;
                audit_sql(&stack, &[ledger]).await;
            })
            .await;
    }
    // Nothing is left to save: it only leaves.
    for verb in [Verb::SnapshotChat, Verb::SettleChat] {
        let saved = async |_| {
            let ledger = group(&stack, ann, &[bob]).await;
            stack.saved(ledger.chat).await;
            ledger
        };
        stack
            .at_each_step(verb, saved, async |ledger| {
                stack.expire(ledger.chat).await;
                audit_sql(&stack, std::slice::from_ref(&ledger)).await;
                audit(&stack, &[ledger]).await;
            })
            .await;
    }
    flusher.stop().await;
}

on_both!(a_user_is_saved_and_leaves);
async fn a_user_is_saved_and_leaves(sql: Sql) {
    let stack = stack(sql).await;
    let flusher = stack.start_flusher().await;
    for verb in [Verb::SnapshotUser, Verb::SettleUser] {
        let made = async |step| stack.person(&format!("{}{step}", verb.name())).await;
        stack
            .at_each_step(verb, made, async |user: UserId| {
                let bio = UserChange {
                    bio: Some("new".into()),
                    ..UserChange::default()
                };
                let changed = stack.store.change_user(user, bio).await.expect("changed");
                stack
                    .store
                    .revoke_others(user, "")
                    .await
                    .expect("no session is left");
                let away = async || stack.redis.keys(&format!("user:*{user}*")).await.is_empty();
                eventually(60 * SECOND, "the user has left Redis", away).await;
                assert_eq!(
                    stack.cold.user(user).await.expect("SQL answers"),
                    Some(changed)
                );
            })
            .await;
    }
    let released = async || stack.redis.keys("claim:*").await.is_empty();
    eventually(60 * SECOND, "every claim is released", released).await;
    flusher.stop().await;
}

on_both!(a_row_is_parked_and_freed);
async fn a_row_is_parked_and_freed(sql: Sql) {
    let stack = stack(sql).await;
    poison(&stack, sql, "messages", "body").await;
    let ann = stack.person("ann").await;
    let flusher = stack.start_flusher().await;
    let mut ledgers = Vec::new();
    let entry = |ledger: &Ledger| format!("message:{}", ledger.sent[2].0);
    for verb in [Verb::Park, Verb::Unpark] {
        let made = async |_| {
            let mut ledger = group(&stack, ann, &[]).await;
            if verb == Verb::Unpark {
                another(&stack, &mut ledger, "poison").await;
                parked(&stack, &ledger.chat.to_string(), &[entry(&ledger)]).await;
            }
            ledger
        };
        stack
            .at_each_step(verb, made, async |mut ledger| {
                if verb == Verb::Unpark {
                    // The first try may be stopped; the second frees what the first did not.
                    for _ in 0..2 {
                        let _ = stack.hot.unpark(Kind::Chat, &ledger.chat.to_string()).await;
                    }
                } else {
                    another(&stack, &mut ledger, "poison").await;
                }
                parked(&stack, &ledger.chat.to_string(), &[entry(&ledger)]).await;
                audit(&stack, std::slice::from_ref(&ledger)).await;
                ledgers.push(ledger);
            })
            .await;
    }
    antidote(&stack, "messages").await;
    for ledger in &ledgers {
        stack
            .hot
            .unpark(Kind::Chat, &ledger.chat.to_string())
            .await
            .expect("it is freed");
        stack.expire(ledger.chat).await;
    }
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

/// A call of the API is stopped before it has told everybody, and so is the flusher that would
/// tell them; then the next flush does.
async fn stopped_twice<T>(
    stack: &Stack,
    verb: Verb,
    act: impl Future<Output = store::Result<T>>,
    done: impl AsyncFnMut() -> bool,
) {
    stack.stop_at(verb, 1).await;
    assert!(act.await.is_err(), "the API is stopped");
    stack.stop_at(verb, 1).await;
    let flusher = stack.start_flusher().await;
    eventually(
        30 * SECOND,
        &format!(
            "the flush after the one that was stopped runs {}",
            verb.name()
        ),
        done,
    )
    .await;
    flusher.stop().await;
    assert!(
        stack.redis.keys("e2e:stop:*").await.is_empty(),
        "the flusher was stopped too"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_propagated_is_propagated_by_the_next_flush() {
    let stack = stack(Sql::Sqlite).await;
    let (ann, bob, carl) = (
        stack.person("ann").await,
        stack.person("bob").await,
        stack.person("carl").await,
    );
    let entered = stack
        .store
        .login("carl", PASSWORD, "e2e", "e2e")
        .await
        .expect("he is in");
    let session = stack
        .store
        .authenticate(&entered.token)
        .await
        .expect("he is in");
    let (friends, inherited) = (
        group(&stack, ann, &[]).await.chat,
        group(&stack, carl, &[bob]).await.chat,
    );
    let (direct, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let flusher = stack.start_flusher().await;
    eventually(30 * SECOND, "all of it is saved", async || {
        stack.redis.keys("*:dirty").await.is_empty()
    })
    .await;
    flusher.stop().await;

    let add = stack.store.add_member(
        Membership {
            chat: friends,
            user: ann,
        },
        bob,
    );
    stopped_twice(&stack, Verb::Enlist, add, async || {
        is_listed(&stack, bob, friends).await
    })
    .await;
    let refused = async || {
        matches!(
            say(&stack.store, direct, bob, "hello?", None).await,
            Err(Error::NotAccepted)
        )
    };
    stopped_twice(
        &stack,
        Verb::Block,
        stack.store.block(ann, bob, true),
        refused,
    )
    .await;
    let bobs = Membership {
        chat: inherited,
        user: bob,
    };
    let inherits =
        async || stack.store.view(bobs).await.expect("he sees it").my.role == Role::Owner;
    stopped_twice(
        &stack,
        Verb::ChangeMember,
        stack.store.erase(&session, PASSWORD),
        inherits,
    )
    .await;
}
