//! The rules for the texts that people write, each with its bound and a sentence for people.
//!
//! Lengths are counted in characters (Unicode scalar values) unless a constant says bytes.

use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr, sync::LazyLock};

use chrono::{DateTime, Utc};
use model::{
    FieldError, FieldErrorCode, MAX_BODY, MAX_SUBJECT, ObjectError, Tick, check_object,
    prepare_password,
};
use serde_json::Value;
use store::Store;

use crate::{
    request::{
        characters::{hides_something, shows_something},
        reserved::is_reserved,
    },
    response::problem::Problem,
};

/// Characters of a username.
pub(crate) const USERNAME: RangeInclusive<usize> = 3..=32;
/// Bytes of an e-mail address, at most (RFC 5321).
pub(crate) const MAX_EMAIL: usize = 254;
/// Characters of a password, in the form in which it is hashed.
pub(crate) const PASSWORD: RangeInclusive<usize> = 8..=256;
/// Characters of a display name.
pub(crate) const DISPLAY_NAME: RangeInclusive<usize> = 1..=64;
/// Characters of the text in which people describe themselves, at most.
pub(crate) const MAX_BIO: usize = 1000;
/// Characters of the name of a session's device, at most.
pub(crate) const MAX_DEVICE: usize = 100;
/// Characters of a group's name.
pub(crate) const GROUP_NAME: RangeInclusive<usize> = 1..=128;
/// Characters of a group's description, at most.
pub(crate) const MAX_DESCRIPTION: usize = 1000;
/// Characters of a file's name.
pub(crate) const FILE_NAME: RangeInclusive<usize> = 1..=255;
/// Characters of an id that a client gives to a message.
pub(crate) const CLIENT_ID: RangeInclusive<usize> = 1..=64;
/// Guesses that a password must withstand, as zxcvbn estimates them.
const GUESSES: u64 = 10_000;
/// Members that one message may mention.
pub(crate) const MAX_MENTIONS: usize = 50;
/// Receipts in one request.
pub(crate) const MAX_RECEIPTS: usize = 100;
/// Ids in one request for profiles or presence.
pub(crate) const MAX_IDS: usize = 100;
/// Characters of the words to search messages for.
pub(crate) const MAX_SEARCH: usize = 200;
/// Characters of the words to search people for.
pub(crate) const MAX_PEOPLE_SEARCH: usize = 64;
/// Characters of the type of an event, or of a message.
pub(crate) const EVENT_TYPE: RangeInclusive<usize> = 3..=64;
/// The first words of the types of our own events, now and to come: those of a product's own begin
/// with other words, so a client may look both up in one table.
const OUR_EVENTS: [&str; 14] = [
    "call", "carrier", "chat", "device", "hello", "me", "member", "message", "presence",
    "reaction", "receipt", "session", "typing", "user",
];
/// People whose presence one connection watches.
pub(crate) const MAX_WATCHED: usize = 100;

/// The rules that are broken so far: a form shows all of them at once.
#[derive(Default)]
pub(crate) struct Rules(Vec<FieldError>);

