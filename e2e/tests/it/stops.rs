//! Each script that the API runs is stopped at each of its calls in turn: nothing that was
//! acknowledged is half done, and trying again completes it.

use std::time::Duration;

use e2e::{
    Ledger, Options, PASSWORD, Sql, Stack, audit, audit_sql, eventually, history, on_both, say,
};
use hot::{ListedChat, NameClaim, UserChange, Verb};
use model::{ChatId, Name, NameKind, PrivateKey, Role, Tick, UserId};
use store::{Error, HotError, Membership, MessageEdit, Rate, Result};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) async fn stack(sql: Sql) -> Stack {
    Stack::with(sql, quick().stoppable()).await
}

fn quick() -> Options {
    let quick = Duration::from_millis(20);
    Options {
        flush_after: quick,
        sweep: quick,
        lease: SECOND / 4,
        hydrate_lease: SECOND / 4,
        ..Options::default()
    }
}

/// As a client does: again, until it is granted.
pub(crate) async fn insist<T>(call: impl AsyncFn() -> Result<T>) -> T {
    for _ in 0..3 {
        match call().await {
            Ok(value) => return value,
            Err(Error::Hot(HotError::Refused { error, .. }))
                if error.details().contains("stopped by the test") => {}
            Err(error) => panic!("neither granted nor stopped: {error}"),
        }
    }
    panic!("one stop stops one run")
}

/// Ann's group with Bob, in which she has said two things.
pub(crate) async fn group(stack: &Stack, ann: UserId, others: &[UserId]) -> Ledger {
    let chat = ChatId::new();
    stack
        .store
        .create_group(chat, ann, "Friends", others)
        .await
        .expect("created");
    let mut ledger = Ledger::new(chat, ann);
    for body in ["one", "two"] {
        ledger.sent.push((
            say(&stack.store, chat, ann, body, None)
                .await
                .expect("sent"),
            body.to_owned(),
        ));
    }
    ledger
}

/// The same; and SQL has it already, so that only what is done next can tell a flusher of itself.
async fn group_that_is(saved: bool, stack: &Stack, ann: UserId, others: &[UserId]) -> Ledger {
    let ledger = group(stack, ann, others).await;
    if saved {
        save(stack, ledger.chat).await;
    }
    ledger
}

async fn save(stack: &Stack, chat: ChatId) {
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    flusher.stop().await;
}

async fn unread(stack: &Stack, chat: ChatId, user: UserId) -> i64 {
    stack
        .store
        .view(Membership { chat, user })
        .await
        .expect("a member sees it")
        .unread_count
}

/// Asserts that these chats are as they should be in Redis, then in SQL, and when they have come
/// back.
async fn all_is_well(stack: &Stack, ledgers: &[Ledger]) {
    audit(stack, ledgers).await;
    let flusher = stack.start_flusher().await;
    for ledger in ledgers {
        // Not only by an event, which a flusher that has just begun may miss: a chat that it has
        // saved before would be looked at in an hour.
        stack
            .hot
            .expire_early(ledger.chat)
            .await
            .expect("Redis answers");
    }
    audit_sql(stack, ledgers).await;
    audit(stack, ledgers).await;
    flusher.stop().await;
}

