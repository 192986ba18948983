//! Authorization: every operation of the document, as each kind of caller, against a table.

use std::collections::BTreeMap;

use e2e::{Api, Client, PASSWORD, Sql, Stack, on_both};
use reqwest::Method;
use serde_json::json;

use crate::calls::{Call, FILE, Place, call, calls, picture, sha256};

/// A line for each operation: what each of [`ROLES`] is answered.
const TABLE: &str = include_str!("authorization.txt");

/// The kinds of callers: an anonymous one; a stranger to the group; a former member; the one of a
/// direct chat whom the other has blocked; and those who are in the group.
const ROLES: [&str; 7] = [
    "anonymous",
    "stranger",
    "former",
    "blocked",
    "member",
    "admin",
    "owner",
];

fn table() -> BTreeMap<String, Vec<String>> {
    let lines = TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().expect("an operation"), words.collect())
    };
    lines.map(row).collect()
}

struct People {
    owner: Client,
    admin: Client,
    member: Client,
    former: Client,
    stranger: Client,
    blocked: Client,
    /// A member, to whom things are done.
    target: Client,
    anonymous: Client,
}

impl People {
    async fn new(api: &Api) -> Self {
        let (owner, admin) = (api.register("owner").await, api.register("adam").await);
        let (member, former) = (api.register("member").await, api.register("former").await);
        let (stranger, blocked) = (
            api.register("stranger").await,
            api.register("blocked").await,
        );
        let (target, anonymous) = (api.register("target").await, api.client());
        target
            .raw(
                Method::PUT,
                "/v1/users/me/avatar",
                Some(("image/png", picture())),
                &[],
            )
            .await
            .0
            .expect(200);
        owner
            .put(&format!("/v1/users/me/blocks/{}", blocked.id), json!(null))
            .await
            .expect(204);
        Self {
            owner,
            admin,
            member,
            former,
            stranger,
            blocked,
            target,
            anonymous,
        }
    }

    fn of(&self, role: &str) -> &Client {
        match role {
            "anonymous" => &self.anonymous,
            "stranger" => &self.stranger,
            "former" => &self.former,
            "blocked" => &self.blocked,
            "member" => &self.member,
            "admin" => &self.admin,
            _ => &self.owner,
        }
    }

    /// A chat as `role` meets it, with a message of its owner's that has a file, and a picture.
    async fn chat(&self, role: &str) -> (String, i64) {
        let owner = &self.owner;
        let chat = match role {
            "blocked" => {
                let opened = owner.create_direct("blocked").await;
                opened.json["id"].as_str().expect("an id").to_owned()
            }
            _ => owner
                .create_group("Friends", &["adam", "member", "former", "target"])
                .await
                .expect(201)["id"]
                .as_str()
                .expect("an id")
                .to_owned(),
        };
        let path = format!("/v1/chats/{chat}");
        if role != "blocked" {
            let admin = format!("{path}/members/{}", self.admin.id);
            owner
                .patch(&admin, json!({ "role": "admin" }))
                .await
                .expect(200);
            self.former
                .remove_member(&chat, &self.former.id)
                .await
                .expect(204);
            owner
                .raw(
                    Method::PUT,
                    &format!("{path}/avatar"),
                    Some(("image/png", picture())),
                    &[],
                )
                .await
                .0
                .expect(200);
        }
        owner
            .raw(
                Method::POST,
                &format!("{path}/attachments?name=x"),
                Some(("text/plain", FILE.to_vec())),
                &[],
            )
            .await
            .0
            .expect(201);
        let message = json!({ "body": "hello", "attachments": [{ "hash": sha256(FILE) }] });
        let sent = owner
            .post(&format!("{path}/messages"), message)
            .await
            .expect(201);
        (chat, sent["id"].as_i64().expect("an id"))
    }

    /// Returns the token of an invitation to a group of the owner's, as `role` meets it.
    async fn invite(&self, role: &str) -> String {
        let (chat, _) = self.chat(role).await;
        let made = self
            .owner
            .post(&format!("/v1/chats/{chat}/invites"), json!({}))
            .await
            .expect(201);
        made["token"].as_str().expect("a token").to_owned()
    }

    /// The same person in a session of its own, which may end.
    async fn again(&self, role: &str) -> Client {
        let mut client = self.of(role).clone();
        if role != "anonymous" {
            // The name of the role is reserved.
            client
                .login(if role == "admin" { "adam" } else { role })
                .await;
        }
        client
    }
}

/// The token of no invitation.
const NO_INVITE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Adds to a request what the document alone does not tell of a good one.
fn make_good(call: &mut Call, people: &People, chat: &str) {
    match call.operation.as_str() {
        "updateMember" => call.body = Some(json!({ "role": "admin" })),
        // A user who is not in it.
        "addMember" => call.path = call.path.replace(&people.target.id, &people.stranger.id),
        "createChat" => {
            call.body = Some(json!({ "kind": "group", "name": "x", "members": ["target"] }))
        }
        "updateMe" => call.body = Some(json!({ "bio": "x" })),
        "putReceipts" => call.body = Some(json!({ "items": [{ "chat_id": chat, "read": 1 }] })),
        "listPresence" => call.path = format!("/v1/presence?user_ids={}", people.target.id),
        "login" => call.body = Some(json!({ "login": "target", "password": PASSWORD })),
        _ => {}
    }
}

on_both!(everybody_gets_what_the_table_says_from_every_operation);
async fn everybody_gets_what_the_table_says_from_every_operation(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let people = People::new(&api).await;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for role in ROLES {
        let all = calls(
            &api,
            &Place {
                chat: "x",
                user: "x",
                message: 1,
            },
        )
        .await;
        for known in &all {
            // Each on a chat of its own, since some leave nothing of it.
            let (chat, message) =
                if known.path.contains("/chats/") || known.operation == "putReceipts" {
                    people.chat(role).await
                } else {
                    (uuid::Uuid::now_v7().to_string(), 1)
                };
            let user = if role == "blocked" && known.path.contains("/chats/") {
                &people.owner.id
            } else {
                &people.target.id
            };
            let mut now = calls(
                &api,
                &Place {
                    chat: &chat,
                    user,
                    message,
                },
            )
            .await;
            let place = now
                .iter()
                .position(|call| call.operation == known.operation)
                .expect("it is there");
            let mut one = now.swap_remove(place);
            make_good(&mut one, &people, &chat);
            let ends = ["logout", "eraseMe"].contains(&one.operation.as_str());
            if one.path.contains(NO_INVITE) {
                let group = if role == "blocked" { "owner" } else { role };
                let token = people.invite(group).await;
                one.path = one.path.replace(NO_INVITE, &token);
            }
            let answer = if ends {
                call(&people.again(role).await, &one).await
            } else {
                call(people.of(role), &one).await
            };
            found
                .entry(one.operation)
                .or_default()
                .push(answer.status.to_string());
        }
    }
    let expected = table();
    let wrong: Vec<String> = found
        .iter()
        .filter(|(operation, answers)| expected.get(*operation) != Some(*answers))
        .map(|(operation, answers)| {
            format!(
                "{operation:24}{}",
                answers
                    .iter()
                    .map(|one| format!("{one:>10}"))
                    .collect::<String>()
            )
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "authorization.txt says otherwise, or nothing, of\n{}",
        wrong.join("\n")
    );
    let gone: Vec<_> = expected
        .keys()
        .filter(|operation| !found.contains_key(*operation))
        .collect();
    assert!(
        gone.is_empty(),
        "authorization.txt has operations that there are not: {gone:?}"
    );
    api.stop().await;
}
