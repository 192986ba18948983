//! Search: a text is found at once and for ever, by all who may read it and by no other.

use std::time::Duration;

use e2e::{Client, Sql, Stack, eventually, on_both};
use serde_json::{Value, json};

async fn hits(who: &Client, query: &str) -> Vec<Value> {
    let (mut all, mut place) = (Vec::new(), String::new());
    loop {
        let page = who
            .get(&format!("/v1/search?limit=3&{query}{place}"))
            .await
            .expect(200);
        all.extend(page["items"].as_array().expect("items").clone());
        match page["next"].as_str() {
            Some(next) => place = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn found(who: &Client, query: &str) -> Vec<String> {
    hits(who, query)
        .await
        .iter()
        .map(|hit| hit["message"]["body"].as_str().expect("a body").to_owned())
        .collect()
}

fn id(of: &Value) -> i64 {
    of["id"].as_i64().expect("an id")
}

on_both!(what_was_written_is_found_at_once_and_for_ever);
async fn what_was_written_is_found_at_once_and_for_ever(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob, eve) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("eve").await,
    );
    let direct = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let group = ann.create_group("Friends", &["bob"]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let texts = [
        "The quick brown fox",
        "Ein Fuchs im Café, größer als gedacht",
        "他说你好吗",
        "foxes and the hounds",
        "I am at ok",
        "100% of 3.14",
        "a_b-c d'accord",
    ];
    for text in texts {
        ann.send(&direct, text).await.expect(201);
    }
    let late = bob
        .post(
            &format!("/v1/chats/{group}/messages"),
            json!({ "subject": "About foxes", "body": "later" }),
        )
        .await
        .expect(201);
    for at in 0..60 {
        ann.send(&group, &format!("filler {at}")).await.expect(201);
    }
    let filler: Vec<String> = (0..60).rev().map(|at| format!("filler {at}")).collect();
    for round in 0..3 {
        for (query, expected) in [
            ("q=fox", vec!["later", texts[3], texts[0]]),
            ("q=FOX%20the", vec![texts[3], texts[0]]),
            ("q=the", vec![texts[3], texts[0]]),
            ("q=cafe", vec![texts[1]]),
            ("q=GRÖSS", vec![texts[1]]),
            ("q=grö", vec![texts[1]]),
            ("q=你好", vec![texts[2]]),
            ("q=说", vec![texts[2]]),
            ("q=说好", vec![]),
            ("q=ok", vec![texts[4]]),
            ("q=a%20c", vec![texts[6], texts[1]]),
            ("q=3.14", vec![texts[5]]),
            ("q=rown", vec![]),
            ("q=nothing", vec![]),
            ("q=%22fox%22%20-quick%20*", vec![texts[0]]),
        ] {
            assert_eq!(found(&bob, query).await, expected, "{query}, round {round}");
            assert_eq!(found(&eve, query).await, [""; 0], "{query} by a stranger");
        }
        assert_eq!(
            found(&ann, "q=filler").await,
            filler,
            "over many pages, round {round}"
        );
        assert_eq!(
            found(&ann, &format!("q=fox&chat_id={group}")).await,
            ["later"]
        );
        assert_eq!(
            found(&ann, &format!("q=fox&from={}", ann.id)).await,
            [texts[3], texts[0]]
        );
        assert_eq!(
            found(&ann, &format!("q=fox&before={}", id(&late))).await,
            [texts[3], texts[0]]
        );
        assert_eq!(
            found(&ann, &format!("q=fox&after={}", id(&late) - 1)).await,
            ["later"]
        );
        let hit = &hits(&bob, "q=quick").await[0];
        let segments = json!([
            { "text": "The ", "hit": false },
            { "text": "quick", "hit": true },
            { "text": " brown fox", "hit": false },
        ]);
        assert_eq!(hit["segments"], segments);
        stack
            .all_leave_and_return(
                &mut [("ann", &mut ann), ("bob", &mut bob)],
                &[&direct, &group],
            )
            .await;
    }
    eve.get(&format!("/v1/search?q=fox&chat_id={direct}"))
        .await
        .expect_problem(404, "not_found");
    for query in [
        "",
        "q=",
        "q=%20!%20",
        "q=fox&chat_id=x",
        "q=fox&after=0",
        "q=fox&limit=0",
        "q=fox&cursor=x",
    ] {
        bob.get(&format!("/v1/search?{query}"))
            .await
            .expect_problem(400, "malformed");
    }
    bob.get(&format!("/v1/search?q={}", "x".repeat(201)))
        .await
        .expect_problem(400, "malformed");
    assert_eq!(
        found(&bob, &format!("q={}", "x".repeat(200))).await,
        [""; 0]
    );
    api.stop().await;
}

/// Texts, what is looked for in them, and whether it is there for those who read.
const WORDS: &[(&str, &str, bool)] = &[
    // Case, in full.
    ("große Straße", "STRASSE", true),
    ("große Straße", "strasse", true),
    ("in der MASSE", "maße", true),
    ("ein großes ẞ", "ss", true),
    ("στον δρόμος", "ΔΡΟΜΟΣ", true),
    ("Ο ΔΡΌΜΟΣ", "δρόμος", true),
    ("ışık açık", "IŞIK", true),
    ("IŞIK yok", "ışık", true),
    ("İstanbul'da", "istanbul", true),
    ("istanbul", "İSTANBUL", true),
    // Accents, strokes and ligatures.
    ("Zoe\u{308} kommt", "zoë", true),
    ("jadę do Łodzi", "lodzi", true),
    ("Łukasz pisze", "ŁUKASZ", true),
    ("đường phố", "duong", true),
    ("Østerbro st", "osterbro", true),
    ("Encyclopædia B", "encyclopaedia", true),
    ("encyclopaedia C", "Encyclopædia", true),
    ("hors d'œuvre", "oeuvre", true),
    ("conﬁrm it", "confirm", true),
    ("confirm this", "conﬁ", true),
    ("ｆｕｌｌｗｉｄｔｈ", "fullwidth", true),
    ("tiếng Việt", "tieng viet", true),
    ("q\u{307}\u{323}uiet", "q\u{323}\u{307}uiet", true),
    ("soft\u{ad}hyphen", "softhyphen", true),
    // Arabic, Persian, Hebrew.
    ("مُحَمَّد وصل", "محمد", true),
    ("محمد هنا", "مُحَمَّد", true),
    ("أحمد هنا", "احمد", true),
    ("إلى البيت", "الى", true),
    ("مرحـــبا", "مرحبا", true),
    ("مدرسة جديدة", "مدرسه", true),
    ("کتاب خوب", "كتاب", true),
    ("می\u{200c}خواهم", "میخواهم", true),
    ("سنة ٢٠٢٦", "2026", true),
    ("שָׁלוֹם לך", "שלום", true),
    ("שלום", "שָׁלוֹם", true),
    // Indic scripts.
    ("এখন সম\u{9af}\u{9bc} নেই", "সম\u{9df}", true),
    ("আর সম\u{9df}", "সম\u{9af}\u{9bc}", true),
    ("बाज\u{93c}ार जाना", "बा\u{95b}ार", true),
    ("बाज़ार में", "बाजार", true),
    ("नमस्ते दोस्त", "नमस्ते", true),
    ("வணக்கம்", "வணக்கம்", true),
    // Scripts without spaces.
    ("น้\u{e4d}\u{e32}เย็น", "น้\u{e33}", true),
    ("ﾊﾞｽで行く", "バス", true),
    ("は\u{3099}ら", "ばら", true),
    // Words that signs join, as they stand.
    ("we write C++ here", "c%2B%2B", true),
    ("in modern C++17", "C%2B%2B", true),
    ("a C compiler", "c%2B%2B", false),
    ("F# and C#", "c%23", true),
    ("c sharp, or C", "c%23", false),
    ("hosts of .NET", ".net", true),
    ("release 1.2.3 is out", "1.2.3", true),
    ("3 of 2 in 1", "1.2.3", false),
    ("at 10.100.200.101", "10.100.200.101", true),
    ("101 and 200, 100, 10", "10.100.200.101", false),
    ("on 00:11:22:33:44:55", "00:11:22:33:44:55", true),
    ("2001:db8::5 answers", "2001:db8::5", true),
    ("to ann@example.org", "ann@example.org", true),
    ("org example by ann", "ann@example.org", false),
    ("in src/main.rs", "src/main.rs", true),
    ("rs main src", "src/main.rs", false),
    ("an e-mail for you", "e-mail", true),
    ("mail for e", "e-mail", false),
    ("I don’t know", "don't", true),
    ("Mrs O’Brien", "O'Brien", true),
    ("Mrs OʼHara", "o’hara", true),
    ("моя Марʼяна", "мар'яна", true),
    ("на п'ять", "пʼять", true),
    ("aloha Hawaiʻi", "Hawai'i", true),
    ("Mr O Leary", "O'Leary", false),
    ("അവൻ വന്നു", "അവന്\u{200d}", true),
    ("বজ্র হঠাত্\u{200d}", "হঠাৎ", true),
    ("its _mark_ and *star*", "mark%20star", true),
    ("#news of today", "%23news", true),
    (
        "https://a.example/b?c=d&e=f#g",
        "https://a.example/b?c=d%26e=f%23g",
        true,
    ),
    ("hello東京 now", "hello東京", true),
    ("東京 says hello", "hello東京", false),
    ("apples and pears", "pears,apples", true),
    // Quotes.
    ("the quick brown fox", "%22quick%20brown%22", true),
    ("brown and quick", "%22quick%20brown%22", false),
    ("quick browner", "%22quick%20brown%22", false),
    ("quick brownest", "%22quick%20brow", true),
    ("a quick, brown one", "„quick%20brown“", true),
    ("他说「再见」了", "%22再见%22", true),
    // Other words.
    ("नमस तेज", "नमस्ते", false),
    ("नमसते", "नमस्ते", false),
    ("हाल", "हल", false),
    ("かき", "がき", false),
    ("はら", "ばら", false),
    ("كلب", "قلب", false),
    ("שלומ", "שלום", false),
    ("masse", "mase", false),
    ("кот", "kot", false),
];

on_both!(the_same_word_is_found_however_it_is_written);
async fn the_same_word_is_found_however_it_is_written(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let group = ann.create_group("Words", &["bob"]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for (text, ..) in WORDS {
        ann.send(&group, text).await.expect(201);
    }
    for state in ["hot", "cold"] {
        let mut wrong = Vec::new();
        for (text, query, is_there) in WORDS {
            let found = found(&bob, &format!("chat_id={group}&q={query}")).await;
            if found.iter().any(|body| body == text) != *is_there {
                wrong.push((text, query, is_there));
            }
        }
        assert!(wrong.is_empty(), "{state}: {wrong:#?}");
        stack
            .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&group])
            .await;
    }
    api.stop().await;
}

/// Leaves what a release before the postings left: terms in each row, people folded by the rule of
/// then, and none of the new index.
async fn index_by_the_rule_of_before(stack: &Stack) {
    use entity::{message, postings, user};
    use sea_orm::{EntityTrait, sea_query::Expr};
    message::Entity::update_many()
        .col_expr(
            message::Column::Terms,
            Expr::value("xwgrozdfze xwstrazdfze"),
        )
        .exec(&stack.db)
        .await
        .expect("SQL answers");
    user::Entity::update_many()
        .col_expr(user::Column::DisplayFolded, Expr::value("łukasz"))
        .exec(&stack.db)
        .await
        .expect("SQL answers");
    postings::Entity::delete_many()
        .exec(&stack.db)
        .await
        .expect("SQL answers");
}

/// Notes that the index was made anew up to a message.
async fn leave_reindex_at(stack: &Stack, chat: &str, message: i64) {
    use entity::meta::{self, REINDEX, Reindex};
    use sea_orm::{ActiveModelTrait, ActiveValue::Set};
    let place = Reindex {
        users_done: true,
        chat: chat.parse().expect("an id"),
        message,
        rows: 8,
        ..Reindex::default()
    };
    let left = meta::ActiveModel {
        name: Set(REINDEX.into()),
        value: Set(place.write().expect("numbers")),
    };
    left.update(&stack.db).await.expect("SQL answers");
}

async fn is_partial(who: &Client) -> bool {
    who.get("/v1/search?q=strasse").await.expect(200)["partial"] == true
}

on_both!(an_index_of_the_rule_of_before_is_made_anew_beside_all_else);
async fn an_index_of_the_rule_of_before_is_made_anew_beside_all_else(sql: Sql) {
    use sea_orm::EntityTrait;
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    ann.patch("/v1/users/me", json!({ "display_name": "Łukasz" }))
        .await
        .expect(200);
    let mut chats = Vec::new();
    for name in ["one", "two"] {
        let group = ann.create_group(name, &["bob"]).await.expect(201)["id"].clone();
        chats.push(group.as_str().expect("an id").to_owned());
    }
    // More than a piece, and over the end of a chat.
    const EACH: usize = 130;
    for chat in &chats {
        for _ in 0..EACH {
            ann.send(chat, "große Straße").await.expect(201);
        }
    }
    let all = [chats[0].as_str(), chats[1].as_str()];
    stack
        .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &all)
        .await;
    assert!(!is_partial(&bob).await);
    let count = async |query: &str| found(&bob, query).await.len();
    assert_eq!(count("q=strasse").await, 2 * EACH);
    index_by_the_rule_of_before(&stack).await;
    flusher::begin_reindex(&stack.db)
        .await
        .expect("SQL answers");
    assert!(is_partial(&bob).await);
    assert_eq!(count("q=strasse").await, 2 * EACH, "walked through");
    // Nothing waits for it.
    ann.send(&chats[0], "neue Straße").await.expect(201);
    assert_eq!(count("q=strasse").await, 2 * EACH + 1);
    // As far as one chat of the two.
    let (first, second) = match chats[0] < chats[1] {
        true => (&chats[0], &chats[1]),
        false => (&chats[1], &chats[0]),
    };
    leave_reindex_at(&stack, first, i64::MAX).await;
    assert_eq!(
        count(&format!("q=strasse&chat_id={second}")).await / EACH,
        1
    );
    flusher::begin_reindex(&stack.db)
        .await
        .expect("SQL answers");
    let flusher = stack.start_flusher().await;
    let whole = async || !is_partial(&bob).await;
    eventually(Duration::from_secs(60), "the index is made anew", whole).await;
    assert_eq!(count("q=strasse").await, 2 * EACH + 1);
    assert_eq!(count("q=strase").await, 0);
    let id: sea_orm::prelude::Uuid = ann.id.parse().expect("an id");
    let row = entity::user::Entity::find_by_id(id).one(&stack.db).await;
    let row = row.expect("SQL answers").expect("she is there");
    assert_eq!(row.display_folded, "lukasz");
    let rows = entity::message::Entity::find().all(&stack.db).await;
    let rows = rows.expect("SQL answers");
    assert!(
        rows.iter().all(|row| row.terms.is_empty()),
        "no terms of before"
    );
    flusher.stop().await;
    api.stop().await;
}