impl Rules {
    /// Ends the checks.
    ///
    /// # Errors
    /// 422 with all broken rules, unless there is none.
    pub(crate) fn done(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.0))
        }
    }

    /// Adds a broken rule.
    fn broken(&mut self, field: &str, code: FieldErrorCode, detail: impl Into<String>) {
        self.0.push(FieldError {
            field: field.into(),
            code,
            detail: detail.into(),
        });
    }

    /// Requires that a rule holds.
    pub(crate) fn require(&mut self, holds: bool, field: &str, code: FieldErrorCode, detail: &str) {
        if !holds {
            self.broken(field, code, detail);
        }
    }

    /// Requires a number of characters.
    fn length(&mut self, field: &str, text: &str, bounds: RangeInclusive<usize>) {
        let length = text.chars().count();
        if !bounds.contains(&length) {
            let (least, most) = bounds.into_inner();
            self.broken(
                field,
                FieldErrorCode::Length,
                format!("must have {least} to {most} characters, has {length}"),
            );
        }
    }

    /// Requires a username: ASCII letters, digits, `_`, `.` and `-`, and no UUID.
    pub(crate) fn username(&mut self, text: &str) {
        self.length("username", text, USERNAME);
        let good = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        self.require(
            good,
            "username",
            FieldErrorCode::Characters,
            "may have only a-z A-Z 0-9 _ . and -",
        );
        // Where a username may stand an id may stand too, so a UUID would never be read as a name.
        self.require(
            uuid::Uuid::from_str(text).is_err(),
            "username",
            FieldErrorCode::Reserved,
            "must not be a UUID",
        );
        self.require(
            !is_reserved(text),
            "username",
            FieldErrorCode::Reserved,
            "must not look like that of the people who run this server",
        );
    }

    /// Requires an e-mail address without spaces.
    pub(crate) fn email(&mut self, text: &str) {
        let good = text.len() <= MAX_EMAIL
            && email_address::EmailAddress::is_valid(text)
            && !text.contains(char::is_whitespace);
        self.require(
            good,
            "email",
            FieldErrorCode::Email,
            "must be an e-mail address, as in ann@example.org",
        );
    }

    /// Requires a new password that is long enough and, by [`is_common`], not easy to guess.
    pub(crate) fn password(&mut self, field: &str, text: &str, is_common: bool) {
        match prepare_password(text) {
            Some(prepared) => self.length(field, &prepared, PASSWORD),
            None if text.is_empty() => self.length(field, text, PASSWORD),
            None => self.broken(
                field,
                FieldErrorCode::Characters,
                "must not have control characters or line breaks",
            ),
        }
        self.require(
            !is_common,
            field,
            FieldErrorCode::Common,
            "is one of the most common passwords; choose another one",
        );
    }

    /// Requires a name, in the form that [`crate::request::characters::tidy_name`] returns, that
    /// shows something, and has no character that is not seen.
    fn name(&mut self, field: &str, text: &str, bounds: RangeInclusive<usize>) {
        self.length(field, text, bounds);
        if hides_something(text) {
            let detail = "must not have control characters, or others that are not seen";
            self.broken(field, FieldErrorCode::Characters, detail);
        } else {
            self.shown(field, text);
        }
    }

    /// Requires a display name.
    pub(crate) fn display_name(&mut self, text: &str) {
        self.name("display_name", text, DISPLAY_NAME);
    }

    /// Requires a short enough text about a user.
    pub(crate) fn bio(&mut self, text: &str) {
        self.length("bio", text, 0..=MAX_BIO);
    }

    /// Requires the name of a device; it may be empty.
    pub(crate) fn device(&mut self, text: &str) {
        self.name("device", text, 0..=MAX_DEVICE);
    }

    /// Requires the name of a group.
    pub(crate) fn group_name(&mut self, text: &str) {
        self.name("name", text, GROUP_NAME);
    }

    /// Requires a short enough description of a group.
    pub(crate) fn description(&mut self, text: &str) {
        self.length("description", text, 0..=MAX_DESCRIPTION);
    }

    /// Requires the name of a file, and of no folder.
    pub(crate) fn file_name(&mut self, field: &str, text: &str) {
        self.name(field, text, FILE_NAME);
        let detail = "must not be the name of a folder";
        let is_folder = [".", ".."].contains(&text);
        self.require(!is_folder, field, FieldErrorCode::Characters, detail);
    }

    /// Requires the body of a message, which shows something.
    pub(crate) fn body(&mut self, text: &str) {
        self.length("body", text, 1..=MAX_BODY);
        self.shown("body", text);
    }

    /// Requires a short enough body of a message that has attachments to show.
    pub(crate) fn body_beside_attachments(&mut self, text: &str) {
        self.length("body", text, 0..=MAX_BODY);
    }

    /// Requires the subject of a message, which shows something.
    pub(crate) fn subject(&mut self, text: &str) {
        self.length("subject", text, 1..=MAX_SUBJECT);
        self.shown("subject", text);
    }

    /// Requires the type of an event or of a message: words with dots between them, and none of
    /// ours.
    pub(crate) fn custom_type(&mut self, text: &str) {
        self.length("type", text, EVENT_TYPE);
        let is_word = |word: &str| {
            let is_good = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
            };
            word.bytes().all(is_good) && word.starts_with(|first: char| first.is_ascii_lowercase())
        };
        let (prefix, rest) = text.split_once('.').unwrap_or((text, ""));
        let good = is_word(prefix) && rest.split('.').all(is_word);
        let detail = "must be words of a-z 0-9 _ and -, each begun by a letter, with dots between \
                      them, as in myapp.cursor";
        self.require(good, "type", FieldErrorCode::Characters, detail);
        let detail = format!("must not begin with {prefix:?}, as types of the server may");
        let is_ours = OUR_EVENTS.contains(&prefix);
        self.require(!is_ours, "type", FieldErrorCode::Reserved, &detail);
    }

    /// Requires the data of an event: few bytes, and not deep.
    pub(crate) fn event_data(&mut self, data: &BTreeMap<String, Value>) {
        if let Err(error) = check_object(data) {
            let code = match error {
                ObjectError::TooLarge(_) => FieldErrorCode::Length,
                ObjectError::TooDeep => FieldErrorCode::Range,
            };
            self.broken("data", code, error.to_string());
        }
    }

    fn shown(&mut self, field: &str, text: &str) {
        let detail = "must have something to see: letters, digits, signs or emoji";
        self.require(
            text.is_empty() || shows_something(text),
            field,
            FieldErrorCode::Characters,
            detail,
        );
    }

    /// Requires that a password which is checked, not set, is no longer than any that can be set.
    pub(crate) fn current_password(&mut self, field: &str, text: &str) {
        let most = *PASSWORD.end();
        let detail = format!("must have at most {most} characters");
        // One that was set before passwords had a form is checked as it is typed.
        let prepared = prepare_password(text).unwrap_or_else(|| text.to_owned());
        self.require(
            prepared.chars().count() <= most,
            field,
            FieldErrorCode::Length,
            &detail,
        );
    }

    /// Returns the tick of a time, or `NEVER` when it is out of range. Ticks stay below 2^53, up
    /// to where a number in JavaScript is exact.
    pub(crate) fn time(&mut self, field: &str, time: DateTime<Utc>) -> Tick {
        let tick = Tick(time.timestamp_micros());
        let good = (1..1 << 53).contains(&tick.0);
        self.require(
            good,
            field,
            FieldErrorCode::Range,
            "must be a time from 1970 to 2255",
        );
        if good { tick } else { Tick::NEVER }
    }

    /// Requires an id that a client chose: visible ASCII characters.
    pub(crate) fn client_id(&mut self, text: &str) {
        self.length("client_id", text, CLIENT_ID);
        let good = text.chars().all(|character| character.is_ascii_graphic());
        self.require(
            good,
            "client_id",
            FieldErrorCode::Characters,
            "may have only visible ASCII characters; a UUIDv7 is best",
        );
    }
}

