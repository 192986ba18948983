//! The ordinary people: pairs who write to each other, read, list their chats and look up what they
//! missed, at the pace of somebody who is in a hurry. Each holds an event stream, which is opened
//! anew and resumed now and then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{interval, sleep, timeout_at},
};

use super::{
    super::system::System,
    caller::{Caller, text},
    processes::{PARTS, columns, names_of_parts, part_of},
};

/// The time between two requests of a person.
const PAUSE: Duration = Duration::from_millis(100);
/// The time for which an event stream is held, before another one goes on where it ended.
const STREAM: Duration = Duration::from_secs(20);
/// The longest time for which an event may be on its way when people have stopped writing.
const LATE: Duration = Duration::from_secs(10);
/// The turns of requests between two looks at all that has changed.
const SYNC_EVERY: usize = 10;
/// What stands in the text of a person, before the number that it has in the [`Mail`].
const GREETING: &str = "How are you today? #";

/// The ordinary people.
pub(super) struct Crowd {
    people: Vec<(Caller, String)>,
}

/// How long people waited.
pub(super) struct Lives {
    /// For the answers to their requests.
    pub(super) requests: Waits,
    /// For what others wrote, from the moment at which it was sent.
    pub(super) events: Waits,
    began: Instant,
    time: Duration,
}

impl Crowd {
    /// Registers `count` people, and opens a direct chat for each two of them.
    pub(super) async fn gather(system: &System, count: usize) -> Result<Self> {
        ensure!(count > 1, "it takes two people to write to each other");
        let mut callers: Vec<Caller> = Vec::new();
        for at in 0..count {
            let caller = Caller::anonymous(system, 10_000 + at)?;
            callers.push(caller.register(&format!("citizen{at}")).await?);
        }
        let mut people = Vec::new();
        for (at, caller) in callers.iter().enumerate() {
            let other = &callers[at.checked_sub(1).unwrap_or(1)];
            let body = json!({ "kind": "direct", "members": [other.id] });
            let (status, chat) = caller.ask(Method::POST, "/chats", Some(body)).await?;
            ensure!(
                status.is_success(),
                "a chat is answered with {status}: {chat}"
            );
            people.push((caller.clone(), text(&chat["id"])));
        }
        Ok(Self { people })
    }

    /// Lets the people live for some time, and calls `tick` each second; returns how long they
    /// waited.
    pub(super) async fn live_for(&self, time: Duration, tick: impl Fn()) -> Result<Lives> {
        let (mail, mut lives, mut streams) =
            (Arc::<Mail>::default(), JoinSet::new(), JoinSet::new());
        let people = self.people.iter().map(|(caller, chat)| Person {
            caller: caller.clone(),
            chat: chat.clone(),
            mail: Arc::clone(&mail),
            cursor: Arc::default(),
        });
        let people: Vec<_> = people.collect();
        for person in &people {
            streams.spawn(person.clone().listen());
        }
        let ready = Instant::now() + LATE;
        while !people.iter().all(Person::is_listening) && Instant::now() < ready {
            sleep(PAUSE).await;
        }
        let began = Instant::now();
        let until = began + time;
        for person in people {
            lives.spawn(async move { person.live_until(until).await });
        }
        let mut seconds = interval(Duration::from_secs(1));
        while Instant::now() < until {
            seconds.tick().await;
            tick();
        }
        let mut requests = Waits::default();
        while let Some(life) = lives.join_next().await {
            requests.add(life?);
        }
        let end = Instant::now() + LATE;
        while mail.is_under_way() && Instant::now() < end {
            sleep(PAUSE).await;
        }
        streams.shutdown().await;
        let mut events = mail.close();
        requests.waits.sort_unstable();
        events.waits.sort_unstable();
        Ok(Lives {
            requests,
            events,
            began,
            time,
        })
    }
}

/// The texts that are under way from one person to another.
#[derive(Default)]
struct Mail(Mutex<Texts>);

#[derive(Default)]
struct Texts {
    last: u64,
    /// When each was sent, and by whom.
    under_way: HashMap<u64, (Instant, String)>,
    waits: Waits,
}

impl Mail {
    fn texts(&self) -> MutexGuard<'_, Texts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a text is sent now, and returns its number.
    fn send(&self, sender: &str) -> u64 {
        let mut texts = self.texts();
        texts.last += 1;
        let number = texts.last;
        let sent = (Instant::now(), sender.to_owned());
        texts.under_way.insert(number, sent);
        number
    }

    /// Notes that a text was refused.
    fn take_back(&self, number: u64) {
        self.texts().under_way.remove(&number);
    }

    /// Notes which texts of others have come to `reader`. A stream that is resumed has some again.
    fn receive(&self, reader: &str, event: &str) {
        for number in numbers_in(event) {
            let mut texts = self.texts();
            let sent = texts.under_way.get(&number);
            if let Some((sent, _)) = sent.filter(|(_, sender)| sender != reader) {
                let time = sent.elapsed();
                texts.under_way.remove(&number);
                texts.waits.note(time);
            }
        }
    }

