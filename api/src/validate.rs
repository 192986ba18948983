//! The rules of API.md for what people write, each told in a sentence.

use std::{str::FromStr, sync::LazyLock};

use chrono::{DateTime, Utc};
use model::{FieldError, MAX_BODY, MAX_SUBJECT, Tick};

use crate::problem::Problem;

/// Collects what is wrong, so that a form is told all at once.
#[derive(Default)]
pub(crate) struct Rules(Vec<FieldError>);

impl Rules {
    /// `Ok` when no rule was broken.
    pub(crate) fn done(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }

    fn broken(&mut self, field: &str, code: &str, detail: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), code: code.into(), detail: detail.into() });
    }

    pub(crate) fn require(&mut self, holds: bool, field: &str, code: &str, detail: &str) {
        if !holds {
            self.broken(field, code, detail);
        }
    }

    fn length(&mut self, field: &str, text: &str, least: usize, most: usize) {
        let length = text.chars().count();
        if !(least..=most).contains(&length) {
            self.broken(field, "length", format!("must have {least} to {most} characters, has {length}"));
        }
    }

    pub(crate) fn username(&mut self, text: &str) {
        self.length("username", text, 3, 32);
        let good = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        self.require(good, "username", "characters", "may have a-z A-Z 0-9 _ . and -");
        // It could never be named where an id may stand too.
        self.require(uuid::Uuid::from_str(text).is_err(), "username", "reserved", "must not be a UUID");
    }

    pub(crate) fn email(&mut self, text: &str) {
        let good = text.len() <= 254 && email_address::EmailAddress::is_valid(text) && !text.contains(char::is_whitespace);
        self.require(good, "email", "email", "must be an e-mail address, as in ann@example.org");
    }

    pub(crate) fn password(&mut self, field: &str, text: &str) {
        self.length(field, text, 8, 256);
        // Among the first ten thousand that anybody would guess. zxcvbn looks at no more than the first hundred characters.
        let common = text.chars().count() >= 8 && zxcvbn::zxcvbn(text, &[]).guesses() < 10_000;
        self.require(!common, field, "common", "is among the commonest passwords; take another");
    }

    pub(crate) fn display_name(&mut self, text: &str) {
        self.length("display_name", text.trim(), 1, 64);
    }

    pub(crate) fn bio(&mut self, text: &str) {
        self.length("bio", text, 0, 1000);
    }

    pub(crate) fn device(&mut self, text: &str) {
        self.length("device", text, 0, 100);
    }

    pub(crate) fn group_name(&mut self, text: &str) {
        self.length("name", text.trim(), 1, 128);
    }

    pub(crate) fn description(&mut self, text: &str) {
        self.length("description", text, 0, 1000);
    }

    pub(crate) fn file_name(&mut self, field: &str, text: &str) {
        self.length(field, text, 1, 255);
        self.require(!text.contains(char::is_control), field, "characters", "must not have control characters");
    }

    pub(crate) fn body(&mut self, text: &str) {
        self.length("body", text, 1, MAX_BODY);
    }

    pub(crate) fn subject(&mut self, text: &str) {
        self.length("subject", text, 1, MAX_SUBJECT);
    }

    /// The tick of a time; `NEVER` when it has none.
    pub(crate) fn time(&mut self, field: &str, time: DateTime<Utc>) -> Tick {
        let tick = Tick(time.timestamp_micros());
        let good = (1..1 << 53).contains(&tick.0);
        self.require(good, field, "range", "must be a time from 1970 to 2255");
        if good { tick } else { Tick::NEVER }
    }

    pub(crate) fn client_id(&mut self, text: &str) {
        self.length("client_id", text, 1, 64);
        let good = text.chars().all(|character| character.is_ascii_graphic());
        self.require(good, "client_id", "characters", "may have visible ASCII characters; a UUIDv7 is best");
    }
}

/// zxcvbn builds its dictionaries at the first use, which takes a while: at the start, not at somebody's sign-up.
pub(crate) static WARM: LazyLock<()> = LazyLock::new(|| {
    zxcvbn::zxcvbn("warm", &[]);
});

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(rule: impl Fn(&mut Rules)) -> Vec<String> {
        let mut rules = Rules::default();
        rule(&mut rules);
        rules.0.into_iter().map(|error| error.code).collect()
    }

    #[test]
    fn each_bound_holds_on_both_its_sides() {
        assert_eq!(broken(|rules| rules.username("abc")), [""; 0]);
        assert_eq!(broken(|rules| rules.username("ab")), ["length"]);
        assert_eq!(broken(|rules| rules.username(&"n".repeat(32))), [""; 0]);
        assert_eq!(broken(|rules| rules.username(&"n".repeat(33))), ["length"]);
        assert_eq!(broken(|rules| rules.username(&"a".repeat(32))), ["reserved"]);
        assert_eq!(broken(|rules| rules.username("a b")), ["characters"]);
        assert_eq!(broken(|rules| rules.email("ann@example.org")), [""; 0]);
        assert_eq!(broken(|rules| rules.email("ann")), ["email"]);
        assert_eq!(broken(|rules| rules.password("password", "password1")), ["common"]);
        assert_eq!(broken(|rules| rules.password("password", "tugboat-salad-7")), [""; 0]);
        assert_eq!(broken(|rules| rules.password("password", "x9$kQ2p")), ["length"]);
        assert_eq!(broken(|rules| rules.body(&"é".repeat(MAX_BODY))), [""; 0]);
        assert_eq!(broken(|rules| rules.body(&"é".repeat(MAX_BODY + 1))), ["length"]);
        assert_eq!(broken(|rules| rules.body("")), ["length"]);
        assert_eq!(broken(|rules| rules.password("password", &"Zq8~".repeat(64))), [""; 0]);
        assert_eq!(broken(|rules| rules.password("password", &format!("{}!", "Zq8~".repeat(64)))), ["length"]);
        assert_eq!(broken(|rules| rules.password("password", "x9$kQ2p!")), [""; 0]);
        assert_eq!(broken(|rules| rules.email(&format!("{}@{}.{}", "n".repeat(64), "d".repeat(63), "e".repeat(63)))), [""; 0]);
        assert_eq!(broken(|rules| rules.email(&format!("{}@example.org", "n".repeat(65)))), ["email"]);
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
                assert_eq!(broken(|rules| rule(rules, &"n".repeat(good))), [""; 0], "rule {at}, {good}");
            }
            assert_eq!(broken(|rules| rule(rules, &"n".repeat(most + 1))), ["length"], "rule {at}");
            if least > 0 {
                assert_eq!(broken(|rules| rule(rules, "")), ["length"], "rule {at}");
            }
        }
        assert_eq!(broken(|rules| rules.display_name("   ")), ["length"], "spaces are no name");
        assert_eq!(broken(|rules| rules.client_id("a b")), ["characters"]);
    }
}
