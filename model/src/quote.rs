//! The previews of messages that others answer: made by each read, and never stored.

use std::{ops::Range, sync::LazyLock};

use memchr::memmem::Finder;

use crate::{
    Message, Reply, Tick,
    message::{BEFORE_METADATA, first_of},
    split_record,
};

/// The name of a reply in the JSON of a message; a text cannot contain it, since JSON escapes the
/// quotes of a text.
const REPLY_TO: &str = r#","reply_to":"#;

/// A search for it. Pages of messages are searched that have none.
static FINDER: LazyLock<Finder> = LazyLock::new(|| Finder::new(REPLY_TO));
/// The most bytes of JSON that one character takes: a pair of escaped surrogates.
const CHARACTER: usize = 12;

/// Returns the id of the message that a message's JSON answers.
pub fn answered(json: &str) -> Option<Tick> {
    reply_in(json).map(|(_, reply)| reply.id)
}

/// Writes the preview of the message that a message's JSON answers, in the place of any that it
/// has.
pub fn quote(json: &mut String, preview: impl FnOnce(Tick) -> String) {
    if let Some((place, mut reply)) = reply_in(json) {
        reply.preview = preview(reply.id);
        let reply = serde_json::to_string(&reply).expect("words and ids");
        json.replace_range(place, &reply);
    }
}

fn reply_in(json: &str) -> Option<(Range<usize>, Reply)> {
    let start = FINDER.find(json.as_bytes())? + REPLY_TO.len();
    let mut rest = serde_json::Deserializer::from_str(&json[start..]).into_iter();
    let reply = rest.next()?.ok()?;
    Some((start..start + rest.byte_offset(), reply))
}

/// Returns the preview of a message, given its record or as much of a long one as Redis returns.
pub fn preview_of(record: &str) -> String {
    let json = split_record(record).0;
    let message = serde_json::from_str::<Message>(json).or_else(|error| {
        // One that was cut in its metadata, or behind it, has all that is shown of it before.
        let (shown, _) = json.split_once(BEFORE_METADATA).ok_or(error)?;
        serde_json::from_str(&format!("{shown}}}"))
    });
    match message {
        Ok(message) => message.preview(),
        Err(_) => first_of(&cut_body(record).unwrap_or_default()).to_owned(),
    }
}

/// Returns the body of a record that was cut in it. The cut may lie inside of a character.
fn cut_body(record: &str) -> Option<String> {
    let (_, body) = record.split_once(r#","body":""#)?;
    let cuts = body.char_indices().rev().take(CHARACTER);
    let mut whole = cuts.map(|(end, _)| format!("\"{}\"", &body[..end]));
    whole.find_map(|json| serde_json::from_str(&json).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;

    #[test]
    fn a_quote_is_written_over_what_an_older_record_kept() {
        let user = UserId::new();
        let begin =
            format!(r#"{{"body":",\"reply_to\":{{","reply_to":{{"id":7,"sender_id":"{user}""#);
        let end = r#","mentions":[]}"#;
        for stored in ["", r#","seq":3"#, r#","preview":"a \"secret\"}""#] {
            let mut json = format!("{begin}{stored}}}{end}");
            assert_eq!(answered(&json), Some(Tick(7)), "{stored}");
            quote(&mut json, |id| format!("\"{id}\""));
            assert_eq!(json, format!(r#"{begin},"preview":"\"7\""}}{end}"#));
        }
        let mut plain = r#"{"body":",\"reply_to\":{\"id\":7"}"#.to_owned();
        assert_eq!(answered(&plain), None);
        quote(&mut plain, |_| panic!("nothing is answered"));
    }

    #[test]
    fn a_long_record_has_its_preview_wherever_it_is_cut() {
        let user = UserId::new();
        let body = "é\u{1F600}\\n\\\"\\u0001\\ud83d\\ude00".repeat(40);
        let begin = format!(
            r#"{{"id":1,"seq":1,"rev":1,"created_at":"","chat_id":"{user}","sender_id":"{user}","#
        );
        let record = format!(r#"{begin}"kind":"text","subject":"x","body":"{body}"}}"#);
        let expected: String = "é\u{1F600}\n\"\u{1}\u{1F600}"
            .chars()
            .cycle()
            .take(100)
            .collect();
        assert_eq!(preview_of(&record), expected);
        let from = record.len() - 200;
        for cut in (from..record.len()).filter(|cut| record.is_char_boundary(*cut)) {
            assert_eq!(preview_of(&record[..cut]), expected, "{cut}");
        }
        assert_eq!(preview_of(""), "");
        let files = r#""attachments":[{"hash":"","name":"a.png","size":1,"content_type":""}]"#;
        let cut = format!(r#"{begin}"kind":"text","body":"",{files},"metadata":{{"a":"xxx"#);
        assert_eq!(preview_of(&cut), "a.png", "cut in its metadata");
    }
}
