//! Groups are named and described, and their members get roles: hot and cold.

use std::time::Duration;

use e2e::{Client, Fault, Options, Proxy, Sql, Stack, on_both};
use hot::Verb;
use model::ChatId;
use serde_json::{Value, json};
use store::Membership;

struct Group {
    owner: Client,
    admin: Client,
    member: Client,
    stranger: Client,
    path: String,
    id: String,
    names: [String; 4],
}

impl Group {
    async fn new(api: &e2e::Api) -> Self {
        Self::new_as(api, "").await
    }

    async fn new_as(api: &e2e::Api, prefix: &str) -> Self {
        let names = ["owner", "adam", "member", "stranger"].map(|name| format!("{prefix}{name}"));
        let (owner, admin) = (api.register(&names[0]).await, api.register(&names[1]).await);
        let (member, stranger) = (api.register(&names[2]).await, api.register(&names[3]).await);
        let id = owner
            .create_group("Friends", &[&names[1], &names[2]])
            .await
            .expect(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let group = Self {
            path: format!("/v1/chats/{id}"),
            owner,
            admin,
            member,
            stranger,
            id,
            names,
        };
        group
            .become_(&group.owner, &group.admin, "admin")
            .await
            .expect(200);
        group
    }

    async fn become_(&self, who: &Client, whom: &Client, role: &str) -> e2e::Answer {
        who.patch(
            &format!("{}/members/{}", self.path, whom.id),
            json!({ "role": role }),
        )
        .await
    }

    async fn role(&self, of: &Client) -> String {
        let members = self.member.members(&self.id).await.expect(200);
        let found = members["items"]
            .as_array()
            .expect("items")
            .iter()
            .find(|member| member["user_id"] == of.id.as_str());
        found.expect("a member")["role"]
            .as_str()
            .expect("a role")
            .to_owned()
    }

    /// Returns the system messages, oldest first: event, old, new.
    async fn told(&self) -> Vec<(Value, Value, Value)> {
        let all = self.member.history(&self.id, 50, true).await;
        all.into_iter()
            .map(|message| message["system"].clone())
            .map(|told| {
                (
                    told["event"].clone(),
                    told["old"].clone(),
                    told["new"].clone(),
                )
            })
            .collect()
    }

    async fn leave(&self, stack: &Stack) {
        stack.leave(self.id.parse().expect("an id")).await;
    }
}

on_both!(a_group_is_named_and_described_hot_and_cold);
async fn a_group_is_named_and_described_hot_and_cold(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let group = Group::new(&api).await;
    let change = json!({ "name": "  Best friends ", "description": "Of old" });
    let changed = group
        .admin
        .patch(&group.path, change.clone())
        .await
        .expect(200);
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&"Best friends".into(), &"Of old".into())
    );
    group.admin.patch(&group.path, change).await.expect(200); // again: nothing new is told
    let told = [
        ("role_changed", "member", "admin"),
        ("chat_renamed", "Friends", "Best friends"),
    ];
    let told = told.map(|(event, old, new)| (json!(event), json!(old), json!(new)));
    assert_eq!(group.told().await, told);

    group.leave(&stack).await;
    let there = group.member.get(&group.path).await.expect(200);
    assert_eq!(
        (
            &there["name"],
            &there["description"],
            &there["unread_count"]
        ),
        (&"Best friends".into(), &"Of old".into(), &0.into())
    );
    assert_eq!(group.told().await, told);
    group.leave(&stack).await;
    let changed = group
        .owner
        .patch(&group.path, json!({ "description": null }))
        .await
        .expect(200); // of a chat that is cold
    assert_eq!(changed["name"], "Best friends");
    assert!(changed.get("description").is_none());
    group.leave(&stack).await;
    assert!(
        group
            .owner
            .get(&group.path)
            .await
            .expect(200)
            .get("description")
            .is_none()
    );

    group
        .member
        .patch(&group.path, json!({ "name": "Mine" }))
        .await
        .expect_problem(403, "role_too_low");
    group
        .stranger
        .patch(&group.path, json!({ "name": "Mine" }))
        .await
        .expect_problem(404, "not_found");
    group
        .owner
        .patch(&group.path, json!({ "name": "" }))
        .await
        .expect_problem(422, "invalid");
    group
        .owner
        .patch(&group.path, json!({ "name": null }))
        .await
        .expect_problem(422, "invalid");
    group
        .owner
        .patch(&group.path, json!({ "name": "n".repeat(129) }))
        .await
        .expect_problem(422, "invalid");
    group
        .owner
        .patch(&group.path, json!({ "description": "d".repeat(1001) }))
        .await
        .expect_problem(422, "invalid");
    group
        .owner
        .patch(
            &group.path,
            json!({ "name": "n".repeat(128), "description": "d".repeat(1000) }),
        )
        .await
        .expect(200);
    let direct = group.owner.create_direct("member").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let refused = group
        .owner
        .patch(&format!("/v1/chats/{direct}"), json!({ "name": "Us" }))
        .await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    api.stop().await;
}