on_both!(an_index_is_made_anew_from_the_place_where_it_was_left);
async fn an_index_is_made_anew_from_the_place_where_it_was_left(sql: Sql) {
    use entity::meta::{self, REINDEX};
    use sea_orm::EntityTrait;
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let group = ann.create_group("one", &["bob"]).await.expect(201)["id"].clone();
    let group = group.as_str().expect("an id").to_owned();
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(id(&ann.send(&group, "große Straße").await.expect(201)));
    }
    stack
        .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&group])
        .await;
    index_by_the_rule_of_before(&stack).await;
    flusher::begin_reindex(&stack.db)
        .await
        .expect("SQL answers");
    // Another flusher has come so far, and is gone.
    leave_reindex_at(&stack, &group, ids[5]).await;
    let flusher = stack.start_flusher().await;
    let whole = async || !is_partial(&bob).await;
    eventually(Duration::from_secs(60), "the index is made anew", whole).await;
    assert_eq!(
        found(&bob, "q=strasse").await.len(),
        4,
        "only what was left"
    );
    let fact = meta::Entity::find_by_id(REINDEX).one(&stack.db).await;
    assert_eq!(fact.expect("SQL answers"), None);
    flusher.stop().await;
    api.stop().await;
}

on_both!(what_was_changed_or_taken_back_is_found_as_it_is_now);
async fn what_was_changed_or_taken_back_is_found_as_it_is_now(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let group = ann.create_group("Friends", &["bob"]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = |id: i64, rest: &str| format!("/v1/chats/{group}/messages/{id}{rest}");
    let mut ids = Vec::new();
    for text in ["apple one", "apple two", "apple three", "apple four"] {
        ids.push(id(&ann.send(&group, text).await.expect(201)));
    }
    for at in 0..60 {
        // So that they are older than what stays hot.
        ann.send(&group, &at.to_string()).await.expect(201);
    }
    stack
        .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&group])
        .await;
    // Each of what SQL has as it was.
    ann.patch(&path(ids[0], ""), json!({ "body": "pear one" }))
        .await
        .expect(200);
    ann.delete(&path(ids[1], "?for=everyone")).await.expect(204);
    bob.delete(&path(ids[2], "?for=me")).await.expect(204);
    bob.put(&path(ids[3], "/reactions/👍"), Value::Null)
        .await
        .expect(204);
    for _ in 0..2 {
        assert_eq!(found(&ann, "q=apple").await, ["apple four", "apple three"]);
        assert_eq!(found(&bob, "q=apple").await, ["apple four"]);
        assert_eq!(found(&bob, "q=pear").await, ["pear one"]);
        let hit = &hits(&bob, "q=four").await[0];
        assert_eq!(
            (
                &hit["my_reactions"],
                &hit["message"]["reactions"][0]["count"]
            ),
            (&json!(["👍"]), &1.into())
        );
        stack
            .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&group])
            .await;
    }
    ann.patch(&path(ids[0], ""), json!({ "body": "apple again" }))
        .await
        .expect(200);
    assert_eq!(found(&bob, "q=apple").await, ["apple four", "apple again"]);
    ann.remove_member(&group, &bob.id).await.expect(204);
    assert_eq!(
        found(&bob, "q=apple").await,
        [""; 0],
        "who is no longer in finds nothing"
    );
    let flusher = stack.start_flusher().await;
    ann.delete(&format!("/v1/chats/{group}")).await.expect(204);
    assert_eq!(found(&ann, "q=apple").await, [""; 0]);
    stack.evicted(group.parse().expect("an id")).await;
    assert_eq!(found(&ann, "q=apple").await, [""; 0]);
    let left = async || {
        use sea_orm::{EntityTrait, PaginatorTrait};
        let left = entity::postings::Entity::find().count(&stack.db).await;
        left.expect("SQL answers") == 0
    };
    eventually(Duration::from_secs(60), "the index has nothing of it", left).await;
    flusher.stop().await;
    api.stop().await;
}

