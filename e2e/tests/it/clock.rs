//! Ids: one number that is order, cursor, key and time, through Lua, Redis, SQL and JSON.

use e2e::{Ledger, Sql, Stack, audit_sql, on_both, say};
use entity::message;
use futures_util::future::join_all;
use model::{ChatId, Tick};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

const BURST: usize = 400;

/// The digits of the ids in a text, as they stand there.
fn ids(text: &str) -> Vec<String> {
    let id = |rest: &str| rest.split(',').next().expect("a number").to_owned();
    text.split(r#"{"id":"#).skip(1).map(id).collect()
}

fn assert_exact(ids: &[String]) {
    assert!(ids.iter().all(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_digit())), "16 digits: {ids:?}");
    assert!(ids.is_sorted_by(|one, next| one < next), "unique and rising");
}

/// Many sent as fast as Redis takes them, in a chat whose clock is `ahead` of the time by so many microseconds.
async fn burst(sql: Sql, ahead: i64) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let chat: ChatId = ann.create_group("Friends", &[]).await.expect(201)["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let key = |of: &str| format!("chat:{{c{}}}:{chat}{of}", chat.partition());
    let reader = model::UserId(ann.id.parse().expect("an id"));
    let clock = Tick::now().0 + ahead;
    stack.redis.cli(&["HSET", &key(""), "clock", &clock.to_string()]).await;

    let sending = (0..BURST).map(|at| {
        let store = &stack.store;
        async move {
            let body = format!("text {at}");
            (say(store, chat, reader, &body, None).await.expect("sent"), body)
        }
    });
    let sent = join_all(sending).await;
    let mut acknowledged: Vec<String> = sent.iter().map(|(id, _)| id.to_string()).collect();
    acknowledged.sort();
    assert_exact(&acknowledged);
    if ahead > 0 {
        let expected: Vec<String> = (1..=BURST as i64).map(|step| (clock + step).to_string()).collect();
        assert_eq!(acknowledged, expected, "a clock that is ahead goes on by ones");
    }

    let in_redis = stack.redis.cli(&["LRANGE", &key(":messages"), "0", "-1"]).await;
    assert_eq!(ids(&in_redis), acknowledged);
    let dirty = stack.redis.cli(&["ZRANGE", &key(":dirty"), "0", "-1", "WITHSCORES"]).await;
    let lines: Vec<&str> = dirty.lines().collect();
    let unsaved = lines.chunks(2).filter_map(|pair| Some((pair[0].strip_prefix("message:")?, pair[1])));
    let unsaved: Vec<_> = unsaved.inspect(|(id, score)| assert_eq!(id, score)).map(|(id, _)| id).collect();
    assert_eq!(unsaved, acknowledged);

    let json = async |before: &str| {
        let page = ann.page(&chat.to_string(), &format!("limit=100{before}")).await;
        page.clone().expect(200);
        ids(&page.text)
    };
    let pages = async || {
        let mut all = json("").await;
        while all.len() < BURST {
            let older = json(&format!("&before={}", all[0])).await;
            all.splice(0..0, older);
        }
        all
    };
    assert_eq!(pages().await, acknowledged);

    let flusher = stack.start_flusher().await;
    stack.expire(chat).await;
    audit_sql(&stack, &[Ledger { chat, reader, sent }]).await;
    let rows = message::Entity::find().filter(message::Column::ChatId.eq(chat.0)).order_by_asc(message::Column::Id).all(&stack.db).await;
    let in_sql: Vec<String> = rows.expect("SQL answers").iter().map(|row| row.id.to_string()).collect();
    assert_eq!(in_sql, acknowledged);
    assert_eq!(pages().await, acknowledged, "the same when it comes back from SQL");
    flusher.stop().await;
    api.stop().await;
}

on_both!(messages_of_a_burst_have_exact_ids_everywhere);
async fn messages_of_a_burst_have_exact_ids_everywhere(sql: Sql) {
    burst(sql, 0).await;
}

on_both!(a_clock_that_is_ahead_of_the_time_stays_exact_everywhere);
async fn a_clock_that_is_ahead_of_the_time_stays_exact_everywhere(sql: Sql) {
    burst(sql, 30_000_000).await;
}
