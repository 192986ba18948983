//! Groups are named and described, and their members get roles: hot and cold.

use e2e::{Client, Sql, Stack, on_both};
use serde_json::{Value, json};

struct Group {
    owner: Client,
    admin: Client,
    member: Client,
    stranger: Client,
    path: String,
    id: String,
}

impl Group {
    async fn new(api: &e2e::Api) -> Self {
        let (owner, admin) = (api.register("owner").await, api.register("admin").await);
        let (member, stranger) = (api.register("member").await, api.register("stranger").await);
        let id = owner.create_group("Friends", &["admin", "member"]).await.expect(201)["id"].as_str().expect("an id").to_owned();
        let group = Self { path: format!("/v1/chats/{id}"), owner, admin, member, stranger, id };
        group.become_(&group.owner, &group.admin, "admin").await.expect(200);
        group
    }

    async fn become_(&self, who: &Client, whom: &Client, role: &str) -> e2e::Answer {
        who.patch(&format!("{}/members/{}", self.path, whom.id), json!({ "role": role })).await
    }

    async fn role(&self, of: &Client) -> String {
        let members = self.member.members(&self.id).await.expect(200);
        let found = members["items"].as_array().expect("items").iter().find(|member| member["user_id"] == of.id.as_str());
        found.expect("a member")["role"].as_str().expect("a role").to_owned()
    }

    /// What the system messages tell, oldest first: event, old, new.
    async fn told(&self) -> Vec<(Value, Value, Value)> {
        let all = self.member.history(&self.id, 50, true).await;
        all.into_iter()
            .map(|message| message["system"].clone())
            .map(|told| (told["event"].clone(), told["old"].clone(), told["new"].clone()))
            .collect()
    }

    async fn leave(&self, stack: &Stack) {
        let flusher = stack.start_flusher().await;
        let chat = self.id.parse().expect("an id");
        stack.expire(chat).await;
        stack.evicted(chat).await;
        flusher.stop().await;
    }
}

on_both!(a_group_is_named_and_described_hot_and_cold);
async fn a_group_is_named_and_described_hot_and_cold(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let group = Group::new(&api).await;
    let change = json!({ "name": "  Best friends ", "description": "Of old" });
    let changed = group.admin.patch(&group.path, change.clone()).await.expect(200);
    assert_eq!((&changed["name"], &changed["description"]), (&"Best friends".into(), &"Of old".into()));
    group.admin.patch(&group.path, change).await.expect(200); // again: nothing new is told
    let told = [("role_changed", "member", "admin"), ("chat_renamed", "Friends", "Best friends")];
    let told = told.map(|(event, old, new)| (json!(event), json!(old), json!(new)));
    assert_eq!(group.told().await, told);

    group.leave(&stack).await;
    let there = group.member.get(&group.path).await.expect(200);
    assert_eq!((&there["name"], &there["description"], &there["unread_count"]), (&"Best friends".into(), &"Of old".into(), &0.into()));
    assert_eq!(group.told().await, told);
    group.leave(&stack).await;
    let changed = group.owner.patch(&group.path, json!({ "description": null })).await.expect(200); // of a chat that is cold
    assert_eq!(changed["name"], "Best friends");
    assert!(changed.get("description").is_none());
    group.leave(&stack).await;
    assert!(group.owner.get(&group.path).await.expect(200).get("description").is_none());

    group.member.patch(&group.path, json!({ "name": "Mine" })).await.expect_problem(403, "role_too_low");
    group.stranger.patch(&group.path, json!({ "name": "Mine" })).await.expect_problem(404, "not_found");
    group.owner.patch(&group.path, json!({ "name": "" })).await.expect_problem(422, "invalid");
    group.owner.patch(&group.path, json!({ "name": null })).await.expect_problem(422, "invalid");
    group.owner.patch(&group.path, json!({ "name": "n".repeat(129) })).await.expect_problem(422, "invalid");
    group.owner.patch(&group.path, json!({ "description": "d".repeat(1001) })).await.expect_problem(422, "invalid");
    group.owner.patch(&group.path, json!({ "name": "n".repeat(128), "description": "d".repeat(1000) })).await.expect(200);
    let direct = group.owner.create_direct("member").await.expect(201)["id"].as_str().expect("an id").to_owned();
    let refused = group.owner.patch(&format!("/v1/chats/{direct}"), json!({ "name": "Us" })).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    api.stop().await;
}

on_both!(roles_are_given_by_the_owner_and_handed_over_hot_and_cold);
async fn roles_are_given_by_the_owner_and_handed_over_hot_and_cold(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let group = Group::new(&api).await;
    group.become_(&group.admin, &group.member, "admin").await.expect_problem(403, "role_too_low");
    group.become_(&group.member, &group.member, "owner").await.expect_problem(403, "role_too_low");
    group.become_(&group.owner, &group.owner, "member").await.expect_problem(403, "role_too_low");
    group.become_(&group.owner, &group.stranger, "admin").await.expect_problem(404, "not_found");
    group.become_(&group.stranger, &group.member, "admin").await.expect_problem(404, "not_found");
    group.become_(&group.owner, &group.member, "king").await.expect_problem(400, "malformed");
    group.become_(&group.owner, &group.admin, "admin").await.expect(200); // as they are: nothing new is told
    assert_eq!(group.told().await.len(), 1);

    group.leave(&stack).await;
    group.become_(&group.owner, &group.member, "owner").await.expect(200); // of a chat that is cold
    for _ in 0..2 {
        assert_eq!(group.role(&group.member).await, "owner");
        assert_eq!(group.role(&group.owner).await, "admin", "who hands over is an admin");
        assert_eq!(group.role(&group.admin).await, "admin");
        group.leave(&stack).await;
    }
    group.become_(&group.owner, &group.admin, "member").await.expect_problem(403, "role_too_low");
    group.become_(&group.member, &group.admin, "member").await.expect(200);
    assert_eq!(group.role(&group.admin).await, "member");
    group.owner.remove_member(&group.id, &group.owner.id).await.expect(204);
    assert_eq!(group.told().await.last().expect("told").0, "member_left");
    api.stop().await;
}
