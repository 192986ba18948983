//! Every change reaches every member at once.

use std::time::{Duration, Instant};

use e2e::{Client, Listener, Sql, Stack, Wire, on_both};
use hot::{AppendOutcome, MissedKey, NewMessage};
use model::{ChatId, Draft, MessageKind, Tick, UserId};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use uuid::Uuid;

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

async fn friends(ann: &Client, names: &[&str]) -> String {
    id_of(&ann.create_group("Friends", names).await.expect(201))
}

on_both!(all_members_are_notified_of_what_happens_on_every_wire);
async fn all_members_are_notified_of_what_happens_on_every_wire(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (one, two) = (stack.start_api().await, stack.start_api().await);
    let (ann, bob, carl) = (
        one.register("ann").await,
        one.register("bob").await,
        one.register("carl").await,
    );
    // Bob is served by another API; and Ann writes there too, so that both know who is in.
    let (at_two, ann_at_two) = (bob.at(&two.url), ann.at(&two.url));
    for wire in [Wire::Socket, Wire::Sse] {
        let mut tells = Listener::connect(&at_two, wire, "").await;
        let hello = tells.next().await.expect("hello");
        assert_eq!(
            (&hello["type"], &hello["resumed"]),
            (&json!("hello"), &json!(true)),
            "{hello}"
        );

        let chat = friends(&ann, &["bob"]).await;
        let created = tells
            .until("chat.created", |event| event["chat_id"] == chat.as_str())
            .await
            .pop()
            .expect("it came");
        assert_eq!(created["chat"]["name"], "Friends", "{created}");

        let sent = ann.send(&chat, "hello").await.expect(201);
        let event = tells.expect("message.created").await;
        assert_eq!(
            (&event["message"]["body"], &event["clock"]),
            (&json!("hello"), &sent["id"]),
            "{event}"
        );
        assert!(event["prev"].as_i64() < event["clock"].as_i64(), "{event}");

        let path = format!("/v1/chats/{chat}/messages/{}", sent["id"]);
        let edited = ann
            .patch(&path, json!({ "body": "hello, Bob" }))
            .await
            .expect(200);
        let next = tells.expect("message.updated").await;
        assert_eq!(
            (&next["message"], &next["prev"]),
            (&edited, &event["clock"]),
            "{next}"
        );

        ann.request(reqwest::Method::PUT, &format!("{path}/reactions/👍"), None)
            .await
            .expect(204);
        let event = tells.expect("reaction").await;
        assert_eq!(
            (&event["user_id"], &event["emoji"], &event["added"]),
            (&json!(ann.id), &json!("👍"), &json!(true))
        );
        assert_eq!(event["message"]["reactions"][0]["count"], 1, "{event}");
        ann.delete(&format!("{path}/reactions/👍"))
            .await
            .expect(204);
        assert_eq!(tells.expect("reaction").await["added"], false);

        bob.read(&chat, sent["id"].as_i64().expect("an id"))
            .await
            .expect(204);
        let event = tells.expect("receipt.updated").await;
        assert_eq!(
            (&event["user_id"], &event["read"], &event["unread_count"]),
            (&json!(bob.id), &sent["id"], &json!(0)),
            "{event}"
        );

        ann.patch(
            &format!("/v1/chats/{chat}"),
            json!({ "name": "Best friends" }),
        )
        .await
        .expect(200);
        let came = tells
            .until("chat.updated", |event| {
                event["chat"]["name"] == "Best friends"
            })
            .await;
        assert!(
            came.iter()
                .any(|event| event["message"]["system"]["event"] == "chat_renamed"),
            "{came:#?}"
        );

        let mut carls = Listener::connect(&carl, wire, "").await;
        carls.expect("hello").await;
        let before = ann_at_two.send(&chat, "without Carl yet").await.expect(201);
        tells
            .until("message.created", |event| {
                event["message"]["id"] == before["id"]
            })
            .await;
        ann.add_member(&chat, &carl.id).await.expect(201);
        carls
            .until("chat.created", |event| event["chat_id"] == chat.as_str())
            .await;
        let here = ann_at_two.send(&chat, "hello, Carl").await.expect(201);
        carls
            .until("message.created", |event| {
                event["message"]["id"] == here["id"]
            })
            .await;
        tells
            .until("member.updated", |event| {
                event["user_id"] == carl.id.as_str() && !event["member"].is_null()
            })
            .await;
        ann.remove_member(&chat, &carl.id).await.expect(204);
        tells
            .until("member.updated", |event| {
                event["user_id"] == carl.id.as_str() && event["member"].is_null()
            })
            .await;

        carls
            .until("chat.removed", |event| event["chat_id"] == chat.as_str())
            .await;
        let gone = ann_at_two.send(&chat, "without Carl").await.expect(201);
        tells
            .until("message.created", |event| {
                event["message"]["id"] == gone["id"]
            })
            .await;
        let other = friends(&carl, &[]).await;
        let came = carls
            .until("chat.created", |event| event["chat_id"] == other.as_str())
            .await;
        assert!(
            came.iter()
                .all(|event| event["message"]["id"] != gone["id"]),
            "{came:#?}"
        );

        ann.delete(&format!("{path}?for=everyone"))
            .await
            .expect(204);
        assert_eq!(
            tells.expect("message.updated").await["message"]["deleted"],
            true
        );

        bob.patch(
            &format!("/v1/chats/{chat}/preferences"),
            json!({ "pinned": true }),
        )
        .await
        .expect(200);
        tells
            .until("chat.updated", |event| {
                event["chat"]["preferences"]["pinned"] == true
            })
            .await;
        bob.delete(&format!("{path}?for=me")).await.expect(204);
        let event = tells
            .until("message.removed", |_| true)
            .await
            .pop()
            .expect("it came");
        assert_eq!(event["message_ids"], json!([sent["id"]]), "{event}");

        bob.patch("/v1/users/me", json!({ "bio": "I like boats" }))
            .await
            .expect(200);
        assert_eq!(
            tells.expect("me.updated").await["account"]["bio"],
            "I like boats"
        );
        ann.patch("/v1/users/me", json!({ "display_name": "Ann B." }))
            .await
            .expect(200);
        assert_eq!(
            tells.expect("user.updated").await["user"]["display_name"],
            "Ann B."
        );

        let flusher = stack.start_flusher().await;
        tells
            .until("chat.saved", |event| event["chat_id"] == chat.as_str())
            .await;
        flusher.stop().await;

        ann.remove_member(&chat, &bob.id).await.expect(204);
        tells
            .until("chat.removed", |event| event["chat_id"] == chat.as_str())
            .await;
    }
    one.stop().await;
    two.stop().await;
}