/// Returns true for a password that is easy to guess, which takes long to compute: it is done when
/// it is the turn of `who`.
///
/// # Errors
/// 503 when too much is to be computed.
pub(crate) async fn is_common(store: &Store, who: &str, password: &str) -> Result<bool, Problem> {
    let prepared = prepare_password(password);
    let Some(password) = prepared.filter(|text| PASSWORD.contains(&text.chars().count())) else {
        return Ok(false); // another rule is broken
    };
    Ok(store.compute(who, move || is_common_now(&password)).await?)
}

/// zxcvbn looks at no more than the first hundred characters.
fn is_common_now(password: &str) -> bool {
    zxcvbn::zxcvbn(password, &[]).guesses() < GUESSES
}

/// Builds the dictionaries of zxcvbn, which takes a while: forced at the start of the server, not
/// at the first sign-up.
pub(crate) static WARM: LazyLock<()> = LazyLock::new(|| {
    zxcvbn::zxcvbn("warm", &[]);
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds a broken rule.
    fn broken(rule: impl Fn(&mut Rules)) -> Vec<&'static str> {
        let mut rules = Rules::default();
        rule(&mut rules);
        rules
            .0
            .into_iter()
            .map(|error| error.code.as_str())
            .collect()
    }

    #[test]
    fn each_bound_holds_on_both_its_sides() {
        assert_eq!(broken(|rules| rules.username("abc")), [""; 0]);
        assert_eq!(broken(|rules| rules.username("ab")), ["length"]);
        assert_eq!(broken(|rules| rules.username(&"n".repeat(32))), [""; 0]);
        assert_eq!(broken(|rules| rules.username(&"n".repeat(33))), ["length"]);
        assert_eq!(
            broken(|rules| rules.username(&"a".repeat(32))),
            ["reserved"]
        );
        assert_eq!(broken(|rules| rules.username("a b")), ["characters"]);
        assert_eq!(broken(|rules| rules.email("ann@example.org")), [""; 0]);
        assert_eq!(broken(|rules| rules.email("ann")), ["email"]);
        assert_eq!(
            broken(|rules| rules.password("password", "password1", true)),
            ["common"]
        );
        assert_eq!(
            broken(|rules| rules.password("password", "tugboat-salad-7", false)),
            [""; 0]
        );
        assert_eq!(
            broken(|rules| rules.password("password", "x9$kQ2p", false)),
            ["length"]
        );
        assert_eq!(broken(|rules| rules.body(&"é".repeat(MAX_BODY))), [""; 0]);
        assert_eq!(
            broken(|rules| rules.body(&"é".repeat(MAX_BODY + 1))),
            ["length"]
        );
        assert_eq!(broken(|rules| rules.body("")), ["length"]);
        assert_eq!(
            broken(|rules| rules.password("password", &"Zq8~".repeat(64), false)),
            [""; 0]
        );
        assert_eq!(
            broken(|rules| {
                rules.password("password", &format!("{}!", "Zq8~".repeat(64)), false)
            }),
            ["length"]
        );
        assert_eq!(
            broken(|rules| rules.password("password", "x9$kQ2p!", false)),
            [""; 0]
        );
        let password = |text: &str| broken(|rules| rules.password("password", text, false));
        assert_eq!(password("tab\tand more"), ["characters"]);
        assert_eq!(
            password("e\u{301}e\u{301}e\u{301}e\u{301}"),
            ["length"],
            "é is one"
        );
        assert_eq!(password(&"e\u{301}".repeat(256)), [""; 0]);
        assert_eq!(password(""), ["length"]);
        let current = |text: &str| broken(|rules| rules.current_password("password", text));
        assert_eq!(current(&"e\u{301}".repeat(256)), [""; 0]);
        assert_eq!(current(&"e\u{301}".repeat(257)), ["length"]);
        for (password, common) in [
            ("password1", true),
            ("tugboat-salad-7", false),
            ("x9$kQ2p!", false),
            (&"Zq8~".repeat(64), false),
        ] {
            assert_eq!(is_common_now(password), common, "{password}");
        }
        assert_eq!(
            broken(|rules| rules.email(&format!(
                "{}@{}.{}",
                "n".repeat(64),
                "d".repeat(63),
                "e".repeat(63)
            ))),
            [""; 0]
        );
        assert_eq!(
            broken(|rules| rules.email(&format!("{}@example.org", "n".repeat(65)))),
            ["email"]
        );
        type Rule = fn(&mut Rules, &str);
        let bounded: [(Rule, usize, usize); 8] = [
            (|rules, text| rules.display_name(text), 1, 64),
            (|rules, text| rules.bio(text), 0, 1000),
            (|rules, text| rules.device(text), 0, 100),
            (|rules, text| rules.group_name(text), 1, 128),
            (|rules, text| rules.description(text), 0, 1000),
            (|rules, text| rules.subject(text), 1, MAX_SUBJECT),
            (|rules, text| rules.client_id(text), 1, 64),
            (|rules, text| rules.file_name("name", text), 1, 255),
        ];
        for (at, (rule, least, most)) in bounded.into_iter().enumerate() {
            for good in [least, most] {
                assert_eq!(
                    broken(|rules| rule(rules, &"n".repeat(good))),
                    [""; 0],
                    "rule {at}, {good}"
                );
            }
            assert_eq!(
                broken(|rules| rule(rules, &"n".repeat(most + 1))),
                ["length"],
                "rule {at}"
            );
            if least > 0 {
                assert_eq!(broken(|rules| rule(rules, "")), ["length"], "rule {at}");
            }
        }
        assert_eq!(
            broken(|rules| rules.display_name("")),
            ["length"],
            "spaces are no name"
        );
        assert_eq!(broken(|rules| rules.client_id("a b")), ["characters"]);
    }

    #[test]
    fn names_and_messages_show_something() {
        type Rule = fn(&mut Rules, &str);
        let names: [Rule; 4] = [
            |rules, text| rules.display_name(text),
            |rules, text| rules.device(text),
            |rules, text| rules.group_name(text),
            |rules, text| rules.file_name("name", text),
        ];
        for rule in names {
            for bad in ["A\u{202e}nn", "An\u{200b}n", "A\nnn"] {
                assert_eq!(broken(|rules| rule(rules, bad)), ["characters"], "{bad:?}");
            }
            assert_eq!(broken(|rules| rule(rules, "\u{2800}")), ["characters"]);
        }
        let texts: [Rule; 2] = [
            |rules, text| rules.body(text),
            |rules, text| rules.subject(text),
        ];
        for rule in texts {
            assert_eq!(broken(|rules| rule(rules, " \u{200b}\n")), ["characters"]);
            assert_eq!(broken(|rules| rule(rules, "a\nb\u{200b}")), [""; 0]);
        }
        let beside = |text: &str| broken(|rules| rules.body_beside_attachments(text));
        assert_eq!((beside(""), beside(" ")), (vec![], vec![]));
        assert_eq!(beside(&"x".repeat(MAX_BODY + 1)), ["length"]);
        assert_eq!(broken(|rules| rules.username("Adm1n")), ["reserved"]);
    }

    #[test]
    fn a_time_has_a_tick_if_javascript_can_count_it() {
        let time = |micros| DateTime::from_timestamp_micros(micros).expect("a time");
        for good in [1, (1 << 53) - 1] {
            let mut rules = Rules::default();
            assert_eq!(rules.time("until", time(good)), Tick(good));
            rules.done().expect("in range");
        }
        for bad in [-1, 0, 1 << 53] {
            let mut rules = Rules::default();
            assert_eq!(rules.time("until", time(bad)), Tick::NEVER);
            rules.done().expect_err("out of range");
        }
    }
}