/// Returns a text of about a hundred characters with this word, and others that few have.
fn long_text(word: &str, at: usize) -> String {
    let others = (0..9).map(|other| format!("w{:x}", (at * 31 + other * 977) * 7919));
    format!("{word} {}", others.collect::<Vec<_>>().join(" "))
}

on_both!(a_common_word_in_long_chats_is_found_to_its_end_in_order);
async fn a_common_word_in_long_chats_is_found_to_its_end_in_order(sql: Sql) {
    use sea_orm::{EntityTrait, PaginatorTrait};
    const MESSAGES: usize = 420;
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let mut chats = Vec::new();
    for name in ["one", "two", "three"] {
        let group = ann.create_group(name, &["bob"]).await.expect(201)["id"].clone();
        chats.push(group.as_str().expect("an id").to_owned());
    }
    let mut texts = Vec::new();
    for at in 0..MESSAGES {
        // Two are written in turns, and one is of the middle only.
        let chat = match at {
            200..220 => 2,
            _ => at % 2,
        };
        let text = long_text("tide", at);
        ann.send(&chats[chat], &text).await.expect(201);
        texts.push(text);
        if at == MESSAGES / 2 {
            // One chat is saved with what it has, and the others later.
            stack
                .all_leave_and_return(&mut [("ann", &mut ann)], &[&chats[0]])
                .await;
        }
    }
    texts.reverse();
    let all = [&*chats[0], &chats[1], &chats[2]];
    for state in ["hot", "cold"] {
        for limit in [7, 50] {
            let found = pages(&bob, "q=tide", limit).await;
            assert_eq!(found, texts, "{state}, {limit} a page");
        }
        // The last word of the oldest: no other has it.
        let rare = texts[MESSAGES - 1].split(' ').next_back().expect("a word");
        assert_eq!(
            pages(&bob, &format!("q={rare}"), 50).await,
            texts[MESSAGES - 1..]
        );
        let both = format!("q=tide%20{rare}");
        assert_eq!(pages(&bob, &both, 50).await, texts[MESSAGES - 1..]);
        assert_eq!(
            pages(&bob, &format!("q=tide&from={}", bob.id), 50).await,
            [""; 0]
        );
        stack
            .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &all)
            .await;
    }
    let blocks = entity::postings::Entity::find().count(&stack.db).await;
    assert!(blocks.expect("SQL answers") > 5, "more than one of each");
    api.stop().await;
}