on_both!(a_connection_needs_a_session_and_an_origin_that_may);
async fn a_connection_needs_a_session_and_an_origin_that_may(sql: Sql) {
    let stack = Stack::start(sql).await;
    let config = api::Config {
        allowed_origins: vec!["https://chat.example".into()],
        ..api::Config::default().unlimited()
    };
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let ann = api.register("ann").await;
    let nobody = api.client();
    // Without any other origin, as after the installation, only our own may.
    let closed = stack.start_api().await;
    let there = ann.at(&closed.url);
    for (origin, may) in [
        (there.base.as_str(), true),
        ("https://chat.example", false),
        ("null", false),
    ] {
        let opened = Listener::try_socket(&there, "", &[("origin", origin)]).await;
        assert_eq!(opened.map(|_| ()).err(), (!may).then_some(403), "{origin}");
    }
    closed.stop().await;

    // What a browser cannot see of a refused handshake, it sees of a close code.
    let mut refused = Listener::socket(&nobody, "", &[]).await;
    assert_eq!(
        refused.next().await.expect("a last word")["type"],
        "session.revoked"
    );
    assert_eq!((refused.next().await, refused.closed), (None, Some(4401)));
    nobody
        .get("/v1/events")
        .await
        .expect_problem(401, "unauthorized");
    nobody
        .post("/v1/events/tickets", json!(null))
        .await
        .expect_problem(401, "unauthorized");
    ann.get("/v1/socket").await.expect_problem(400, "malformed");
    ann.get("/v1/events?since=x")
        .await
        .expect_problem(400, "malformed");

    // A ticket is good once, in the address or as a subprotocol.
    let ticket = async || {
        let answer = ann
            .post("/v1/events/tickets", json!(null))
            .await
            .expect(201);
        assert_eq!(answer["expires_in"], 30);
        answer["ticket"].as_str().expect("a ticket").to_owned()
    };
    let one = format!("ticket={}", ticket().await);
    assert_eq!(
        Listener::socket(&nobody, &one, &[])
            .await
            .next()
            .await
            .expect("hello")["type"],
        "hello"
    );
    let mut again = Listener::socket(&nobody, &one, &[]).await;
    again.next().await;
    assert_eq!((again.next().await, again.closed), (None, Some(4401)));
    let protocols = format!("carrier, ticket.{}", ticket().await);
    let mut by_protocol =
        Listener::socket(&nobody, "", &[("sec-websocket-protocol", &protocols)]).await;
    assert_eq!(by_protocol.next().await.expect("hello")["type"], "hello");
    let one = format!("ticket={}", ticket().await);
    assert_eq!(
        Listener::events(&nobody, &one, None)
            .await
            .next()
            .await
            .expect("hello")["type"],
        "hello"
    );
    nobody
        .get(&format!("/v1/events?{one}"))
        .await
        .expect_problem(401, "unauthorized");

    let own = ann.base.clone();
    for (origin, may) in [
        ("https://chat.example", true),
        (own.as_str(), true),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let opened = Listener::try_socket(&ann, "", &[("origin", origin)]).await;
        assert_eq!(opened.map(|_| ()).err(), (!may).then_some(403), "{origin}");
    }
    // Nor need our own page be listed to do anything else.
    ann.raw(
        reqwest::Method::POST,
        "/v1/events/tickets",
        None,
        &[("origin", &own)],
    )
    .await
    .0
    .expect(201);
    // The cookie is that of our own page, and no other page may use it.
    let cookie = format!(
        "carrier_session={}",
        ann.token.as_deref().expect("a session")
    );
    let mut by_cookie =
        Listener::socket(&nobody, "", &[("cookie", &cookie), ("origin", &own)]).await;
    assert_eq!(by_cookie.next().await.expect("hello")["type"], "hello");
    let other = Listener::try_socket(
        &nobody,
        "",
        &[("cookie", &cookie), ("origin", "https://evil.example")],
    )
    .await;
    assert_eq!(other.map(|_| ()).err(), Some(403));
    api.stop().await;
}

