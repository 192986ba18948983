//! Search in a large chat: a rare word reads few of its blocks, and what changes in them is known.

use std::{ops::Range, time::Duration};

use e2e::{Api, Client, Sql, Stack, eventually, on_both};
use entity::{
    meta::{self, REINDEX, SPANS},
    postings, span, span_part,
};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, sea_query::Expr};
use serde_json::json;

const SOON: Duration = Duration::from_secs(60);
/// The messages of a large chat: most of them fill a block.
const MESSAGES: usize = 180;
/// The messages that are in one block.
const SHORT: Range<usize> = 20..24;

/// Returns a text that fills a block: it has the words `common`, `rareN` and twelve hundred that no
/// other text has; or those words alone.
fn text(at: usize) -> String {
    if SHORT.contains(&at) {
        return format!("common rare{at}");
    }
    let others = (0..1200).map(|other| format!("x{:x}", at * 1200 + other));
    let others = others.collect::<Vec<_>>().join(" ");
    format!("common rare{at} {others}")
}

/// A large chat that is saved and has spans.
struct Large {
    api: Api,
    ann: Client,
    chat: String,
    ids: Vec<i64>,
}

impl Large {
    async fn make(stack: &Stack) -> Self {
        let api = stack.start_api().await;
        let (ann, mut bob) = (api.register("ann").await, api.register("bob").await);
        let chat = ann.create_group("Port", &["bob"]).await.expect(201)["id"].clone();
        let chat = chat.as_str().expect("an id").to_owned();
        let mut ids = Vec::new();
        for at in 0..MESSAGES {
            let sent = ann.send(&chat, &text(at)).await.expect(201);
            ids.push(sent["id"].as_i64().expect("an id"));
        }
        let mut large = Self {
            api,
            ann,
            chat,
            ids,
        };
        large.leave(stack, &mut bob).await;
        make_spans(stack).await;
        large
    }

    async fn leave(&mut self, stack: &Stack, bob: &mut Client) {
        let mut people = [("ann", &mut self.ann), ("bob", bob)];
        stack.all_leave_and_return(&mut people, &[&self.chat]).await;
    }

    /// Saves what has changed.
    async fn save(&self, stack: &Stack) {
        let flusher = stack.start_flusher().await;
        stack.saved(self.chat.parse().expect("an id")).await;
        flusher.stop().await;
    }

    /// Returns the numbers of the messages that a query finds, oldest first.
    async fn found(&self, query: &str) -> Vec<usize> {
        let (mut all, mut place) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/search?limit=50&q={query}{place}");
            let page = self.ann.get(&path).await.expect(200);
            for hit in page["items"].as_array().expect("items") {
                let id = hit["message"]["id"].as_i64().expect("an id");
                all.push(self.ids.binary_search(&id).expect("one of the chat"));
            }
            match page["next"].as_str() {
                Some(next) => place = format!("&cursor={next}"),
                None => break,
            }
        }
        assert!(all.is_sorted_by(|one, other| one > other), "{all:?}");
        all.reverse();
        all
    }

    async fn edit(&self, at: usize, body: &str) {
        let path = format!("/v1/chats/{}/messages/{}", self.chat, self.ids[at]);
        let edited = self.ann.patch(&path, json!({ "body": body })).await;
        edited.expect(200);
    }

    /// Makes all blocks of spans unreadable but those of these messages.
    async fn leave_readable(&self, stack: &Stack, messages: &[usize]) {
        let blocks = blocks(stack).await;
        let end = spans(stack).await.last().expect("a span").end_id;
        let firsts: Vec<_> = blocks.iter().map(|block| block.first_id).collect();
        let of = |at: &usize| firsts.partition_point(|first| *first <= self.ids[*at]) - 1;
        let kept: Vec<_> = messages.iter().map(|at| firsts[of(at)]).collect();
        let made = postings::Entity::update_many()
            .col_expr(postings::Column::Block, Expr::value(vec![255_u8]))
            .filter(postings::Column::FirstId.lt(end))
            .filter(postings::Column::FirstId.is_not_in(kept))
            .exec(&stack.db)
            .await;
        made.expect("SQL answers");
    }
}