on_both!(roles_are_given_by_the_owner_and_handed_over_hot_and_cold);
async fn roles_are_given_by_the_owner_and_handed_over_hot_and_cold(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let group = Group::new(&api).await;
    group
        .become_(&group.admin, &group.member, "admin")
        .await
        .expect_problem(403, "role_too_low");
    group
        .become_(&group.member, &group.member, "owner")
        .await
        .expect_problem(403, "role_too_low");
    group
        .become_(&group.owner, &group.owner, "member")
        .await
        .expect_problem(403, "role_too_low");
    group
        .become_(&group.owner, &group.stranger, "admin")
        .await
        .expect_problem(404, "not_found");
    group
        .become_(&group.stranger, &group.member, "admin")
        .await
        .expect_problem(404, "not_found");
    group
        .become_(&group.owner, &group.member, "king")
        .await
        .expect_problem(400, "malformed");
    group
        .owner
        .remove_member(&group.id, &group.owner.id)
        .await
        .expect_problem(409, "last_owner");
    group
        .admin
        .remove_member(&group.id, &group.owner.id)
        .await
        .expect_problem(403, "role_too_low");
    group
        .become_(&group.owner, &group.admin, "admin")
        .await
        .expect(200); // as they are: nothing new is told
    assert_eq!(group.told().await.len(), 1);

    group.leave(&stack).await;
    group
        .become_(&group.owner, &group.member, "owner")
        .await
        .expect(200); // of a chat that is cold
    for _ in 0..2 {
        assert_eq!(group.role(&group.member).await, "owner");
        assert_eq!(
            group.role(&group.owner).await,
            "admin",
            "who hands over is an admin"
        );
        assert_eq!(group.role(&group.admin).await, "admin");
        group.leave(&stack).await;
    }
    group
        .become_(&group.owner, &group.admin, "member")
        .await
        .expect_problem(403, "role_too_low");
    group
        .become_(&group.member, &group.admin, "member")
        .await
        .expect(200);
    assert_eq!(group.role(&group.admin).await, "member");
    group
        .owner
        .remove_member(&group.id, &group.owner.id)
        .await
        .expect(204);
    assert_eq!(group.told().await.last().expect("told").0, "member_left");
    api.stop().await;
}