on_both!(a_session_that_ends_ends_its_connections_everywhere_at_once);
async fn a_session_that_ends_ends_its_connections_everywhere_at_once(sql: Sql) {
    let stack = Stack::start(sql).await;
    // A heartbeat looks at the session too, so none comes here.
    let config = || api::Config {
        heartbeat: Duration::from_secs(3600),
        ..api::Config::default().unlimited()
    };
    let (one, two) = (
        stack.start_api_with(config(), &stack.redis.url()).await,
        stack.start_api_with(config(), &stack.redis.url()).await,
    );
    let mut ann = one.register("ann").await;
    let again = async || {
        let mut other = one.client();
        other.login("ann").await;
        other
    };
    let ends = async |mut listener: Listener, wire: Wire| {
        listener.until("session.revoked", |_| true).await;
        assert_eq!(listener.next().await, None);
        assert_eq!(listener.closed, (wire == Wire::Socket).then_some(4401));
    };
    for wire in [Wire::Socket, Wire::Sse] {
        let other = again().await;
        let mut logs_out = Listener::connect(&other.at(&two.url), wire, "").await;
        logs_out.expect("hello").await;
        other.logout().await;
        ends(logs_out, wire).await;

        let mut is_revoked = Listener::connect(&again().await.at(&two.url), wire, "").await;
        is_revoked.expect("hello").await;
        let sessions = ann.get("/v1/auth/sessions").await.expect(200);
        let id = sessions["items"]
            .as_array()
            .expect("sessions")
            .iter()
            .rfind(|one| one["current"] == false)
            .expect("another")["id"]
            .clone();
        ann.delete(&format!(
            "/v1/auth/sessions/{}",
            id.as_str().expect("an id")
        ))
        .await
        .expect(204);
        ends(is_revoked, wire).await;

        let mut is_old = Listener::connect(&again().await.at(&two.url), wire, "").await;
        is_old.expect("hello").await;
        let mut asks = Listener::connect(&ann.at(&two.url), wire, "").await;
        asks.expect("hello").await;
        ann.change_password(e2e::PASSWORD, e2e::PASSWORD)
            .await
            .expect(200);
        ends(is_old, wire).await;
        ends(asks, wire).await;
        let mut stays = Listener::connect(&ann.at(&two.url), wire, "").await;
        stays.expect("hello").await;

        let chat = friends(&ann, &[]).await;
        stays
            .until("chat.created", |event| event["chat_id"] == chat.as_str())
            .await;
    }
    let mut is_erased = Listener::socket(&ann.at(&two.url), "", &[]).await;
    is_erased.expect("hello").await;
    ann.post("/v1/users/me/erase", json!({ "password": e2e::PASSWORD }))
        .await
        .expect(204);
    ends(is_erased, Wire::Socket).await;
    one.stop().await;
    two.stop().await;
}

