//! Invitations to a group by a link: who makes them, whom they let in, and how many.

use std::time::Duration;

use e2e::{Answer, Api, Client, Ledger, Listener, Sql, Stack, eventually, on_both};
use futures_util::future::join_all;
use hot::Verb;
use model::{ChatId, Tick};
use serde_json::{Value, json};
use store::{Error, Membership};

use crate::stops::{group, insist, stack};

/// A group of Ann, who owns it, Bob, who is an admin, and Cleo; Dan is a stranger.
struct Crew {
    ann: Client,
    bob: Client,
    cleo: Client,
    dan: Client,
    chat: String,
}

impl Crew {
    async fn new(api: &Api) -> Self {
        let (ann, bob) = (api.register("ann").await, api.register("bob").await);
        let (cleo, dan) = (api.register("cleo").await, api.register("dan").await);
        let group = ann.create_group("Crew", &["bob", "cleo"]).await.expect(201);
        let chat = group["id"].as_str().expect("an id").to_owned();
        let crew = Self {
            ann,
            bob,
            cleo,
            dan,
            chat,
        };
        crew.become_(&crew.bob, "admin").await;
        crew
    }

    async fn become_(&self, whom: &Client, role: &str) {
        let path = format!("/v1/chats/{}/members/{}", self.chat, whom.id);
        let changed = self.ann.patch(&path, json!({ "role": role })).await;
        changed.expect(200);
    }

    fn path(&self) -> String {
        format!("/v1/chats/{}/invites", self.chat)
    }

    async fn invite(&self, who: &Client, wish: Value) -> Value {
        who.post(&self.path(), wish).await.expect(201)
    }

    async fn revoke(&self, who: &Client, invite: &Value) -> Answer {
        let path = format!("{}/{}", self.path(), invite["id"]);
        who.delete(&path).await
    }

    async fn invites(&self) -> Vec<Value> {
        let listed = self.ann.get(&self.path()).await.expect(200);
        listed["items"].as_array().expect("items").clone()
    }

    async fn uses(&self) -> Vec<Value> {
        let invites = self.invites().await;
        invites
            .iter()
            .map(|invite| invite["uses"].clone())
            .collect()
    }

    async fn leave_and_return(&mut self, stack: &Stack) {
        let people = &mut [
            ("ann", &mut self.ann),
            ("bob", &mut self.bob),
            ("cleo", &mut self.cleo),
            ("dan", &mut self.dan),
        ];
        stack.all_leave_and_return(people, &[&self.chat]).await;
    }
}

fn token(invite: &Value) -> &str {
    invite["token"].as_str().expect("a token")
}

async fn look(who: &Client, token: &str) -> Answer {
    who.get(&format!("/v1/invites/{token}")).await
}

async fn join(who: &Client, token: &str) -> Answer {
    let path = format!("/v1/invites/{token}/join");
    who.request(reqwest::Method::POST, &path, None).await
}