on_both!(a_deleted_group_is_gone_for_everyone_with_all_that_was_written);
async fn a_deleted_group_is_gone_for_everyone_with_all_that_was_written(sql: Sql) {
    use entity::message;
    use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    for cold in [false, true] {
        let mut group = Group::new_as(&api, if cold { "cold" } else { "hot" }).await;
        let said = group.member.send(&group.id, "secret").await.expect(201)["id"]
            .as_i64()
            .expect("an id");
        for at in 0..60 {
            group
                .owner
                .send(&group.id, &at.to_string())
                .await
                .expect(201);
        }
        if cold {
            group.leave(&stack).await;
        }
        group
            .admin
            .delete(&group.path)
            .await
            .expect_problem(403, "role_too_low");
        group
            .stranger
            .delete(&group.path)
            .await
            .expect_problem(404, "not_found");
        group.owner.delete(&group.path).await.expect(204);
        let gone = async |group: &Group| {
            for who in [&group.owner, &group.admin, &group.member] {
                who.get(&group.path).await.expect_problem(404, "not_found");
                who.page(&group.id, "")
                    .await
                    .expect_problem(404, "not_found");
                who.send(&group.id, "anybody?")
                    .await
                    .expect_problem(404, "not_found");
                who.get(&format!("{}/messages/{said}", group.path))
                    .await
                    .expect_problem(404, "not_found");
                assert_eq!(who.chats().await, [] as [Value; 0]);
            }
        };
        gone(&group).await;
        let flusher = stack.start_flusher().await;
        let chat: model::ChatId = group.id.parse().expect("an id");
        stack.evicted(chat).await;
        flusher.stop().await;
        gone(&group).await;
        let left = message::Entity::find()
            .filter(message::Column::ChatId.eq(chat.0))
            .count(&stack.db)
            .await
            .expect("SQL answers");
        assert_eq!(left, 0, "nothing of what was written is in SQL");
        let row = stack
            .cold
            .chat(chat)
            .await
            .expect("SQL answers")
            .expect("its row is left")
            .chat;
        assert!(row.deleted.happened() && row.name.is_empty());
        let name = group.names[0].clone();
        stack
            .all_leave_and_return(&mut [(&name, &mut group.owner)], &[])
            .await;
        gone(&group).await;
    }
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_two_change_at_once_is_changed_by_both() {
    let options = Options {
        command_timeout: Duration::from_secs(60),
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let own = Membership {
        chat: ChatId::new(),
        user: stack.person("ann").await,
    };
    stack
        .store
        .create_group(own.chat, own.user, "Friends", &[])
        .await
        .expect("created");
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let change = proxy.rule_for(stack.sha(Verb::ChangeChat), Fault::Stall, 0, 1);
    let sleeping =
        tokio::spawn(async move { sleeper.change_chat(own, None, Some("Of old"), None).await });
    change.wait_fired(1).await;
    stack
        .store
        .change_chat(own, Some("Best friends"), None, None)
        .await
        .expect("renamed");
    change.release();
    sleeping.await.expect("no panic").expect("described");
    let view = stack.store.view(own).await.expect("she sees it");
    assert_eq!(
        (view.name.as_deref(), view.description.as_deref()),
        (Some("Best friends"), Some("Of old"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_members_of_a_group_are_read_once_however_many_it_is_listed_for() {
    let stack = Stack::start(Sql::Sqlite).await;
    let mut people = Vec::new();
    for at in 0..24 {
        people.push(stack.person(&format!("member{at}")).await);
    }
    let reads = async || -> u64 {
        let stats = stack.redis.cli(&["INFO", "commandstats"]).await;
        let reads = stats.split_once("cmdstat_hgetall:calls=").expect("some").1;
        let reads = reads.split_once(',').expect("a list").0;
        reads.parse().expect("a count")
    };
    let (chat, owner) = (ChatId::new(), people[0]);
    let before = reads().await;
    let made = stack
        .store
        .create_group(chat, owner, "Crew", &people[1..])
        .await;
    assert!(made.expect("created"));
    let created = reads().await - before;
    assert!(created < 12, "{created} reads of all members of 24");
    let deleted = stack
        .store
        .delete_chat(Membership { chat, user: owner })
        .await;
    deleted.expect("deleted");
    let deleted = reads().await - before - created;
    assert!(deleted < 12, "{deleted} reads of all members of 24");
}