on_both!(commands_do_what_the_calls_of_their_names_do);
async fn commands_do_what_the_calls_of_their_names_do(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack
        .start_api_with(
            api::Config {
                limit_send: "3/1h".parse().expect("a limit"),
                ..api::Config::default().unlimited()
            },
            &stack.redis.url(),
        )
        .await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = friends(&ann, &["bob"]).await;
    let mut socket = Listener::socket(&ann, "", &[]).await;
    assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "ack");

    let message = json!({ "body": "hello", "client_id": "k" });
    let send = json!({ "type": "send", "chat_id": chat, "message": message });
    let ack = socket.ask(send.clone()).await;
    assert_eq!(
        (
            &ack["type"],
            &ack["message"]["body"],
            &ack["message"]["seq"]
        ),
        (&json!("ack"), &json!("hello"), &json!(1)),
        "{ack}"
    );
    assert_eq!(
        socket.ask(send).await["message"]["id"],
        ack["message"]["id"],
        "the same key is the same message"
    );
    assert_eq!(bob.history(&chat, 50, false).await.len(), 1);

    let id = &ack["message"]["id"];
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    let marked = bobs
        .ask(json!({ "type": "receipt", "chat_id": chat, "read": id }))
        .await;
    assert_eq!(marked["type"], "ack");
    let told = socket
        .until("receipt.updated", |event| {
            event["user_id"] == bob.id.as_str()
        })
        .await
        .pop()
        .expect("it came");
    assert_eq!(&told["read"], id);

    for (command, status, code) in [
        (
            json!({ "type": "send", "chat_id": chat, "message": { "body": "" } }),
            422,
            "invalid",
        ),
        (
            json!({ "type": "send", "chat_id": chat, "message": { "body": "x" } }),
            429,
            "rate_limited",
        ),
        (
            json!({ "type": "receipt", "chat_id": uuid::Uuid::now_v7(), "read": 1 }),
            404,
            "not_found",
        ),
        (
            json!({ "type": "receipt", "chat_id": chat }),
            422,
            "invalid",
        ),
        (
            json!({ "type": "typing", "chat_id": uuid::Uuid::now_v7() }),
            404,
            "not_found",
        ),
        (
            json!({ "type": "watch", "user_ids": vec![&bob.id; 101] }),
            400,
            "malformed",
        ),
        (json!({ "type": "dance" }), 400, "malformed"),
        (json!({ "type": "ping", "color": 1 }), 400, "malformed"),
        (json!({}), 400, "malformed"),
    ] {
        let error = socket.ask(command.clone()).await;
        assert_eq!(
            (
                &error["type"],
                &error["problem"]["status"],
                &error["problem"]["code"]
            ),
            (&json!("error"), &json!(status), &json!(code)),
            "{command}: {error}"
        );
    }
    socket.say(json!("no object")).await;
    assert_eq!(socket.expect("error").await["problem"]["code"], "malformed");
    api.stop().await;
}