on_both!(who_has_an_invitation_joins_hot_and_cold);
async fn who_has_an_invitation_joins_hot_and_cold(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut crew = Crew::new(&api).await;
    let open = crew.invite(&crew.ann, json!({})).await;
    let wish = json!({ "expires_in": 3600, "max_uses": 2 });
    let bound = crew.invite(&crew.bob, wish).await;
    assert_eq!(open["url_path"], format!("/join/{}", token(&open)));
    assert_eq!(token(&open).len(), 64);
    assert_eq!((&bound["uses"], &bound["max_uses"]), (&0.into(), &2.into()));
    assert!(bound["expires_at"].is_string() && open["expires_at"].is_null());
    for who in [&crew.cleo, &crew.dan] {
        let (status, code) = match who.id == crew.cleo.id {
            true => (403, "role_too_low"),
            false => (404, "not_found"),
        };
        let refused = [
            who.post(&crew.path(), json!({})).await,
            who.get(&crew.path()).await,
            crew.revoke(who, &open).await,
        ];
        for answer in refused {
            answer.expect_problem(status, code);
        }
    }
    let text = crew.ann.get(&crew.path()).await.text;
    assert!(
        !text.contains(token(&open)) && !text.contains("hash"),
        "{text}"
    );

    // What a stranger sees, and a member, of what is hot and of what is cold.
    for _ in 0..2 {
        let listed = crew.invites().await;
        let ids: Vec<_> = listed.iter().map(|invite| &invite["id"]).collect();
        assert_eq!(ids, [&open["id"], &bound["id"]]);
        for (who, is_member) in [(&crew.dan, false), (&crew.cleo, true)] {
            let seen = look(who, token(&bound)).await.expect(200);
            let expected = json!({
                "chat_id": crew.chat, "name": "Crew", "member_count": 3, "is_member": is_member,
            });
            assert_eq!(seen, expected);
        }
        crew.leave_and_return(&stack).await;
    }
    let chat = &crew.chat;
    let mut socket = Listener::socket(&crew.cleo, "", &[]).await;
    let mut dans = Listener::socket(&crew.dan, "", &[]).await;
    let joined = join(&crew.dan, token(&bound)).await.expect(201);
    assert_eq!(
        (&joined["id"], &joined["member_count"]),
        (&json!(chat), &4.into())
    );
    let is_dan = |event: &Value| event["user_id"] == crew.dan.id.as_str();
    socket.until("member.updated", is_dan).await;
    dans.until("chat.created", |event| event["chat_id"] == *chat)
        .await;
    for who in [&crew.dan, &crew.ann] {
        join(who, token(&bound)).await.expect(200);
        join(who, token(&open)).await.expect(200);
    }
    assert_eq!(crew.uses().await, [0, 1], "who is in it counts as no use");
    let history = crew.dan.history(chat, 50, true).await;
    let told = &history.last().expect("messages")["system"];
    let expected =
        json!({ "event": "member_added", "actor_id": crew.dan.id, "user_id": crew.dan.id });
    assert_eq!(told, &expected);

    // Of what is cold, and as often as it may.
    crew.leave_and_return(&stack).await;
    assert_eq!(crew.uses().await, [0, 1]);
    let eve = api.register("eve").await;
    join(&eve, token(&bound)).await.expect(201);
    let finn = api.register("finn").await;
    for _ in 0..2 {
        assert_eq!(crew.uses().await, [0, 2]);
        look(&finn, token(&bound))
            .await
            .expect_problem(404, "invite_ended");
        join(&finn, token(&bound))
            .await
            .expect_problem(404, "invite_ended");
        look(&eve, token(&bound)).await.expect(200);
        crew.leave_and_return(&stack).await;
    }
    join(&finn, token(&open)).await.expect(201);

    // Who leaves may come back, and counts once more.
    finn.remove_member(&crew.chat, &finn.id).await.expect(204);
    join(&finn, token(&open)).await.expect(201);
    assert_eq!(crew.uses().await, [2, 2]);
    finn.remove_member(&crew.chat, &finn.id).await.expect(204);
    for _ in 0..2 {
        crew.revoke(&crew.bob, &open).await.expect(204);
        join(&finn, token(&open))
            .await
            .expect_problem(404, "invite_ended");
        assert_eq!(crew.uses().await, [2]);
        crew.leave_and_return(&stack).await;
    }
    join(&crew.cleo, token(&open)).await.expect(200);
    api.stop().await;
}