/// Returns the bodies of all hits, page by page.
async fn pages(who: &Client, query: &str, limit: usize) -> Vec<String> {
    let (mut all, mut place) = (Vec::new(), String::new());
    loop {
        let page = who
            .get(&format!("/v1/search?limit={limit}&{query}{place}"))
            .await
            .expect(200);
        let hits = page["items"].as_array().expect("items");
        assert!(hits.len() <= limit);
        let bodies = hits.iter().map(|hit| &hit["message"]["body"]);
        all.extend(bodies.map(|body| body.as_str().expect("a body").to_owned()));
        match page["next"].as_str() {
            Some(next) => place = format!("&cursor={next}"),
            None => return all,
        }
    }
}
on_both!(what_the_index_learns_of_late_is_found_in_its_place);
async fn what_the_index_learns_of_late_is_found_in_its_place(sql: Sql) {
    use sea_orm::{EntityTrait, PaginatorTrait};
    const MESSAGES: usize = 400;
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let group = ann.create_group("one", &["bob"]).await.expect(201)["id"].clone();
    let group = group.as_str().expect("an id").to_owned();
    let (mut texts, mut ids) = (Vec::new(), Vec::new());
    for at in 0..MESSAGES {
        texts.push(long_text("tide", at));
        ids.push(id(&ann.send(&group, &texts[at]).await.expect(201)));
    }
    texts.reverse();
    stack
        .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&group])
        .await;
    index_by_the_rule_of_before(&stack).await;
    // The later half first, and then all.
    for (from, expected) in [(MESSAGES / 2, MESSAGES / 2 - 1), (0, MESSAGES)] {
        flusher::begin_reindex(&stack.db)
            .await
            .expect("SQL answers");
        if from > 0 {
            leave_reindex_at(&stack, &group, ids[from]).await;
        }
        let flusher = stack.start_flusher().await;
        let whole = async || !is_partial(&bob).await;
        eventually(Duration::from_secs(60), "the index is made anew", whole).await;
        flusher.stop().await;
        assert_eq!(pages(&bob, "q=tide", 50).await, texts[..expected]);
    }
    let blocks = entity::postings::Entity::find().count(&stack.db).await;
    assert!(blocks.expect("SQL answers") > 2, "of several blocks");
    api.stop().await;
}

on_both!(a_search_without_chats_asks_sql_nothing);
async fn a_search_without_chats_asks_sql_nothing(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, eve) = (api.register("ann").await, api.register("eve").await);
    let group = ann.create_group("one", &[]).await.expect(201)["id"].clone();
    let group = group.as_str().expect("an id").to_owned();
    ann.send(&group, "tide").await.expect(201);
    assert_eq!(found(&eve, "q=tide").await, [""; 0]);
    let before = stack.statements.made();
    assert_eq!(found(&eve, "q=tide").await, [""; 0]);
    assert_eq!(stack.statements.made(), before);
    assert_eq!(found(&ann, "q=tide").await, ["tide"]);
    assert!(stack.statements.made() > before, "they are counted");
    api.stop().await;
}