    fn fail(&self, why: String) {
        self.texts().waits.fail(why);
    }

    fn is_under_way(&self) -> bool {
        !self.texts().under_way.is_empty()
    }

    /// Returns how long the texts were under way; those that have not come have failed.
    fn close(&self) -> Waits {
        let texts = std::mem::take(&mut *self.texts());
        let mut waits = texts.waits;
        for number in texts.under_way.into_keys() {
            waits.fail(format!("text {number} came to nobody"));
        }
        waits
    }
}

/// Returns the numbers of the texts in an event.
fn numbers_in(event: &str) -> impl Iterator<Item = u64> {
    event.split(GREETING).skip(1).filter_map(|rest| {
        let end = rest.find(|one: char| !one.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    })
}

/// One of the people, at work.
#[derive(Clone)]
struct Person {
    caller: Caller,
    /// The chat that they write to.
    chat: String,
    mail: Arc<Mail>,
    /// The newest cursor of the event stream.
    cursor: Arc<Mutex<Option<String>>>,
}

impl Person {
    fn cursor(&self) -> Option<String> {
        let cursor = self.cursor.lock();
        cursor.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_listening(&self) -> bool {
        self.cursor().is_some()
    }

    /// Reads events without end, each stream from where the one before ended.
    async fn listen(self) {
        loop {
            if let Err(error) = self.listen_once().await {
                self.mail.fail(format!("GET /events: {error}"));
                sleep(PAUSE).await;
            }
        }
    }

    /// Reads one event stream for some time, or until the server ends it.
    async fn listen_once(&self) -> Result<()> {
        let since = self.cursor().map(|cursor| format!("?since={cursor}"));
        let path = format!("/events{}", since.unwrap_or_default());
        let request = self.caller.request(Method::GET, &path);
        let until = tokio::time::Instant::now() + STREAM;
        let mut stream = request.timeout(STREAM + LATE).send().await?;
        let status = stream.status();
        ensure!(status.is_success(), "the server answers {status}");
        let mut unread = Vec::new();
        while let Ok(chunk) = timeout_at(until, stream.chunk()).await {
            let Some(chunk) = chunk? else {
                break;
            };
            unread.extend_from_slice(&chunk);
            let lines = unread.iter().rposition(|byte| *byte == b'\n');
            let lines: Vec<u8> = unread.drain(..lines.map_or(0, |at| at + 1)).collect();
            for line in String::from_utf8_lossy(&lines).lines() {
                self.take(line);
            }
        }
        Ok(())
    }

    /// Takes a line of the event stream.
    fn take(&self, line: &str) {
        if let Some(cursor) = line.strip_prefix("id: ") {
            let mut newest = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
            *newest = Some(cursor.to_owned());
        } else if let Some(event) = line.strip_prefix("data: ") {
            self.mail.receive(&self.caller.id, event);
        }
    }

    /// Sends, reads and lists in turn, and now and then asks for all that has changed.
    async fn live_until(&self, until: Instant) -> Waits {
        let messages = format!("/chats/{}/messages", self.chat);
        let mut waits = Waits::default();
        for turn in 1.. {
            for path in [messages.as_str(), "/chats?limit=20", "/users/me"] {
                if path == messages {
                    self.write(&messages, &mut waits).await;
                    sleep(PAUSE).await;
                }
                self.look_at(path, &mut waits).await;
                sleep(PAUSE).await;
            }
            if let (0, Some(cursor)) = (turn % SYNC_EVERY, self.cursor()) {
                let path = format!("/sync?since={cursor}");
                self.look_at(&path, &mut waits).await;
            }
            if Instant::now() >= until {
                break;
            }
        }
        waits
    }

    async fn look_at(&self, path: &str, waits: &mut Waits) {
        let began = Instant::now();
        let answer = self.caller.ask(Method::GET, path, None).await;
        waits.take(began.elapsed(), &Method::GET, path, answer);
    }

    async fn write(&self, path: &str, waits: &mut Waits) {
        let number = self.mail.send(&self.caller.id);
        let body = json!({ "body": format!("{GREETING}{number}") });
        let began = Instant::now();
        let answer = self.caller.ask(Method::POST, path, Some(body)).await;
        if !matches!(&answer, Ok((status, _)) if status.is_success()) {
            self.mail.take_back(number);
        }
        waits.take(began.elapsed(), &Method::POST, path, answer);
    }
}

/// The times that people waited.
#[derive(Default)]
pub(super) struct Waits {
    /// Microseconds of each wait, and when it ended.
    waits: Vec<(u32, Instant)>,
    /// What failed, in words; the first few.
    failures: Vec<String>,
    failed: usize,
}

impl Waits {
    fn note(&mut self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.waits.push((micros, Instant::now()));
    }

    fn fail(&mut self, why: String) {
        self.failed += 1;
        if self.failures.len() < 3 {
            self.failures.push(why);
        }
    }

    fn take(
        &mut self,
        time: Duration,
        method: &Method,
        path: &str,
        answer: Result<(StatusCode, Value)>,
    ) {
        self.note(time);
        match answer {
            Ok((status, _)) if status.is_success() => {}
            Ok((status, body)) => self.fail(format!("{method} {path}: {status} {body}")),
            Err(error) => self.fail(format!("{method} {path}: {error}")),
        }
    }

    fn add(&mut self, other: Self) {
        self.waits.extend(other.waits);
        self.failures.extend(other.failures);
        self.failed += other.failed;
    }

    /// Returns the time that this part of the waits does not exceed.
    fn quantile(&self, part: f64) -> Duration {
        let micros: Vec<u32> = self.waits.iter().map(|(micros, _)| *micros).collect();
        quantile(&micros, part)
    }

    /// Returns the time that 99 of 100 waits do not exceed.
    pub(super) fn p99(&self) -> Duration {
        self.quantile(0.99)
    }

    /// Returns the same of each part of the time.
    fn p99_of_parts(&self, began: Instant, time: Duration) -> [Duration; PARTS] {
        let mut parts: [Vec<u32>; PARTS] = Default::default();
        for (micros, ended) in &self.waits {
            parts[part_of(ended.saturating_duration_since(began), time)].push(*micros);
        }
        parts.map(|waits| quantile(&waits, 0.99))
    }

    /// Returns the number of requests that were refused or had no answer, or of texts that came to
    /// nobody.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// Prints the head of the lines of the report.
    pub(super) fn print_head() {
        say!(
            "\n{:20} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "people",
            "times",
            "p50",
            "p99",
            "max",
            "failed"
        );
    }

    /// Prints a line of the report.
    pub(super) fn print(&self, name: &str) {
        let millis = |part| self.quantile(part).as_secs_f64() * 1000.0;
        say!(
            "{name:20} {:>8} {:>5.1} ms {:>5.1} ms {:>5.0} ms {:>8}",
            self.waits.len(),
            millis(0.5),
            millis(0.99),
            millis(1.0),
            self.failed
        );
        for failure in self.failures.iter().take(5) {
            say!("  {failure}");
        }
    }
}

impl Lives {
    /// Prints the lines of the report.
    pub(super) fn print(&self, when: &str) {
        self.requests.print(&format!("requests {when}"));
        self.events.print(&format!("events {when}"));
    }

    /// Prints the lines of the report that tell how it went on.
    pub(super) fn print_parts(&self) {
        say!("\n{:20} {}", "p99, ms", columns(names_of_parts()));
        for (name, waits) in [("requests", &self.requests), ("events", &self.events)] {
            let parts = waits.p99_of_parts(self.began, self.time);
            let millis = parts.iter().map(|part| part.as_millis().to_string());
            say!("{name:20} {}", columns(millis));
        }
    }

    /// True when nobody waited longer than `patience`, apart from one of a hundred times, and
    /// nothing failed.
    pub(super) fn are_well(&self, patience: Duration) -> bool {
        let is_well = |waits: &Waits| waits.p99() < patience && waits.failed() == 0;
        is_well(&self.requests) && is_well(&self.events)
    }
}

/// Returns what this part of sorted waits does not exceed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn quantile(micros: &[u32], part: f64) -> Duration {
    let at = (micros.len().saturating_sub(1) as f64 * part) as usize;
    Duration::from_micros(micros.get(at).copied().unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_the_time_has_its_own_waits() {
        let began = Instant::now();
        let second = |at| began + Duration::from_secs(at);
        let mut waits = Waits {
            waits: vec![(9000, second(5)), (1000, second(95)), (2000, second(99))],
            ..Waits::default()
        };
        waits.waits.sort_unstable();
        let parts = waits.p99_of_parts(began, Duration::from_secs(100));
        assert_eq!(
            parts.map(|part| part.as_millis()),
            [9, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        );
        assert_eq!(waits.p99().as_millis(), 2);
    }

    #[test]
    fn a_text_is_under_way_until_another_person_has_it() {
        let mail = Mail::default();
        let [first, second] = [mail.send("ann"), mail.send("bob")];
        let event = format!(r#"{{"body":"{GREETING}{first}"}},{{"body":"{GREETING}{second}"}}"#);
        assert_eq!(Vec::from_iter(numbers_in(&event)), [first, second]);
        mail.receive("ann", &event);
        mail.receive("ann", &event);
        assert!(mail.is_under_way(), "the own text came from nobody else");
        assert_eq!(mail.texts().waits.waits.len(), 1, "it came once");
        mail.receive("bob", &event);
        assert!(!mail.is_under_way());
        let refused = mail.send("ann");
        mail.take_back(refused);
        let lost = mail.send("ann");
        let waits = mail.close();
        assert_eq!((waits.waits.len(), waits.failed()), (2, 1));
        assert!(waits.failures[0].contains(&lost.to_string()));
    }
}
