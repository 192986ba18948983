//! Every event in its JSON, as serde writes it and as the schemas of the document have it.

use model::{ChatId, ServerEvent, Tick, UserId};
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde_json::json;

/// A frame of each kind, with every optional field or with none of them.
fn frames() -> Vec<serde_json::Value> {
    let (user, chat, tick) = (UserId::new(), ChatId::new(), 1_763_668_800_123_457_i64);
    let at = Tick(tick).rfc3339();
    let bare = json!({
        "id": tick, "seq": 1, "rev": tick, "created_at": at, "chat_id": chat,
        "sender_id": user, "kind": "text", "body": "hello",
    });
    let mut full = bare.clone();
    for (name, value) in [
        ("kind", json!("system")),
        ("subject", json!("a line")),
        ("client_id", json!("k")),
        (
            "system",
            json!({ "event": "role_changed", "actor_id": user, "user_id": user,
                "old": "member", "new": "admin" }),
        ),
        (
            "reply_to",
            json!({ "id": tick, "sender_id": user, "preview": "so" }),
        ),
        ("mentions", json!([user])),
        ("mentions_all", json!(true)),
        (
            "attachments",
            json!([
                { "hash": "ab", "name": "a", "size": 5, "content_type": "image/png",
                    "width": 2, "height": 3 },
                { "hash": "cd", "name": "b", "size": 5, "content_type": "text/plain" },
            ]),
        ),
        (
            "reactions",
            json!([{ "emoji": "👍", "count": 1, "user_ids": [user] }]),
        ),
        ("type", json!("myapp.card")),
        ("metadata", json!({ "n": 0.1, "of": [null, { "a": "é" }] })),
        ("edited_at", json!(at)),
        ("deleted", json!(true)),
    ] {
        full[name] = value;
    }
    let bare_profile =
        json!({ "id": user, "username": "ann", "display_name": "Ann", "created_at": at });
    let mut profile = bare_profile.clone();
    (profile["bio"], profile["avatar_url"]) = (json!("words"), json!("/v1/a"));
    profile["metadata"] = json!({ "team": "blue" });
    let (mut account, mut bare_account) = (profile.clone(), bare_profile.clone());
    (account["email"], bare_account["email"]) = (json!("a@b.c"), json!("a@b.c"));
    (account["found_by_email"], bare_account["found_by_email"]) = (json!(true), json!(false));
    let member = json!({ "user_id": user, "role": "owner", "joined_at": at, "read": tick,
        "delivered": tick });
    let bare_view = json!({
        "id": chat, "kind": "direct", "clock": tick, "saved": 0, "unread_count": 1,
        "unread_mentions": 0, "members": [member], "member_count": 2,
        "my": { "role": "member", "read": tick, "delivered": tick },
        "others": { "read_min": 0, "delivered_min": tick },
        "pinned_ids": [],
        "preferences": { "archived": false, "pinned": true, "marked_unread": false },
        "created_at": at,
    });
    let mut view = bare_view.clone();
    view["preferences"]["muted_until"] = json!(at);
    for (name, value) in [
        ("kind", json!("group")),
        ("name", json!("a group")),
        ("description", json!("of people")),
        ("avatar_url", json!("/v1/a")),
        ("last_message", full.clone()),
        ("peer", profile.clone()),
    ] {
        view[name] = value;
    }
    let mut sent = full.clone();
    sent["durability"] = json!("fsync");
    let error = json!({ "field": "body", "code": "length", "detail": "too long" });
    let problem = json!({ "type": "about:blank", "title": "Bad Request", "status": 400,
        "detail": "no", "code": "malformed", "request_id": "r" });
    let mut full_problem = problem.clone();
    full_problem["errors"] = json!([error]);
    let of_chat = json!({ "chat_id": chat, "clock": tick });
    let frame = |kind: &str, fields: &[(&str, &serde_json::Value)]| {
        let mut frame = of_chat.clone();
        frame["type"] = json!(kind);
        for (name, value) in fields {
            frame[name] = (*value).clone();
        }
        frame
    };
    let alone = |kind: &str, mut fields: serde_json::Value| {
        fields["type"] = json!(kind);
        fields
    };
    let (prev, user_id) = (json!(tick), json!(user));
    vec![
        alone(
            "hello",
            json!({ "cursor": "c", "resumed": true, "partial": false, "heartbeat_ms": 1 }),
        ),
        alone("heartbeat", json!({ "cursor": "c", "partial": true })),
        frame("message.created", &[("message", &bare)]),
        frame("message.created", &[("message", &full), ("prev", &prev)]),
        frame("message.updated", &[("message", &full)]),
        frame("message.updated", &[("message", &bare), ("prev", &prev)]),
        alone(
            "message.removed",
            json!({ "chat_id": chat, "message_ids": [tick] }),
        ),
        alone(
            "message.removed",
            json!({ "chat_id": chat, "message_ids": [], "up_to": tick }),
        ),
        frame(
            "reaction",
            &[
                ("user_id", &user_id),
                ("emoji", &json!("👍")),
                ("added", &json!(false)),
                ("message", &full),
                ("prev", &prev),
            ],
        ),
        frame("chat.created", &[("chat", &view)]),
        frame("chat.updated", &[("chat", &bare_view)]),
        alone("chat.removed", json!({ "chat_id": chat })),
        frame("chat.saved", &[]),
        frame("member.updated", &[("user_id", &user_id)]),
        frame(
            "member.updated",
            &[("user_id", &user_id), ("member", &member), ("prev", &prev)],
        ),
        frame(
            "receipt.updated",
            &[
                ("user_id", &user_id),
                ("read", &prev),
                ("delivered", &prev),
                ("unread_count", &json!(3)),
            ],
        ),
        alone("me.updated", json!({ "account": account })),
        alone("me.updated", json!({ "account": bare_account })),
        alone("user.updated", json!({ "user": profile })),
        alone("user.updated", json!({ "user": bare_profile })),
        alone(
            "typing",
            json!({ "chat_id": chat, "user_id": user, "expires_ms": 6000 }),
        ),
        alone(
            "chat.event",
            json!({ "chat_id": chat, "sender_id": user, "event_type": "myapp.cursor",
                "data": { "x": 1.5, "of": [null, { "deep": true }] }, "at": at }),
        ),
        alone("presence", json!({ "user_id": user, "online": true })),
        alone(
            "presence",
            json!({ "user_id": user, "online": false, "last_seen_at": at }),
        ),
        alone("session.revoked", json!({ "detail": "log in" })),
        alone("reconnect", json!({ "after_ms": 5 })),
        alone("ack", json!({})),
        alone("ack", json!({ "ref": "r", "message": sent })),
        alone("error", json!({ "problem": problem })),
        alone("error", json!({ "ref": "r", "problem": full_problem })),
    ]
}

#[test]
fn the_json_of_every_event_is_what_the_document_says() {
    for frame in frames() {
        let read: ServerEvent = frame.to_string().parse().expect("an event");
        let written: serde_json::Value =
            serde_json::from_str(&read.to_string()).expect("an event is JSON");
        assert_eq!(written, frame);
        assert_eq!(read.to_json(), Some(frame.clone()), "as the API answers");
        let by_schema = ServerEvent::parse_from_json(Some(frame.clone())).expect("an event");
        assert_eq!(by_schema.to_json(), Some(frame));
    }
}
