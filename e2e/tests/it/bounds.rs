//! Each bound of the API holds on both its sides: the last that is good is taken, the first that is
//! not is refused and says why. (Those of texts are beside the rules themselves, in
//! `api/src/request/validate.rs`; those of files, searches, reactions and the directory are with
//! their own tests.)

use e2e::{Sql, Stack, on_both};
use futures_util::future::try_join_all;
use model::{ChatId, UserId};
use serde_json::{Value, json};
use store::{Error, Membership};

/// The field and the code of a 422.
fn broken(problem: &Value) -> (String, String) {
    let error = &problem["errors"][0];
    (
        error["field"].as_str().unwrap_or_default().to_owned(),
        error["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lists_and_bodies_have_bounds_on_both_sides() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_group("Friends", &["bob"]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let sent = ann.send(&chat, "hello").await.expect(201);
    let message = format!("/v1/chats/{chat}/messages/{}", sent["id"]);

    for (path, most) in [
        (format!("/v1/chats/{chat}/messages?"), 200),
        ("/v1/chats?".into(), 100),
        ("/v1/users?".into(), 100),
        ("/v1/users/me/blocks?".into(), 100),
        ("/v1/messages?box=sent&".into(), 100),
        ("/v1/search?q=x&".into(), 100),
        (format!("{message}/reactions?"), 100),
    ] {
        for good in [1, most] {
            ann.get(&format!("{path}limit={good}")).await.expect(200);
        }
        for bad in [0, most + 1, -1] {
            ann.get(&format!("{path}limit={bad}"))
                .await
                .expect_problem(400, "malformed");
        }
    }
    for (word, both) in [
        ("before=1", "after"),
        ("after=1", "around"),
        ("around=1", "before"),
    ] {
        ann.page(&chat, word).await.expect(200);
        ann.page(&chat, &format!("{word}&{both}=1"))
            .await
            .expect_problem(400, "malformed");
    }
    for place in [
        "before=0",
        "after=-1",
        "around=9007199254740992",
        "before=x",
    ] {
        ann.page(&chat, place)
            .await
            .expect_problem(400, "malformed");
    }
    ann.page(&chat, "before=9007199254740991").await.expect(200);

    let post = async |body: Value| ann.post(&format!("/v1/chats/{chat}/messages"), body).await;
    post(json!({ "body": "x", "mentions": vec![&ann.id; 50] }))
        .await
        .expect(201);
    let refused = post(json!({ "body": "x", "mentions": vec![&ann.id; 51] }))
        .await
        .expect_problem(422, "invalid");
    assert_eq!(broken(&refused), ("mentions".into(), "length".into()));
    post(json!({ "body": "é".repeat(10_000), "subject": "s".repeat(200) }))
        .await
        .expect(201);
    let refused = post(json!({ "body": "é".repeat(10_001), "subject": "s".repeat(201) }))
        .await
        .expect_problem(422, "invalid");
    assert_eq!(
        refused["errors"].as_array().map(Vec::len),
        Some(2),
        "all that is wrong is told at once"
    );
    post(json!({ "body": "x", "color": 1 }))
        .await
        .expect_problem(400, "malformed");

    let receipts = async |count: usize| {
        let items: Vec<Value> = (0..count)
            .map(|_| json!({ "chat_id": chat, "read": sent["id"] }))
            .collect();
        ann.put("/v1/receipts", json!({ "items": items })).await
    };
    receipts(1).await.expect(204);
    receipts(100).await.expect(204);
    for count in [0, 101] {
        assert_eq!(
            broken(&receipts(count).await.expect_problem(422, "invalid")),
            ("items".into(), "length".into())
        );
    }
    let large = json!({ "body": "x".repeat(256 * 1024) });
    post(large).await.expect_problem(413, "too_large");
    api.stop().await;
}

on_both!(a_group_has_a_thousand_members_and_not_one_more);
async fn a_group_has_a_thousand_members_and_not_one_more(sql: Sql) {
    let stack = Stack::start(sql).await;
    let ann = stack.person("ann").await;
    // The API looks up each user who is put into a group; the store takes any id, so nobody has to
    // register.
    let ids: Vec<UserId> = (0..1000).map(|_| UserId::new()).collect();
    for some in ids.chunks(50) {
        try_join_all(some.iter().map(|id| async {
            let nonce = id.to_string();
            stack.hot.begin_user(*id, &nonce).await?;
            stack.hot.load_user(*id, &nonce, None, &[], &[]).await
        }))
        .await
        .expect("they are resident");
    }
    let chat = ChatId::new();
    stack
        .store
        .create_group(chat, ann, "Everybody", &ids[..998])
        .await
        .expect("created");
    let own = Membership { chat, user: ann };
    stack
        .store
        .add_member(own, ids[998])
        .await
        .expect("the thousandth");
    assert!(matches!(
        stack.store.add_member(own, ids[999]).await,
        Err(Error::GroupFull)
    ));
    assert_eq!(
        stack
            .store
            .view(own)
            .await
            .expect("she sees it")
            .member_count,
        1000
    );
    stack
        .store
        .remove_member(own, ids[0])
        .await
        .expect("removed");
    stack
        .store
        .add_member(own, ids[999])
        .await
        .expect("there is room again");
    e2e::say(&stack.store, chat, ann, "hello, all of you", None)
        .await
        .expect("sent");
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    flusher.stop().await;
    let members = stack
        .cold
        .chat(chat)
        .await
        .expect("SQL answers")
        .expect("it is saved")
        .members;
    assert_eq!(
        members.iter().filter(|(_, member)| member.is_in()).count(),
        1000
    );
    stack
        .store
        .delete_chat(own)
        .await
        .expect("deleted, with all its members");
    assert!(matches!(stack.store.view(own).await, Err(Error::NoChat)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_group_has_at_most_999_others() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    // The same one again is one.
    let create = async |others: usize| ann.create_group("x", &vec!["bob"; others]).await;
    create(999).await.expect(201);
    assert_eq!(
        broken(&create(1000).await.expect_problem(422, "invalid")),
        ("members".into(), "length".into())
    );
    api.stop().await;
}