on_both!(members_are_notified_of_typing_and_it_ends_by_itself);
async fn members_are_notified_of_typing_and_it_ends_by_itself(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (one, two) = (stack.start_api().await, stack.start_api().await);
    let (ann, bob) = (one.register("ann").await, one.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let (mut anns, mut bobs) = (
        Listener::socket(&ann, "", &[]).await,
        Listener::socket(&bob.at(&two.url), "", &[]).await,
    );
    bobs.expect("hello").await;
    let typing = |on: bool| json!({ "type": "typing", "chat_id": chat, "typing": on });
    anns.ask(typing(true)).await;
    let event = bobs.expect("typing").await;
    assert_eq!(
        (&event["user_id"], &event["expires_ms"]),
        (&json!(ann.id), &json!(6000)),
        "{event}"
    );
    anns.ask(typing(false)).await;
    assert_eq!(bobs.expect("typing").await["expires_ms"], 0);
    // Without another word, and when she is gone.
    anns.ask(typing(true)).await;
    bobs.expect("typing").await;
    assert_eq!(bobs.expect("typing").await["expires_ms"], 0);
    anns.ask(typing(true)).await;
    bobs.expect("typing").await;
    drop(anns);
    assert_eq!(bobs.expect("typing").await["expires_ms"], 0);
    // The typing of a blocked member is not sent; the next event is another.
    bob.put(&format!("/v1/users/me/blocks/{}", ann.id), json!(null))
        .await
        .expect(204);
    let mut anns = Listener::socket(&ann, "", &[]).await;
    anns.ask(typing(true)).await;
    bob.send(&chat, "still there").await.expect(201);
    let came = bobs.until("message.created", |_| true).await;
    assert!(
        came.iter().all(|event| event["type"] != "typing"),
        "{came:?}"
    );
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_in_turns_is_no_flood() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chats = [friends(&ann, &["bob"]).await, friends(&ann, &["bob"]).await];
    let mut anns = Listener::socket(&ann, "", &[]).await;
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    bobs.expect("hello").await;
    let began = Instant::now();
    for at in 0..100_usize {
        let (chat, on) = (&chats[at / 2 % 2], at.is_multiple_of(2));
        anns.ask(json!({ "type": "typing", "chat_id": chat, "typing": on }))
            .await;
    }
    // Six at once, and one more each second.
    let most = 6 + 1 + began.elapsed().as_secs() as usize;
    ann.send(&chats[0], "enough").await.expect(201);
    let came = bobs.until("message.created", |_| true).await;
    let typing = came.iter().filter(|event| event["type"] == "typing");
    let typing = typing.count();
    assert!((1..=most).contains(&typing), "{typing} of {most}");
    api.stop().await;
}

on_both!(a_block_that_has_ended_lets_typing_through);
async fn a_block_that_has_ended_lets_typing_through(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let mut anns = Listener::socket(&ann, "", &[]).await;
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    bobs.expect("hello").await;
    let block = format!("/v1/users/me/blocks/{}", ann.id);
    bob.put(&block, json!(null)).await.expect(204);
    bob.delete(&block).await.expect(204);
    anns.ask(json!({ "type": "typing", "chat_id": chat, "typing": true }))
        .await;
    assert_eq!(bobs.expect("typing").await["user_id"], json!(ann.id));
    api.stop().await;
}

on_both!(who_watches_and_may_know_is_notified_of_presence);
async fn who_watches_and_may_know_is_notified_of_presence(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (one, two) = (stack.start_api().await, stack.start_api().await);
    let (ann, bob, carl) = (
        one.register("ann").await,
        one.register("bob").await,
        one.register("carl").await,
    );
    ann.create_direct("bob").await.expect(201);
    let presence = async |of: &Client| {
        ann.get(&format!("/v1/presence?user_ids={}", of.id))
            .await
            .expect(200)["items"]
            .clone()
    };
    assert_eq!(
        presence(&bob).await,
        json!([{ "user_id": bob.id, "online": false }]),
        "he has never been here"
    );
    assert_eq!(presence(&carl).await, json!([]), "a stranger");

    let mut anns = Listener::socket(&ann, "", &[]).await;
    anns.say(json!({ "type": "watch", "user_ids": [bob.id, carl.id] }))
        .await;
    assert_eq!(
        anns.expect("presence").await,
        json!({ "type": "presence", "user_id": bob.id, "online": false })
    );
    let (mut first, mut second) = (
        Listener::socket(&bob.at(&two.url), "", &[]).await,
        Listener::socket(&bob, "", &[]).await,
    );
    let mut carls = Listener::socket(&carl, "", &[]).await;
    // One that is still being opened when it is dropped would be online for another moment.
    for listener in [&mut first, &mut second, &mut carls] {
        listener.expect("hello").await;
    }
    assert_eq!(anns.expect("presence").await["online"], true);
    assert_eq!(presence(&bob).await[0]["online"], true);
    drop((first, carls));
    drop(second);
    let came = anns
        .until("presence", |event| event["online"] == false)
        .await;
    assert!(
        came.iter()
            .all(|event| event["type"] != "presence" || event["user_id"] == bob.id.as_str()),
        "{came:?}"
    );
    assert!(came.last().expect("it came")["last_seen_at"].is_string());
    assert!(presence(&bob).await[0]["last_seen_at"].is_string());

    let profile = ann.get(&format!("/v1/users/{}", bob.id)).await.expect(200);
    assert_eq!(
        (&profile["online"], profile["last_seen_at"].is_string()),
        (&json!(false), true),
        "{profile}"
    );
    assert!(
        ann.get(&format!("/v1/users/{}", carl.id)).await.expect(200)["online"].is_null(),
        "a stranger"
    );
    // Who blocks is not seen any more.
    bob.put(&format!("/v1/users/me/blocks/{}", ann.id), json!(null))
        .await
        .expect(204);
    assert_eq!(presence(&bob).await, json!([]));
    assert!(ann.get(&format!("/v1/users/{}", bob.id)).await.expect(200)["online"].is_null());
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    bobs.expect("hello").await;
    let watch = json!({ "type": "watch", "user_ids": [bob.id], "ref": "w" });
    anns.say(watch.clone()).await;
    let came = anns.until("ack", |ack| ack["ref"] == "w").await;
    assert!(came.iter().all(|event| event["online"] != true), "{came:?}");
    bob.delete(&format!("/v1/users/me/blocks/{}", ann.id))
        .await
        .expect(204);
    anns.say(watch).await;
    anns.until("presence", |event| event["online"] == true)
        .await;
    one.stop().await;
    two.stop().await;
}

on_both!(an_account_has_at_most_64_connections_to_an_api);
async fn an_account_has_at_most_64_connections_to_an_api(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut listener = Listener::socket(&ann, "", &[]).await;
        listener.expect("hello").await;
        open.push(listener);
    }
    let mut refused = Listener::socket(&ann, "", &[]).await;
    assert_eq!((refused.next().await, refused.closed), (None, Some(4429)));
    ann.get("/v1/events")
        .await
        .expect_problem(429, "rate_limited");
    // Another's are not hers; and one that she closes makes room.
    let bob = api.register("bob").await;
    Listener::socket(&bob, "", &[]).await.expect("hello").await;
    open.pop();
    let again = e2e::eventually(Duration::from_secs(60), "there is room again", async || {
        let mut listener = Listener::socket(&ann, "", &[]).await;
        listener.next().await.is_some()
    });
    again.await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_published_in_its_own_step_to_those_whom_its_api_knows() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let mut tells = Listener::connect(&bob, Wire::Socket, "").await;
    tells.expect("hello").await;

    let id: ChatId = chat.parse().expect("an id");
    let sender: UserId = ann.id.parse().expect("an id");
    let (version, members) = stack
        .hot
        .roster(id)
        .await
        .expect("Redis answers")
        .expect("it is resident");
    for (roster, body, is_published) in [
        (Tick(version.0 + 1), "by nobody", false),
        (version, "by Redis", true),
    ] {
        let key = Uuid::now_v7().to_string();
        let message = NewMessage {
            draft: Draft {
                client_id: Some(&key),
                ..Draft::new(id, sender, MessageKind::Text, body)
            },
            key: &key,
            is_old: false,
            readers: Some((roster, members.clone())),
        };
        let appended = stack.hot.append(&message, &MissedKey::default()).await;
        let appended = appended.expect("Redis answers").expect("not refused");
        assert!(
            matches!(&appended, AppendOutcome::New(_, _, did) if *did == is_published),
            "{appended:?}"
        );
    }
    let is_by_redis = |event: &Value| event["message"]["body"] == "by Redis";
    tells.until("message.created", is_by_redis).await;

    // The first is notified of by the API, which knows the members from then on.
    for body in ["one", "two", "three"] {
        let mut sent = ann.send(&chat, body).await.expect(201);
        sent.as_object_mut()
            .expect("a message")
            .remove("durability");
        let event = tells.expect("message.created").await;
        let fields: Vec<_> = event.as_object().expect("an event").keys().collect();
        assert_eq!(fields, ["chat_id", "clock", "message", "prev", "type"]);
        assert_eq!(event["message"], sent);
        assert_eq!(
            (&event["chat_id"], &event["clock"]),
            (&json!(chat), &sent["id"])
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_while_their_last_connection_leaves_hears_everything() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let mut tells = Listener::connect(&bob, Wire::Sse, "").await;
    tells.expect("hello").await;
    // As when a page is loaded anew: the one leaves at some moment of the other's arrival.
    for step in 0..100 {
        let leaves = async {
            tokio::time::sleep(step * Duration::from_micros(50)).await;
            drop(tells);
        };
        let (again, ()) = tokio::join!(Listener::connect(&bob, Wire::Sse, ""), leaves);
        tells = again;
        tells.expect("hello").await;
        let sent = ann.send(&chat, "still there?").await.expect(201);
        let is_it = |event: &Value| event["message"]["id"] == sent["id"];
        tells.until("message.created", is_it).await;
    }
}

/// Returns a frame of a client, whose mask changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Opens a socket, writes these bytes, and returns the payload of the close frame that comes.
async fn closed_after(client: &Client, bytes: &[u8]) -> Option<Vec<u8>> {
    let address = client.base.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let token = client.token.as_deref().expect("a token");
    let request = format!(
        "GET /v1/socket HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\n\
         connection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-version: 13\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "an upgrade");
    stream.write_all(bytes).await.expect("written");
    let read = async {
        loop {
            let first = stream.read_u8().await.ok()?;
            let length = match stream.read_u8().await.ok()? {
                126 => stream.read_u16().await.ok()?.into(),
                127 => stream.read_u64().await.ok()? as usize,
                length => usize::from(length),
            };
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).await.ok()?;
            if first == 0x88 {
                return Some(payload);
            }
        }
    };
    timeout(Duration::from_secs(20), read)
        .await
        .expect("it ends")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_ends_says_why() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let long = vec![b' '; 300 * 1024];
    for (bytes, code) in [
        // The closing handshake: the code of the client comes back.
        (frame(0x88, &1000_u16.to_be_bytes()), 1000),
        (frame(0x88, b"\x0f\xa0bye"), 4000),
        // Text that is no UTF-8, at once or in pieces.
        (frame(0x81, b"\xff\xfe"), 1007),
        (
            [frame(0x01, b"\xe8\x83"), frame(0x80, b"\"")].concat(),
            1007,
        ),
        // A command that is too long.
        (frame(0x81, &long), 1009),
        // No frames: a reserved bit, a reserved kind, a long ping, and one that has no mask.
        (frame(0xc1, b"{}"), 1002),
        (frame(0x83, b""), 1002),
        (frame(0x89, &[b'x'; 126]), 1002),
        (b"\x81\x02{}".to_vec(), 1002),
        // Bytes, which no command is.
        (frame(0x82, b"{}"), 1003),
    ] {
        let payload = closed_after(&ann, &bytes).await;
        let shown = &bytes[..bytes.len().min(16)];
        let payload = payload.unwrap_or_else(|| panic!("no close frame after {shown:x?}"));
        assert_eq!(
            payload.get(..2),
            Some(u16::to_be_bytes(code).as_slice()),
            "{shown:x?}"
        );
    }
}