async fn blocks(stack: &Stack) -> Vec<postings::Model> {
    let blocks = postings::Entity::find().order_by_asc(postings::Column::FirstId);
    blocks.all(&stack.db).await.expect("SQL answers")
}

async fn spans(stack: &Stack) -> Vec<span::Model> {
    let spans = span::Entity::find().order_by_asc(span::Column::FirstId);
    spans.all(&stack.db).await.expect("SQL answers")
}

/// Has the flushers make the spans of what is there.
async fn make_spans(stack: &Stack) {
    let begun = flusher::begin_spans(&stack.db).await;
    begun.expect("SQL answers");
    let flusher = stack.start_flusher().await;
    eventually(SOON, "spans are made", async || {
        let fact = meta::Entity::find_by_id(SPANS).one(&stack.db).await;
        fact.expect("SQL answers").is_none()
    })
    .await;
    flusher.stop().await;
}

/// Checks that the spans of the only chat follow each other from 0 on, and that each has all terms
/// of its blocks and no other.
async fn check_spans(stack: &Stack) {
    let (blocks, spans) = (blocks(stack).await, spans(stack).await);
    let parts = span_part::Entity::find().order_by_asc(span_part::Column::Part);
    let parts = parts.all(&stack.db).await.expect("SQL answers");
    let mut end = 0;
    for row in &spans {
        assert_eq!(row.first_id, end, "no gap");
        end = row.end_id;
        let of_span = blocks
            .iter()
            .filter(|block| (row.first_id..end).contains(&block.first_id));
        let of_span: Vec<_> = of_span
            .map(|block| {
                let read = postings::from_row(block).expect("a block");
                assert!(read.is_sealed(), "a block knows that it is in a span");
                (model::Tick(block.first_id), read)
            })
            .collect();
        let (expected, expected_parts) = model::Span::of(&of_span);
        let span = span::from_row(row).expect("a span");
        assert_eq!(span.len(), expected.len());
        let is_its = |part: &&span_part::Model| part.first_id == row.first_id;
        let terms = |part: &span_part::Model| span_part::from_row(part, span.len());
        let terms = parts.iter().filter(is_its).flat_map(|part| {
            let terms = terms(part).expect("a part");
            terms.terms().collect::<Vec<_>>()
        });
        let expected = expected_parts.iter().flat_map(|part| part.terms());
        assert_eq!(terms.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
    let others = blocks.iter().filter(|block| block.first_id >= end);
    assert!(others.clone().count() >= 16, "the newest are in none");
    for block in others {
        assert!(!postings::from_row(block).expect("a block").is_sealed());
    }
}

on_both!(a_rare_word_of_a_large_chat_reads_only_the_blocks_that_have_it);
async fn a_rare_word_of_a_large_chat_reads_only_the_blocks_that_have_it(sql: Sql) {
    let stack = Stack::start(sql).await;
    let large = Large::make(&stack).await;
    check_spans(&stack).await;
    let all: Vec<_> = (0..MESSAGES).collect();
    for (query, expected) in [
        ("common", all.clone()),
        ("comm", all.clone()),
        ("rare", all),
        ("%22rare7%22", vec![7]),
        ("rare7", [vec![7], (70..80).collect()].concat()),
        ("rare7%20rare8", vec![]),
        ("%22common%20rare50%22", vec![50]),
    ] {
        assert_eq!(large.found(query).await, expected, "{query}");
    }
    // Whoever reads another block fails.
    large.leave_readable(&stack, &[0, 7, 60]).await;
    for (query, expected) in [
        ("%22rare7%22", vec![7]),
        ("x%20%22rare60%22", vec![60]),
        ("common%20%22rare0%22", vec![0]),
        ("x11940", vec![60]),
        ("nobodysword", vec![]),
        ("%22rare7%22%20%22rare60%22", vec![]),
    ] {
        assert_eq!(large.found(query).await, expected, "{query}");
    }
    large.api.stop().await;
}

on_both!(what_changes_in_a_span_is_found_as_it_is_now_and_leaves_no_trace);
async fn what_changes_in_a_span_is_found_as_it_is_now_and_leaves_no_trace(sql: Sql) {
    let stack = Stack::start(sql).await;
    let large = Large::make(&stack).await;
    large.edit(5, "zebra common").await;
    let (chat, message) = (&large.chat, large.ids[9]);
    let path = format!("/v1/chats/{chat}/messages/{message}?for=everyone");
    large.ann.delete(&path).await.expect(204);
    large.save(&stack).await;
    check_spans(&stack).await;
    assert_eq!(large.found("zebra").await, [5]);
    assert_eq!(large.found("%22rare5%22").await, [0; 0]);
    assert_eq!(large.found("%22rare9%22").await, [0; 0]);
    // Much more than a block has room for: it is cut, and its span made anew.
    let before = blocks(&stack).await.len();
    let long = |at: usize| (0..1600).map(move |other| format!("y{:x} ", at * 1600 + other));
    for at in SHORT.take(3) {
        large
            .edit(at, &format!("giraffe {}", long(at).collect::<String>()))
            .await;
    }
    large.save(&stack).await;
    check_spans(&stack).await;
    assert!(blocks(&stack).await.len() > before);
    assert_eq!(large.found("giraffe").await, [20, 21, 22]);
    assert_eq!(large.found(&format!("y{:x}", 21 * 1600 + 77)).await, [21]);
    assert_eq!(large.found("%22rare23%22").await, [23]);
    let common = large.found("common").await;
    assert_eq!(common.len(), MESSAGES - 4);

    // A chat that is deleted leaves nothing.
    let flusher = stack.start_flusher().await;
    let path = format!("/v1/chats/{chat}");
    large.ann.delete(&path).await.expect(204);
    eventually(SOON, "nothing is left", async || {
        let spans = span::Entity::find().count(&stack.db).await;
        let parts = span_part::Entity::find().count(&stack.db).await;
        let blocks = postings::Entity::find().count(&stack.db).await;
        [spans, parts, blocks]
            .into_iter()
            .all(|left| left.expect("SQL answers") == 0)
    })
    .await;
    flusher.stop().await;
    large.api.stop().await;
}

on_both!(a_large_chat_is_found_in_by_an_earlier_release_and_by_this_one_again);
async fn a_large_chat_is_found_in_by_an_earlier_release_and_by_this_one_again(sql: Sql) {
    let stack = Stack::start(sql).await;
    let large = Large::make(&stack).await;
    let since = |name: &str| {
        let all = Migrator::migrations();
        let at = all.iter().position(|migration| migration.name() == name);
        Some((all.len() - at.expect("it is there")) as u32)
    };
    // The blocks as they were before there were spans.
    Migrator::down(&stack.db, since("m20261128_000003_spans"))
        .await
        .expect("it is undone");
    for block in blocks(&stack).await {
        assert_eq!(block.block[0], 1, "of the format of then");
        assert!(!postings::from_row(&block).expect("a block").is_sealed());
    }
    Migrator::up(&stack.db, None)
        .await
        .expect("it is done again");
    assert_eq!(large.found("%22rare7%22").await, [7], "block by block");
    make_spans(&stack).await;
    check_spans(&stack).await;
    assert_eq!(large.found("%22rare7%22").await, [7]);
    // Before there were blocks.
    Migrator::down(&stack.db, since("m20261128_000001_postings"))
        .await
        .expect("it is undone");
    Migrator::up(&stack.db, None)
        .await
        .expect("it is done again");
    assert_eq!(blocks(&stack).await.len(), 0);
    assert_eq!(large.found("%22rare7%22").await, [7], "walked through");
    let flusher = stack.start_flusher().await;
    eventually(SOON, "the index is made anew", async || {
        let facts = meta::Entity::find()
            .filter(meta::Column::Name.is_in([REINDEX, SPANS]))
            .count(&stack.db)
            .await;
        facts.expect("SQL answers") == 0
    })
    .await;
    flusher.stop().await;
    check_spans(&stack).await;
    assert_eq!(spans(&stack).await.len(), 1);
    assert_eq!(large.found("%22rare7%22").await, [7]);
    large.api.stop().await;
}
