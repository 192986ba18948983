//! People are found by the beginning of a name, at once and for ever; and my messages over all
//! chats.

use std::time::Duration;

use e2e::{Client, Fault, Options, Proxy, Sql, Stack, eventually, on_both};
use futures_util::future::join;
use hot::{UserChange, Verb};
use serde_json::json;

async fn found(who: &Client, query: &str) -> Vec<String> {
    let (mut all, mut place) = (Vec::new(), String::new());
    loop {
        let page = who
            .get(&format!("/v1/users?limit=2&{query}{place}"))
            .await
            .expect(200);
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 2);
        all.extend(
            items
                .iter()
                .map(|user| user["username"].as_str().expect("a name").to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => place = format!("&cursor={next}"),
            None => return all,
        }
    }
}

on_both!(people_are_found_by_the_beginning_of_a_name);
async fn people_are_found_by_the_beginning_of_a_name(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut people = Vec::new();
    for name in ["anna", "Anton", "bert", "an_x", "cleo", "ante"] {
        people.push(api.register(name).await);
    }
    let me = &people[2].clone();
    people[4]
        .patch(
            "/v1/users/me",
            json!({ "display_name": "Änne % die Große" }),
        )
        .await
        .expect(200);
    let all = ["an_x", "anna", "ante", "Anton", "bert", "cleo"];
    let look = async || {
        assert_eq!(found(me, "").await, all);
        assert_eq!(
            found(me, "query=AN").await,
            ["an_x", "anna", "ante", "Anton", "cleo"]
        );
        assert_eq!(found(me, "query=an_").await, ["an_x"]);
        assert_eq!(found(me, "query=%25").await, [""; 0]);
        assert_eq!(
            found(me, "query=änne%20%25").await,
            ["cleo"],
            "by a display name"
        );
        assert_eq!(found(me, "query=ert").await, [""; 0]);
    };
    look().await; // nobody is in SQL yet
    let flusher = stack.start_flusher().await;
    let saved = async || {
        stack.redis.keys("user:*:dirty").await.is_empty()
            && stack.redis.keys("fresh").await.is_empty()
    };
    eventually(Duration::from_secs(60), "all users are saved", saved).await;
    look().await;
    flusher.stop().await;
    // What SQL says is old by now.
    people[0]
        .change_names(json!({ "username": "zoe", "display_name": "Zoe" }))
        .await
        .expect(200);
    people[5]
        .change_names(json!({ "username": "anz" }))
        .await
        .expect(200);
    let renamed = async || {
        assert_eq!(
            found(me, "query=an").await,
            ["an_x", "Anton", "anz", "cleo"]
        );
        assert_eq!(
            found(me, "").await,
            ["an_x", "Anton", "anz", "bert", "cleo", "zoe"]
        );
        assert_eq!(found(me, "query=z").await, ["zoe"]);
    };
    renamed().await;
    let flusher = stack.start_flusher().await;
    eventually(Duration::from_secs(60), "all users are saved", saved).await;
    renamed().await;

    let ids = format!(
        "{},{},{},{}",
        people[3].id,
        model::UserId::new(),
        people[0].id,
        people[3].id
    );
    let some = me.get(&format!("/v1/users?ids={ids}")).await.expect(200);
    let names: Vec<_> = some["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|user| user["username"].clone())
        .collect();
    assert_eq!(names, ["an_x", "zoe"], "in the order of the ids, each once");
    assert!(
        !some.to_string().contains("example.org"),
        "an e-mail address is nobody else's business"
    );
    me.get(&format!("/v1/users?ids={ids}&query=a"))
        .await
        .expect_problem(400, "malformed");
    let ids = vec![me.id.as_str(); 101].join(",");
    me.get(&format!("/v1/users?ids={ids}"))
        .await
        .expect_problem(400, "malformed");
    me.get(&format!("/v1/users?ids={}", &ids[..99 * 37 + 36]))
        .await
        .expect(200);
    me.get(&format!("/v1/users?query={}", "x".repeat(65)))
        .await
        .expect_problem(400, "malformed");
    assert_eq!(
        found(me, &format!("query={}", "x".repeat(64))).await,
        [""; 0]
    );
    api.client()
        .get("/v1/users")
        .await
        .expect_problem(401, "unauthorized");
    flusher.stop().await;
    api.stop().await;
}

on_both!(people_are_found_however_their_names_are_typed);
async fn people_are_found_however_their_names_are_typed(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let names = [
        "Zoë",
        "Łukasz",
        "İbrahim",
        "Straßer",
        "Ørsted",
        "Đức",
        "Æsop",
        "أحمد",
        "שָׁלוֹם",
        "नमस्ते",
    ];
    let mut people = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let person = api.register(&format!("person{at}")).await;
        let change = json!({ "display_name": name });
        person.patch("/v1/users/me", change).await.expect(200);
        people.push(person);
    }
    let look = async || {
        for (query, at) in [
            ("zoe", 0),
            ("ZOË", 0),
            ("Zoe\u{308}", 0),
            ("luk", 1),
            ("łUKASZ", 1),
            ("ibrahim", 2),
            ("IBRAHIM", 2),
            ("İBR", 2),
            ("ıbr", 2),
            ("STRASSER", 3),
            ("strasse", 3),
            ("orsted", 4),
            ("duc", 5),
            ("aesop", 6),
            ("احمد", 7),
            ("שלום", 8),
            ("नमस्ते", 9),
        ] {
            let found = found(&people[0], &format!("query={query}")).await;
            assert_eq!(found, [format!("person{at}")], "{query}");
        }
        for query in [
            "नमसते",
            "zo ë",
            "brahim",
            "[",
            "z[o]e",
            "(z",
            "z*",
            "zo.",
            "\\",
            "z%25",
            "z_e",
            "z'",
            "z\"",
        ] {
            assert_eq!(
                found(&people[0], &format!("query={query}")).await,
                [""; 0],
                "{query}"
            );
        }
    };
    look().await; // nobody is in SQL yet
    let flusher = stack.start_flusher().await;
    let saved = async || {
        stack.redis.keys("user:*:dirty").await.is_empty()
            && stack.redis.keys("fresh").await.is_empty()
    };
    eventually(Duration::from_secs(60), "all users are saved", saved).await;
    look().await;
    flusher.stop().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_is_renamed_while_they_are_saved_is_found_by_the_new_name() {
    let stack = Stack::with(
        Sql::Sqlite,
        Options {
            command_timeout: Duration::from_secs(60),
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let ann = stack.person("ann").await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let forget = proxy.rule_for(stack.sha(Verb::ForgetRename), Fault::Stall, 0, 1);
    let sleeper = stack
        .start_flusher_with(stack.options.flusher(), &proxy.url())
        .await;
    forget.wait_fired(1).await; // SQL has her as Ann
    let rename = UserChange {
        username: Some("zoe".into()),
        ..UserChange::default()
    };
    stack.store.change_user(ann, rename).await.expect("renamed");
    // It ends what it was at, and does not save her again.
    join(sleeper.stop(), async { forget.release() }).await;
    let (found, _) = stack
        .store
        .directory("zo", None, 10)
        .await
        .expect("both answer");
    assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [ann]);
}

async fn boxed(who: &Client, which: &str, limit: usize) -> Vec<String> {
    let (mut all, mut place, mut last) = (Vec::new(), String::new(), i64::MAX);
    loop {
        let page = who
            .get(&format!("/v1/messages?box={which}&limit={limit}{place}"))
            .await
            .expect(200);
        for message in page["items"].as_array().expect("items") {
            let id = message["id"].as_i64().expect("an id");
            assert!(id <= last, "newest first");
            last = id;
            all.push(message["body"].as_str().expect("a body").to_owned());
        }
        match page["next"].as_str() {
            Some(next) => place = format!("&cursor={next}"),
            None => return all,
        }
    }
}

on_both!(my_messages_over_all_chats_are_in_two_mailboxes);
async fn my_messages_over_all_chats_are_in_two_mailboxes(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, bob) = (api.register("ann").await, api.register("bob").await);
    let mut chats = Vec::new();
    for name in ["a", "b", "c"] {
        chats.push(
            ann.create_group(name, &["bob"]).await.expect(201)["id"]
                .as_str()
                .expect("an id")
                .to_owned(),
        );
    }
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for at in 0..130 {
        let (who, what) = if at % 5 == 0 {
            (&ann, &mut sent)
        } else {
            (&bob, &mut received)
        };
        // One chat has most of it, so that its first page does not reach as far back as the others'
        // newest.
        let chat = &chats[if at % 7 == 3 { at % 2 } else { 2 }];
        let id = who.send(chat, &at.to_string()).await.expect(201)["id"]
            .as_i64()
            .expect("an id");
        match at {
            6 => ann
                .delete(&format!("/v1/chats/{chat}/messages/{id}?for=me"))
                .await
                .expect(204),
            7 => bob
                .delete(&format!("/v1/chats/{chat}/messages/{id}?for=everyone"))
                .await
                .expect(204),
            _ => {
                what.insert(0, at.to_string());
                json!(null)
            }
        };
    }
    for _ in 0..2 {
        for limit in [1, 7, 100] {
            assert_eq!(boxed(&ann, "sent", limit).await, sent);
            assert_eq!(boxed(&ann, "received", limit).await, received);
        }
        stack
            .all_leave_and_return(
                &mut [("ann", &mut ann)],
                &chats.iter().map(String::as_str).collect::<Vec<_>>(),
            )
            .await;
    }
    ann.get("/v1/messages")
        .await
        .expect_problem(400, "malformed");
    ann.get("/v1/messages?box=spam")
        .await
        .expect_problem(400, "malformed");
    ann.get("/v1/messages?box=sent&cursor=x")
        .await
        .expect_problem(400, "malformed");
    let nobody = api.register("nobody").await;
    assert_eq!(boxed(&nobody, "received", 5).await, [""; 0]);
    api.stop().await;
}

/// Each page looks at all chats that have messages on both sides of its cursor; however many they
/// are, it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_of_many_chats_is_read_to_its_end() {
    const CHATS: usize = 60;
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let mut chats = Vec::new();
    for at in 0..CHATS {
        let chat = ann.create_group(&at.to_string(), &["bob"]).await;
        chats.push(chat.expect(201)["id"].as_str().expect("an id").to_owned());
    }
    let mut sent = Vec::new();
    for at in 0..3 * CHATS {
        let body = at.to_string();
        bob.send(&chats[at % CHATS], &body).await.expect(201);
        sent.insert(0, body);
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..CHATS {
        let page = ann
            .get(&format!("/v1/messages?box=received&limit=10{cursor}"))
            .await
            .expect(200);
        for message in page["items"].as_array().expect("items") {
            found.push(message["body"].as_str().expect("a body").to_owned());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, sent);
    api.stop().await;
}