on_both!(an_append_is_there_once_whatever_comes_next);
async fn an_append_is_there_once_whatever_comes_next(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let mut ledgers = Vec::new();
    stack
        .at_each_step(
            Verb::Append,
            async |_| group(&stack, ann, &[bob]).await,
            async |mut ledger| {
                let id = insist(async || {
                    say(&stack.store, ledger.chat, ann, "three", Some("key")).await
                })
                .await;
                ledger.sent.push((id, "three".into()));
                assert_eq!(unread(&stack, ledger.chat, bob).await, 3);
                ledgers.push(ledger);
            },
        )
        .await;
    // Another member's message comes between.
    stack
        .at_each_step(
            Verb::Append,
            async |_| group(&stack, ann, &[bob]).await,
            async |mut ledger| {
                let stopped = say(&stack.store, ledger.chat, ann, "three", Some("key")).await;
                let other = say(&stack.store, ledger.chat, bob, "from bob", Some("bob's"))
                    .await
                    .expect("sent");
                let id = say(&stack.store, ledger.chat, ann, "three", Some("key"))
                    .await
                    .expect("sent");
                assert!(stopped.is_err() || stopped.is_ok_and(|first| first == id));
                ledger
                    .sent
                    .extend([(other, "from bob".into()), (id, "three".into())]);
                ledgers.push(ledger);
            },
        )
        .await;
    // The chat is saved and leaves before it is tried again.
    let flusher = stack.start_flusher().await;
    stack
        .at_each_step(
            Verb::Append,
            async |_| group(&stack, ann, &[bob]).await,
            async |mut ledger| {
                let _ = say(&stack.store, ledger.chat, ann, "three", Some("key")).await;
                audit(&stack, std::slice::from_ref(&ledger)).await;
                stack.expire(ledger.chat).await;
                audit_sql(&stack, std::slice::from_ref(&ledger)).await;
                let again = || say(&stack.store, ledger.chat, ann, "three", Some("key"));
                // It marks the members anew, so it may come to a stop that the first did not.
                let id = match again().await {
                    Ok(id) => id,
                    Err(_) => again().await.expect("sent"),
                };
                ledger.sent.push((id, "three".into()));
                assert_eq!(unread(&stack, ledger.chat, bob).await, 3);
                ledgers.push(ledger);
            },
        )
        .await;
    flusher.stop().await;
    all_is_well(&stack, &ledgers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_is_there_once_although_the_chat_went_on_without_it() {
    let stack = Stack::with(
        Sql::Sqlite,
        Options {
            hot_messages: 1,
            ..quick()
        }
        .stoppable(),
    )
    .await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let mut ledgers = Vec::new();
    stack
        .at_each_step(
            Verb::Append,
            async |_| group(&stack, ann, &[bob]).await,
            async |mut ledger| {
                let three =
                    async || say(&stack.store, ledger.chat, ann, "three", Some("key")).await;
                let stopped = three().await;
                let mut others = Vec::new();
                for body in ["from bob", "again from bob"] {
                    let key = body.replace(' ', "-");
                    others.push((
                        say(&stack.store, ledger.chat, bob, body, Some(&key))
                            .await
                            .expect("sent"),
                        body.to_owned(),
                    ));
                }
                // All that is there is saved, and all but the newest is trimmed.
                save(&stack, ledger.chat).await;
                let id = tokio::time::timeout(10 * SECOND, three())
                    .await
                    .expect("it ends")
                    .expect("sent");
                assert!(stopped.is_err() || stopped.is_ok_and(|first| first == id));
                ledger.sent.extend(others);
                ledger.sent.push((id, "three".into()));
                ledgers.push(ledger);
            },
        )
        .await;
    all_is_well(&stack, &ledgers).await;
}

on_both!(an_edit_and_a_deletion_are_whole);
async fn an_edit_and_a_deletion_are_whole(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let names_bob = MessageEdit {
        body: Some("changed".into()),
        mentions: Some(vec![bob]),
        ..MessageEdit::default()
    };
    let names_all = MessageEdit {
        body: Some("changed".into()),
        mentions_all: Some(true),
        ..MessageEdit::default()
    };
    let (mut edited, mut deleted, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    let made = async |_| group(&stack, ann, &[bob]).await;
    for edit in [names_bob, names_all] {
        stack
            .at_each_step(Verb::Replace, made, async |mut ledger| {
                let own = Membership {
                    chat: ledger.chat,
                    user: ann,
                };
                insist(async || stack.store.edit(own, ledger.sent[0].0, &edit).await).await;
                ledger.sent[0].1 = "changed".into();
                assert_eq!(unread(&stack, ledger.chat, bob).await, 2);
                let his = Membership {
                    chat: ledger.chat,
                    user: bob,
                };
                let seen = stack.store.view(his).await.expect("seen");
                assert_eq!(seen.unread_mentions, 1);
                edited.push(ledger);
            })
            .await;
    }
    for saved in [false, true] {
        stack
            .at_each_step(
                Verb::Replace,
                async |_| group_that_is(saved, &stack, ann, &[bob]).await,
                async |mut ledger| {
                    let own = Membership {
                        chat: ledger.chat,
                        user: ann,
                    };
                    let (id, _) = ledger.sent.remove(0);
                    insist(async || stack.store.delete_for_everyone(own, id).await).await;
                    assert_eq!(
                        stack
                            .store
                            .message(own, id)
                            .await
                            .expect("its place is left")
                            .deleted,
                        Some(true)
                    );
                    gone.push(id);
                    deleted.push(ledger);
                },
            )
            .await;
    }
    // A stopped deletion that nobody tries again: the next message finds it half done, or not done.
    stack
        .at_each_step(Verb::Replace, made, async |mut ledger| {
            let own = Membership {
                chat: ledger.chat,
                user: ann,
            };
            let (id, _) = ledger.sent.remove(0);
            let _ = stack.store.delete_for_everyone(own, id).await;
            ledger.sent.push((
                say(&stack.store, ledger.chat, ann, "three", None)
                    .await
                    .expect("sent"),
                "three".into(),
            ));
            let gone = stack
                .store
                .message(own, id)
                .await
                .expect("its place is left")
                .deleted
                == Some(true);
            assert_eq!(
                unread(&stack, ledger.chat, bob).await,
                if gone { 2 } else { 3 }
            );
        })
        .await;
    all_is_well(&stack, &edited).await;
    all_is_well(&stack, &deleted).await;
    for (ledger, id) in deleted.iter().zip(gone) {
        assert_eq!(
            unread(&stack, ledger.chat, bob).await,
            1,
            "after it came back"
        );
        let own = Membership {
            chat: ledger.chat,
            user: ann,
        };
        assert_eq!(
            stack
                .store
                .message(own, id)
                .await
                .expect("its place is left")
                .deleted,
            Some(true),
            "after it came back"
        );
    }
}

on_both!(a_read_mark_counts_right);
async fn a_read_mark_counts_right(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let mut ledgers = Vec::new();
    for saved in [false, true] {
        stack
            .at_each_step(
                Verb::MarkRead,
                async |_| group_that_is(saved, &stack, ann, &[bob]).await,
                async |ledger| {
                    let (own, first) = (
                        Membership {
                            chat: ledger.chat,
                            user: bob,
                        },
                        ledger.sent[0].0,
                    );
                    let stopped = stack.store.mark(own, first, first).await;
                    let left = unread(&stack, ledger.chat, bob).await;
                    assert!(left == 1 || left == 2 && stopped.is_err(), "{left} unread");
                    insist(async || stack.store.mark(own, first, first).await).await;
                    assert_eq!(unread(&stack, ledger.chat, bob).await, 1);
                    ledgers.push(ledger);
                },
            )
            .await;
    }
    all_is_well(&stack, &ledgers).await;
    for ledger in &ledgers {
        assert_eq!(
            unread(&stack, ledger.chat, bob).await,
            1,
            "after it came back"
        );
    }
}

/// Is the chat in the list that a resident user has?
pub(crate) async fn is_listed(stack: &Stack, user: UserId, chat: ChatId) -> bool {
    let listed = stack.hot.chats_of(user).await.expect("a list");
    let listed = listed.unwrap_or_default();
    listed
        .iter()
        .any(|listed| listed.chat == chat && !listed.left.happened())
}

/// Returns how many of a chat's system messages tell of this event.
async fn told(stack: &Stack, ledger: &Ledger, event: &str) -> usize {
    let all = history(&stack.store, ledger.chat, ledger.reader, true).await;
    all.iter().filter(|json| json.contains(event)).count()
}

on_both!(a_member_comes_and_goes_once);
async fn a_member_comes_and_goes_once(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (mut joined, mut left) = (Vec::new(), Vec::new());
    for (verb, saved) in [
        (Verb::ChangeMember, false),
        (Verb::Enlist, false),
        (Verb::Enlist, true),
    ] {
        stack
            .at_each_step(
                verb,
                async |_| group_that_is(saved, &stack, ann, &[]).await,
                async |ledger| {
                    let own = Membership {
                        chat: ledger.chat,
                        user: ann,
                    };
                    insist(async || stack.store.add_member(own, bob).await).await;
                    assert_eq!(
                        stack
                            .store
                            .view(Membership {
                                chat: ledger.chat,
                                user: bob
                            })
                            .await
                            .expect("he sees it")
                            .member_count,
                        2
                    );
                    assert!(is_listed(&stack, bob, ledger.chat).await);
                    assert_eq!(told(&stack, &ledger, "member_added").await, 1);
                    joined.push(ledger);
                },
            )
            .await;
        stack
            .at_each_step(
                verb,
                async |_| group_that_is(saved, &stack, ann, &[bob]).await,
                async |ledger| {
                    let own = Membership {
                        chat: ledger.chat,
                        user: ann,
                    };
                    // He may be gone already although nobody said so.
                    insist(async || match stack.store.remove_member(own, bob).await {
                        Err(Error::NoMember) => Ok(()),
                        other => other,
                    })
                    .await;
                    let view = stack
                        .store
                        .view(Membership {
                            chat: ledger.chat,
                            user: bob,
                        })
                        .await;
                    assert!(matches!(view, Err(Error::NoChat)), "he is out");
                    assert_eq!(
                        stack
                            .store
                            .view(own)
                            .await
                            .expect("she sees it")
                            .member_count,
                        1
                    );
                    assert_eq!(told(&stack, &ledger, "member_removed").await, 1);
                    left.push(ledger);
                },
            )
            .await;
    }
    all_is_well(&stack, &joined).await;
    all_is_well(&stack, &left).await;
    for ledger in &joined {
        assert!(
            is_listed(&stack, bob, ledger.chat).await,
            "after it came back"
        );
        assert_eq!(
            stack
                .store
                .view(Membership {
                    chat: ledger.chat,
                    user: bob
                })
                .await
                .expect("he sees it")
                .member_count,
            2
        );
    }
    for ledger in &left {
        assert!(
            !is_listed(&stack, bob, ledger.chat).await,
            "a flush heals what the API could not tell"
        );
    }
}

on_both!(a_group_is_renamed_and_handed_over_whole);
async fn a_group_is_renamed_and_handed_over_whole(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (mut renamed, mut handed) = (Vec::new(), Vec::new());
    let made = async |_| group(&stack, ann, &[bob]).await;
    stack
        .at_each_step(Verb::ChangeChat, made, async |ledger| {
            let own = Membership {
                chat: ledger.chat,
                user: ann,
            };
            insist(async || {
                stack
                    .store
                    .change_chat(own, Some("Enemies"), Some("Of late"), None)
                    .await
            })
            .await;
            assert_eq!(told(&stack, &ledger, "chat_renamed").await, 1);
            renamed.push(ledger);
        })
        .await;
    stack
        .at_each_step(Verb::ChangeMember, made, async |ledger| {
            let own = Membership {
                chat: ledger.chat,
                user: ann,
            };
            insist(async || stack.store.change_role(own, bob, Role::Owner).await).await;
            assert_eq!(told(&stack, &ledger, "role_changed").await, 1);
            handed.push(ledger);
        })
        .await;
    // Both read, and are saved, before it is tried again.
    stack
        .at_each_step(Verb::ChangeMember, made, async |ledger| {
            let of = |user| Membership {
                chat: ledger.chat,
                user,
            };
            let hand_over = async || stack.store.change_role(of(ann), bob, Role::Owner).await;
            let _ = hand_over().await;
            for user in [ann, bob] {
                let marked = stack.store.mark(of(user), Tick::LAST, Tick::NEVER).await;
                marked.expect("marked");
            }
            save(&stack, ledger.chat).await;
            insist(hand_over).await;
            assert_eq!(told(&stack, &ledger, "role_changed").await, 1);
            handed.push(ledger);
        })
        .await;
    all_is_well(&stack, &renamed).await;
    for ledger in &renamed {
        let view = stack
            .store
            .view(Membership {
                chat: ledger.chat,
                user: bob,
            })
            .await
            .expect("he sees it");
        assert_eq!(
            (view.name.as_deref(), view.description.as_deref()),
            (Some("Enemies"), Some("Of late"))
        );
    }
    all_is_well(&stack, &handed).await;
    for ledger in &handed {
        for (user, role) in [(ann, Role::Admin), (bob, Role::Owner)] {
            assert_eq!(
                stack
                    .store
                    .view(Membership {
                        chat: ledger.chat,
                        user
                    })
                    .await
                    .expect("a member")
                    .my
                    .role,
                role
            );
        }
    }
}

on_both!(a_chat_is_made_and_loaded_whole);
async fn a_chat_is_made_and_loaded_whole(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let mut ledgers = Vec::new();
    for verb in [Verb::Begin, Verb::LoadChat] {
        stack
            .at_each_step(
                verb,
                async |_| ChatId::new(),
                async |chat| {
                    insist(async || stack.store.create_group(chat, ann, "Friends", &[bob]).await)
                        .await;
                    assert!(
                        is_listed(&stack, ann, chat).await && is_listed(&stack, bob, chat).await
                    );
                    assert_eq!(
                        stack
                            .store
                            .view(Membership { chat, user: bob })
                            .await
                            .expect("he sees it")
                            .member_count,
                        2
                    );
                    let mut ledger = Ledger::new(chat, bob);
                    ledger.sent.push((
                        say(&stack.store, chat, ann, "hello", None)
                            .await
                            .expect("sent"),
                        "hello".into(),
                    ));
                    ledgers.push(ledger);
                },
            )
            .await;
    }
    all_is_well(&stack, &ledgers).await;
    let ledger = [group(&stack, ann, &[bob]).await];
    let flusher = stack.start_flusher().await;
    let gone = async |_| {
        stack.expire(ledger[0].chat).await;
        stack.evicted(ledger[0].chat).await;
    };
    for verb in [Verb::Begin, Verb::LoadChat] {
        stack
            .at_each_step(verb, gone, async |()| {
                assert!(insist(async || stack.store.hydrate_chat(ledger[0].chat).await).await);
                audit(&stack, &ledger).await;
                assert_eq!(unread(&stack, ledger[0].chat, bob).await, 2);
            })
            .await;
    }
    flusher.stop().await;
}

on_both!(a_user_comes_back_whole);
async fn a_user_comes_back_whole(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let chat = group(&stack, ann, &[bob]).await.chat;
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await; // else he may be loaded before he is known to be a member
    let gone = async |_| {
        stack
            .store
            .revoke_others(bob, "")
            .await
            .expect("he has no session any more");
        // One that was stopped half-way is nobody's, but counts until its time is over.
        let key = stack
            .redis
            .keys(&format!("user:*{bob}:sessions"))
            .await
            .pop()
            .unwrap_or_default();
        stack.redis.cli(&["DEL", &key]).await;
        stack
            .store
            .logout(bob, "")
            .await
            .expect("a flusher looks at once");
        let away = async || stack.redis.keys(&format!("user:*{bob}*")).await.is_empty();
        eventually(60 * SECOND, "he has left Redis", away).await;
    };
    for verb in [Verb::Begin, Verb::LoadUser, Verb::OpenSession] {
        stack
            .at_each_step(verb, gone, async |()| {
                let entered =
                    insist(async || stack.store.login("bob", PASSWORD, "e2e", "e2e").await).await;
                assert_eq!(
                    stack
                        .store
                        .authenticate(&entered.token)
                        .await
                        .expect("he is in")
                        .user,
                    bob
                );
                assert!(is_listed(&stack, bob, chat).await);
            })
            .await;
    }
    flusher.stop().await;
}

on_both!(a_session_is_used_and_ended);
async fn a_session_is_used_and_ended(sql: Sql) {
    let stack = stack(sql).await;
    let ann = stack.person("ann").await;
    let kept = stack
        .store
        .login("ann", PASSWORD, "kept", "e2e")
        .await
        .expect("she is in");
    stack
        .at_each_step(
            Verb::TouchSession,
            async |_| (),
            async |()| {
                insist(async || Ok(stack.hot.touch_session(ann, &kept.token.hash()).await?)).await;
                stack
                    .store
                    .authenticate(&kept.token)
                    .await
                    .expect("she is in");
            },
        )
        .await;
    stack
        .at_each_step(
            Verb::CloseSession,
            async |_| {
                stack
                    .store
                    .login("ann", PASSWORD, "e2e", "e2e")
                    .await
                    .expect("she is in")
            },
            async |entered| {
                insist(async || stack.store.logout(ann, &entered.token.hash()).await).await;
                assert!(matches!(
                    stack.store.authenticate(&entered.token).await,
                    Err(Error::NoSession)
                ));
                stack
                    .store
                    .authenticate(&kept.token)
                    .await
                    .expect("the other session is not touched");
            },
        )
        .await;
}

on_both!(a_count_that_is_stopped_has_counted_nothing_and_keeps_nobody_out);
async fn a_count_that_is_stopped_has_counted_nothing_and_keeps_nobody_out(sql: Sql) {
    let stack = stack(sql).await;
    let ann = stack.person("ann").await;
    let token = stack
        .store
        .login("ann", PASSWORD, "e2e", "e2e")
        .await
        .expect("she is in")
        .token;
    let rate = Rate {
        most: 100,
        period: 3600 * SECOND,
    };
    stack
        .at_each_step(
            Verb::Admit,
            async |step| format!("send{step}"),
            async |what| {
                let limit = Some((&*what.leak(), rate));
                let admit = async || {
                    let admitted = stack
                        .store
                        .admit(token.partition(), &token.hash(), limit, None)
                        .await;
                    admitted.expect("she is known")
                };
                let first = admit().await;
                assert_eq!(first.session.user, ann);
                assert_eq!(
                    admit().await.verdict.map(|verdict| verdict.left),
                    Some(if first.verdict.is_some() { 98 } else { 99 })
                );
            },
        )
        .await;
    stack
        .at_each_step(
            Verb::Limit,
            async |step| format!("192.0.2.{step}"),
            async |who| {
                let first = stack
                    .store
                    .limit("login", &who, rate)
                    .await
                    .expect("Redis answers");
                let second = stack
                    .store
                    .limit("login", &who, rate)
                    .await
                    .expect("Redis answers");
                assert_eq!(
                    second.map(|verdict| verdict.left),
                    Some(if first.is_some() { 98 } else { 99 })
                );
            },
        )
        .await;
}

on_both!(a_name_is_taken_and_given_up_whole);
async fn a_name_is_taken_and_given_up_whole(sql: Sql) {
    let stack = stack(sql).await;
    let ann = stack.person("ann").await;
    let mut now = "ann".to_owned();
    let rename = |name: &str| UserChange {
        username: Some(name.to_owned()),
        ..UserChange::default()
    };
    let find = async |name: &str| {
        stack
            .store
            .find(&Name::new(NameKind::Username, name))
            .await
            .expect("Redis and SQL answer")
    };
    for verb in [Verb::WantName, Verb::ChangeUser, Verb::Swap] {
        let next = async |step| {
            let next = format!("{}-{step}", verb.name());
            if verb == Verb::Swap {
                // A claim of hers from an earlier try is there, to be replaced.
                stack.stop_at(Verb::ChangeUser, 1).await;
                assert!(stack.store.change_user(ann, rename(&next)).await.is_err());
            }
            next
        };
        stack
            .at_each_step(verb, next, async |next: String| {
                insist(async || stack.store.change_user(ann, rename(&next)).await).await;
                assert_eq!(find(&next).await.map(|user| user.id), Some(ann));
                assert_eq!(find(&now).await, None, "the old name is nobody's");
                now = next;
            })
            .await;
    }
    // A claim that its owner no longer stands by.
    stack
        .at_each_step(
            Verb::IsClaimAbandoned,
            async |step| Name::new(NameKind::Username, &format!("other{step}")),
            async |name| {
                let nonce = Uuid::now_v7().simple().to_string();
                stack
                    .hot
                    .want_name(ann, &name, &nonce)
                    .await
                    .expect("Redis answers")
                    .expect("she is there");
                let claim = NameClaim {
                    owner: ann,
                    nonce: nonce.clone(),
                    since: Tick::now(),
                };
                stack
                    .hot
                    .claim_name(&name, &claim)
                    .await
                    .expect("Redis answers")
                    .expect("it is free");
                let free = async || {
                    Ok(stack
                        .hot
                        .is_claim_abandoned(ann, &name, &nonce, Duration::ZERO)
                        .await?)
                };
                eventually(SECOND, "she no longer stands by it", async || {
                    insist(free).await
                })
                .await;
                assert!(
                    stack
                        .hot
                        .swap_claim(&name, &claim, None)
                        .await
                        .expect("Redis answers")
                );
            },
        )
        .await;
    let flusher = stack.start_flusher().await;
    let released = async || stack.redis.keys("claim:*").await.is_empty();
    eventually(
        60 * SECOND,
        "SQL has the name, and the claims are gone",
        released,
    )
    .await;
    assert_eq!(
        stack
            .cold
            .user(ann)
            .await
            .expect("SQL answers")
            .expect("she is saved")
            .username,
        now
    );
    flusher.stop().await;
}

on_both!(a_list_never_goes_back);
async fn a_list_never_goes_back(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, chat) = (stack.person("ann").await, ChatId::new());
    let (old, new) = (Tick::now().earlier(SECOND), Tick::now());
    stack
        .at_each_step(
            Verb::Enlist,
            async |_| (),
            async |()| {
                for rev in [new, old] {
                    insist(async || {
                        Ok(stack
                            .hot
                            .enlist(
                                ann,
                                ListedChat {
                                    chat,
                                    rev,
                                    left: Tick::NEVER,
                                },
                                Default::default(),
                            )
                            .await?)
                    })
                    .await
                    .expect("she is there");
                }
                let listed = stack.hot.chats_of(ann).await.expect("a list");
                let listed = listed.unwrap_or_default();
                assert_eq!(
                    listed
                        .iter()
                        .map(|listed| (listed.chat, listed.rev))
                        .collect::<Vec<_>>(),
                    [(chat, new)]
                );
            },
        )
        .await;
}

on_both!(a_chat_that_cools_leaves_with_all_it_has);
async fn a_chat_that_cools_leaves_with_all_it_has(sql: Sql) {
    let stack = stack(sql).await;
    let ann = stack.person("ann").await;
    let flusher = stack.start_flusher().await;
    stack
        .at_each_step(
            Verb::ExpireEarly,
            async |_| group(&stack, ann, &[]).await,
            async |ledger| {
                insist(async || Ok(stack.hot.expire_early(ledger.chat).await?)).await;
                audit_sql(&stack, &[ledger]).await;
            },
        )
        .await;
    flusher.stop().await;
}

on_both!(what_is_mine_and_whom_i_block_is_written_whole);
async fn what_is_mine_and_whom_i_block_is_written_whole(sql: Sql) {
    let stack = stack(sql).await;
    let ann = stack.person("ann").await;
    let mut blocked = Vec::new();
    for (verb, saved) in [
        (Verb::ChangePrivateRow, false),
        (Verb::Block, false),
        (Verb::Block, true),
    ] {
        let name = |step: usize| format!("{}{saved}{step}", verb.name().replace('_', ""));
        stack
            .at_each_step(
                verb,
                async |step| {
                    let other = stack.person(&name(step)).await;
                    let (chat, _) = stack.store.open_direct(ann, other).await.expect("opened");
                    if saved {
                        save(&stack, chat).await;
                    }
                    (other, chat)
                },
                async |(other, chat)| {
                    insist(async || stack.store.block(ann, other, true).await).await;
                    let said = say(&stack.store, chat, other, "hello?", None).await;
                    assert!(matches!(said, Err(Error::NotAccepted)), "{said:?}");
                    blocked.push((other, chat));
                },
            )
            .await;
    }
    let flusher = stack.start_flusher().await;
    for (_, chat) in &blocked {
        stack.saved(*chat).await;
    }
    eventually(30 * SECOND, "all users are saved", async || {
        stack.redis.keys("user:*:dirty").await.is_empty()
    })
    .await;
    flusher.stop().await;
    let rows = stack.cold.private_rows(ann).await.expect("SQL answers");
    for (other, chat) in &blocked {
        assert!(
            rows.iter()
                .any(|row| row.key == PrivateKey::Block(*other) && row.value == "1")
        );
        assert!(
            stack
                .cold
                .chat(*chat)
                .await
                .expect("SQL answers")
                .expect("a chat")
                .chat
                .blocks
                .is_known(ann, Tick::NEVER)
        );
    }
}

on_both!(a_group_is_deleted_whole);
async fn a_group_is_deleted_whole(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let mut deleted = Vec::new();
    // Who finds it gone on the second try does not tell the members' lists: where that was stopped,
    // the flusher does.
    for (verb, saved) in [
        (Verb::DeleteChat, false),
        (Verb::DeleteChat, true),
        (Verb::Enlist, true),
    ] {
        stack
            .at_each_step(
                verb,
                async |_| group_that_is(saved, &stack, ann, &[bob]).await.chat,
                async |chat| {
                    // A caller who finds it gone on the second try has what they wanted.
                    let own = Membership { chat, user: ann };
                    insist(async || match stack.store.delete_chat(own).await {
                        Err(Error::NoChat) => Ok(()),
                        other => other,
                    })
                    .await;
                    let bobs = Membership { chat, user: bob };
                    assert!(matches!(stack.store.view(bobs).await, Err(Error::NoChat)));
                    assert!(matches!(
                        stack.store.page(bobs, Tick::NEVER, Tick::NEVER, 5).await,
                        Err(Error::NoChat)
                    ));
                    deleted.push(chat);
                },
            )
            .await;
    }
    let flusher = stack.start_flusher().await;
    for chat in deleted {
        // Its token is there still where the first try was stopped late.
        stack.hot.expire_early(chat).await.expect("Redis answers");
        stack.evicted(chat).await;
        let cold = stack
            .cold
            .chat(chat)
            .await
            .expect("SQL answers")
            .expect("its row is left");
        assert!(
            cold.chat.deleted.happened() && cold.members.iter().all(|(_, member)| !member.is_in())
        );
        assert!(
            stack
                .cold
                .messages_before(chat, Tick(i64::MAX), 5)
                .await
                .expect("SQL answers")
                .is_empty()
        );
        assert!(!is_listed(&stack, ann, chat).await && !is_listed(&stack, bob, chat).await);
    }
    flusher.stop().await;
}

/// Once only: a second try would mark what the first did not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_that_is_shown_is_saved() {
    let stack = stack(Sql::Sqlite).await;
    let ann = stack.person("ann").await;
    let flusher = stack.start_flusher().await;
    let clean = async || {
        stack
            .redis
            .keys(&format!("user:*{ann}:dirty"))
            .await
            .is_empty()
    };
    let saved = async |step: usize| {
        eventually(60 * SECOND, "she is saved", clean).await;
        UserChange {
            bio: Some(format!("bio {step}")),
            ..UserChange::default()
        }
    };
    stack
        .at_each_step(Verb::ChangeUser, saved, async |change| {
            let _ = stack.store.change_user(ann, change).await;
            let shown = stack
                .store
                .user(ann)
                .await
                .expect("Redis answers")
                .expect("she is there")
                .bio;
            let in_sql = async || {
                stack
                    .cold
                    .user(ann)
                    .await
                    .expect("SQL answers")
                    .is_some_and(|user| user.bio == shown)
            };
            eventually(60 * SECOND, "SQL has what is shown", in_sql).await;
        })
        .await;
    flusher.stop().await;
}

/// Has 20 people reacted to the newest message of a chat already, so that it names no more of them.
async fn is_popular(stack: &Stack, chat: ChatId, emoji: &str) {
    let list = format!("chat:{{c{}}}:{chat}:messages", chat.partition());
    let record = stack.redis.cli(&["LINDEX", &list, "-1"]).await;
    let message = model::StoredMessage::read(record.trim_end()).expect("a record");
    let fans = model::Reactors {
        emoji: emoji.to_owned(),
        users: (0..20).map(|_| UserId::new()).collect(),
    };
    let record = model::StoredMessage::new(message.message, vec![fans]).record();
    stack.redis.cli(&["LSET", &list, "-1", &record]).await;
}

on_both!(a_reaction_counts_once);
async fn a_reaction_counts_once(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let emoji = "👍";
    let made = async |_| {
        // What is dirty is so by the reaction alone.
        let ledger = group_that_is(true, &stack, ann, &[bob]).await;
        is_popular(&stack, ledger.chat, emoji).await;
        ledger
    };
    let check = async |ledger: &Ledger, is_there: bool, when: &str| {
        let (chat, id) = (ledger.chat, ledger.sent[1].0);
        let own = Membership { chat, user: ann };
        let message = stack.store.message(own, id).await.expect("it is there");
        let count = message.reactions.expect("reactions")[0].count;
        let all = stack.store.reactors(own, id).await.expect("asked");
        let his = all[0].users.iter().filter(|user| **user == bob).count();
        let expected = usize::from(is_there);
        assert_eq!((count as usize, his), (20 + expected, expected), "{when}");
        assert_eq!(all[0].users.len(), 20 + expected, "{when}");
        let his = Membership { chat, user: bob };
        let page = stack.store.page(his, Tick::NEVER, Tick::NEVER, 5).await;
        let mine = page.expect("read").my_reactions;
        assert_eq!(mine.len(), expected, "{when}: {mine:?}");
    };
    let mut ledgers = Vec::new();
    for on in [true, false] {
        stack
            .at_each_step(Verb::React, made, async |ledger| {
                let his = Membership {
                    chat: ledger.chat,
                    user: bob,
                };
                let id = ledger.sent[1].0;
                if !on {
                    // What is stopped is the first run from now on.
                    let step = stack.redis.cli(&["GETDEL", "e2e:stop:react"]).await;
                    stack.store.react(his, id, emoji, true).await.expect("on");
                    stack
                        .stop_at(Verb::React, step.parse().expect("a step"))
                        .await;
                }
                insist(async || stack.store.react(his, id, emoji, on).await).await;
                check(&ledger, on, "at once").await;
                stack.store.react(his, id, emoji, on).await.expect("again");
                check(&ledger, on, "again").await;
                ledgers.push((ledger, on));
            })
            .await;
    }
    let flusher = stack.start_flusher().await;
    for (ledger, _) in &ledgers {
        stack.saved(ledger.chat).await;
        stack.expire(ledger.chat).await;
    }
    for (ledger, on) in &ledgers {
        stack.evicted(ledger.chat).await;
        check(ledger, *on, "loaded again").await;
    }
    flusher.stop().await;
}