on_both!(an_invitation_ends_with_its_time_its_maker_and_its_group);
async fn an_invitation_ends_with_its_time_its_maker_and_its_group(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut crew = Crew::new(&api).await;
    let short = crew.invite(&crew.ann, json!({ "expires_in": 1 })).await;
    let ended = async || look(&crew.dan, token(&short)).await.status == 404;
    eventually(Duration::from_secs(20), "it has ended", ended).await;
    join(&crew.dan, token(&short))
        .await
        .expect_problem(404, "invite_ended");
    assert_eq!(crew.invites().await.len(), 0);

    let bobs = crew.invite(&crew.bob, json!({})).await;
    look(&crew.dan, token(&bobs)).await.expect(200);
    crew.become_(&crew.bob, "member").await;
    look(&crew.dan, token(&bobs))
        .await
        .expect_problem(404, "invite_ended");
    join(&crew.dan, token(&bobs))
        .await
        .expect_problem(404, "invite_ended");
    crew.become_(&crew.bob, "admin").await;
    let removed = crew.ann.remove_member(&crew.chat, &crew.bob.id).await;
    removed.expect(204);
    for who in [&crew.dan, &crew.bob] {
        join(who, token(&bobs))
            .await
            .expect_problem(404, "invite_ended");
    }

    // Nobody joins by the link of somebody who has blocked them.
    let anns = crew.invite(&crew.ann, json!({})).await;
    let block = format!("/v1/users/me/blocks/{}", crew.dan.id);
    crew.ann.put(&block, Value::Null).await.expect(204);
    join(&crew.dan, token(&anns))
        .await
        .expect_problem(403, "not_accepted");
    crew.ann.delete(&block).await.expect(204);
    assert_eq!(crew.uses().await, [0, 0]);

    // Ones that nobody made.
    let other = "0".repeat(64);
    let secret = format!("{}{}", &token(&anns)[..32], &other[32..]);
    for wrong in [&other, &secret, "x", &token(&anns).to_uppercase()] {
        look(&crew.dan, wrong)
            .await
            .expect_problem(404, "invite_ended");
        join(&crew.dan, wrong)
            .await
            .expect_problem(404, "invite_ended");
    }
    for bad in [
        json!({ "expires_in": 0 }),
        json!({ "expires_in": 31_536_001 }),
        json!({ "max_uses": 0 }),
        json!({ "max_uses": 100_001 }),
    ] {
        let refused = crew.ann.post(&crew.path(), bad).await;
        refused.expect_problem(422, "invalid");
    }
    let direct = crew.ann.create_direct("dan").await.expect(201)["id"].clone();
    let path = format!("/v1/chats/{}/invites", direct.as_str().expect("an id"));
    let refused = crew.ann.post(&path, json!({})).await;
    refused.expect_problem(409, "direct_chat");

    // As many as there may be, of those that hold.
    for _ in 2..20 {
        crew.invite(&crew.ann, json!({ "max_uses": 100_000 })).await;
    }
    for _ in 0..2 {
        let refused = crew.ann.post(&crew.path(), json!({})).await;
        refused.expect_problem(409, "too_many_invites");
        assert_eq!(crew.invites().await.len(), 20);
        crew.leave_and_return(&stack).await;
    }
    crew.revoke(&crew.ann, &anns).await.expect(204);
    crew.invite(&crew.ann, json!({ "expires_in": 1 })).await;
    let has_room = async || crew.ann.post(&crew.path(), json!({})).await.status == 201;
    eventually(Duration::from_secs(20), "one has ended", has_room).await;

    let path = format!("/v1/chats/{}", crew.chat);
    crew.ann.delete(&path).await.expect(204);
    for _ in 0..2 {
        look(&crew.dan, token(&anns))
            .await
            .expect_problem(404, "invite_ended");
        crew.dan.logout().await;
        crew.dan.login("dan").await;
    }
    api.stop().await;
}

on_both!(no_more_join_at_once_than_may);
async fn no_more_join_at_once_than_may(sql: Sql) {
    let stack = Stack::start(sql).await;
    let owner = stack.person("owner").await;
    let chat = ChatId::new();
    let own = Membership { chat, user: owner };
    let created = stack.store.create_group(chat, owner, "Crew", &[]).await;
    created.expect("created");
    let mut people = Vec::new();
    for at in 0..24 {
        people.push(stack.person(&format!("person{at}")).await);
    }
    let (_, token) = stack.store.invite(own, Tick::NEVER, 7).await.expect("made");
    // Each twice at once.
    let joins = people.iter().chain(&people);
    let joins = joins.map(|user| Box::pin(stack.store.join(&token, *user)));
    let outcomes = join_all(joins).await;
    let is_new = |outcome: &&Result<_, Error>| matches!(outcome, Ok((_, true)));
    assert_eq!(outcomes.iter().filter(is_new).count(), 7);
    for outcome in &outcomes {
        assert!(
            matches!(outcome, Ok(_) | Err(Error::InviteEnded)),
            "{outcome:?}"
        );
    }
    for _ in 0..2 {
        let members = stack.store.members(own).await.expect("she sees them");
        assert_eq!(members.len(), 8);
        let invites = stack.store.invites(own).await.expect("she sees them");
        let uses: Vec<i64> = invites.iter().map(|invite| invite.uses).collect();
        assert_eq!(uses, [7]);
        stack.leave(chat).await;
    }
}

on_both!(an_invitation_is_made_and_followed_whole);
async fn an_invitation_is_made_and_followed_whole(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let flusher = stack.start_flusher().await;
    let (mut made, mut revoked, mut followed) = (Vec::new(), Vec::new(), Vec::new());
    let own = |ledger: &Ledger| Membership {
        chat: ledger.chat,
        user: ann,
    };
    let alone = async |_| {
        let ledger = group(&stack, ann, &[]).await;
        stack.saved(ledger.chat).await; // or what comes next is saved with what was before
        ledger
    };
    let invite = async |ledger: &Ledger| {
        insist(async || stack.store.invite(own(ledger), Tick::NEVER, 1).await).await
    };
    stack
        .at_each_step(Verb::ChangeInvites, alone, async |ledger| {
            invite(&ledger).await;
            made.push(ledger);
        })
        .await;
    let invited = async |_| {
        let ledger = group(&stack, ann, &[]).await;
        let (invite, token) = invite(&ledger).await;
        stack.saved(ledger.chat).await;
        (ledger, invite, token)
    };
    stack
        .at_each_step(Verb::ChangeInvites, invited, async |(ledger, invite, _)| {
            insist(async || stack.store.revoke_invite(own(&ledger), invite.id).await).await;
            revoked.push(ledger);
        })
        .await;
    // It lets one in, and that is not lost by a call that was stopped.
    stack
        .at_each_step(Verb::ChangeMember, invited, async |(ledger, _, token)| {
            insist(async || Box::pin(stack.store.join(&token, bob)).await).await;
            let all = e2e::history(&stack.store, ledger.chat, ann, true).await;
            let told = all.iter().filter(|json| json.contains("member_added"));
            assert_eq!(told.count(), 1);
            followed.push(ledger);
        })
        .await;
    for (ledgers, members, uses) in [
        (&made, 1, vec![0]),
        (&revoked, 1, vec![]),
        (&followed, 2, vec![1]),
    ] {
        for ledger in ledgers {
            let left = stack.hot.expire_early(ledger.chat).await;
            left.expect("Redis answers");
            stack.evicted(ledger.chat).await;
            let cold = stack.cold.chat(ledger.chat).await.expect("SQL answers");
            let cold = cold.expect("a chat").chat.invites;
            let cold: Vec<i64> = cold.iter().map(|invite| invite.uses).collect();
            let invites = stack.store.invites(own(ledger)).await;
            let invites = invites.expect("she sees them");
            let hot: Vec<i64> = invites.iter().map(|invite| invite.uses).collect();
            assert_eq!(hot, cold);
            // Of a try that was stopped late there is another one, whose token nobody has.
            assert!(
                hot.starts_with(&uses) && hot.len() <= 2 * uses.len(),
                "{hot:?}"
            );
            let there = stack.store.members(own(ledger)).await;
            assert_eq!(there.expect("she sees them").len(), members);
        }
    }
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_guessed_only_so_often() {
    let stack = Stack::start(Sql::Sqlite).await;
    let config = api::Config {
        limit_invites: "5/1h".parse().expect("a limit"),
        ..api::Config::default().unlimited()
    };
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let ann = api.register("ann").await;
    let guess = "0".repeat(64);
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(look(&ann, &guess).await.status);
    }
    assert_eq!(statuses[..5], [404; 5]);
    join(&ann, &guess).await.expect_problem(429, "rate_limited");
    api.stop().await;
}
