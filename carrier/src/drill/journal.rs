//! The changes that were acknowledged, and the comparison with what is there at the end.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use model::{ChatId, Tick};
use reqwest::StatusCode;
use rig::eventually;
use serde_json::Value;

use super::{
    system::{System, now},
    writers::{Answer, Person, text},
};

/// The time after which no earlier attempt of a request is carried out any more: an API that sleeps
/// carries out its requests when it wakes up.
const LATEST: Duration = Duration::from_secs(60);

/// The state of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessageState {
    Text(String),
    Deleted,
}

/// A message that was acknowledged, with its changes.
#[derive(Clone, Debug)]
pub(crate) struct JournaledMessage {
    pub(crate) chat: String,
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) edits: usize,
    pub(crate) reacted: bool,
    /// The states that were acknowledged, and when; it should be in the last.
    states: Vec<(Tick, MessageState)>,
    reactions: Vec<(Tick, bool)>,
    /// True when an attempt of the last change may still come; the message is not changed any more.
    doubtful: bool,
    /// True when a power cut lost the message.
    gone: bool,
}

impl JournaledMessage {
    /// Returns the path of the message.
    pub(crate) fn path(&self) -> String {
        format!("/v1/chats/{}/messages/{}", self.chat, self.id)
    }

    /// Returns true when the message can still be edited: it is there, and not deleted, and no
    /// attempt of the last change may still come.
    pub(crate) fn may_change(&self) -> bool {
        !self.doubtful
            && !self.gone
            && self
                .states
                .last()
                .is_none_or(|(_, state)| *state != MessageState::Deleted)
    }
}

/// The values that were acknowledged of something that can be set, and when; it should have the
/// last.
#[derive(Clone, Debug)]
pub(crate) struct Versions<T> {
    values: Vec<(Tick, T)>,
    /// The time until which an earlier attempt of the last change may come, and would undo a later
    /// change.
    doubtful_until: Option<Instant>,
}

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            doubtful_until: None,
        }
    }
}

impl<T: PartialEq + Debug> Versions<T> {
    /// Returns the last value.
    pub(crate) fn last(&self) -> Option<&T> {
        self.values.last().map(|(_, value)| value)
    }

    /// Returns true unless an attempt of the last change may still come.
    pub(crate) fn may_change(&self) -> bool {
        self.doubtful_until
            .is_none_or(|until| until < Instant::now())
    }

    fn push(&mut self, value: T, is_doubtful: bool) {
        self.values.push((now(), value));
        self.doubtful_until = is_doubtful.then(|| Instant::now() + LATEST);
    }

    /// Compares the value that is there with the last: it may also be an earlier one, when a power
    /// cut lost the changes after it.
    fn compare(&self, excused: &[(Tick, Tick)], there: Option<&T>) -> Comparison {
        let Some((changed_at, last)) = self.values.last().filter(|(_, last)| Some(last) != there)
        else {
            return Comparison::Same;
        };
        // The value before anything was acknowledged is none of these.
        let first = (
            Tick::NEVER,
            self.values.iter().all(|(_, value)| Some(value) != there),
        );
        let versions = std::iter::once(first).chain(
            self.values
                .iter()
                .map(|(at, value)| (*at, Some(value) == there)),
        );
        if is_earlier(excused, versions, *changed_at) {
            return Comparison::Excused;
        }
        let before: Vec<_> = self
            .values
            .iter()
            .rev()
            .take(4)
            .map(|(at, value)| format!("{value:?} at {}", at.0))
            .collect();
        Comparison::Different(format!(
            "is {there:?}, it was acknowledged as {last:?} (newest first: {})",
            before.join(", ")
        ))
    }
}

/// The result of a comparison.
enum Comparison {
    Same,
    /// A power cut lost the last changes.
    Excused,
    /// The difference.
    Different(String),
}

/// The changes that were acknowledged to a person.
pub(crate) struct Journal {
    pub(crate) person: Person,
    pub(crate) messages: Vec<JournaledMessage>,
    pub(crate) names: HashMap<String, Versions<String>>,
    pub(crate) renames: usize,
    pub(crate) guests: HashMap<String, Versions<bool>>,
    /// The times between which changes may have been lost in a power cut.
    pub(crate) excused: Vec<(Tick, Tick)>,
    guest: String,
    reads: HashMap<String, Vec<(Tick, i64)>>,
}

/// The findings of a comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// The changes that were acknowledged.
    pub(crate) acknowledged: usize,
    /// The messages that are not there.
    pub(crate) lost: usize,
    /// The changes that a power cut lost of its last second, which `everysec` permits.
    pub(crate) excused: usize,
    /// The messages that are there twice.
    pub(crate) doubled: usize,
    /// The messages that are not in the order of their ids and seqs.
    pub(crate) disordered: usize,
    /// The messages, names, members and receipts that are there in an earlier version.
    pub(crate) stale: usize,
    /// The faults that `carrier verify` finds.
    pub(crate) faults: Vec<String>,
    /// The first descriptions of what was wrong, for people.
    pub(crate) messages: Vec<String>,
}

impl Journal {
    /// Returns an empty journal.
    pub(crate) fn new(person: Person) -> Self {
        Self {
            person,
            messages: Vec::new(),
            names: HashMap::new(),
            renames: 0,
            guests: HashMap::new(),
            excused: Vec::new(),
            guest: String::new(),
            reads: HashMap::new(),
        }
    }

    /// Records a message that was sent.
    pub(crate) fn sent(&mut self, chat: String, id: i64, key: String) {
        let states = vec![(now(), MessageState::Text(format!("text {key}")))];
        self.messages.push(JournaledMessage {
            chat,
            id,
            key,
            edits: 0,
            reacted: false,
            states,
            reactions: Vec::new(),
            doubtful: false,
            gone: false,
        });
    }

    /// Records an edit or a deletion.
    pub(crate) fn changed(
        &mut self,
        at: usize,
        answer: &Answer,
        state: MessageState,
    ) -> Result<()> {
        let message = &mut self.messages[at];
        message.doubtful |= answer.is_doubtful();
        match answer.status {
            status if status.is_success() => {
                message.edits += 1;
                message.states.push((now(), state));
            }
            StatusCode::NOT_FOUND => message.gone = true,
            status => bail!(
                "a change of a message is answered with {status}: {}",
                answer.json
            ),
        }
        Ok(())
    }

    /// Records a reaction, or its removal.
    pub(crate) fn reacted(&mut self, at: usize, answer: &Answer, reacted: bool) -> Result<()> {
        let message = &mut self.messages[at];
        message.doubtful |= answer.is_doubtful();
        match answer.status {
            status if status.is_success() => {
                message.reacted = reacted;
                message.reactions.push((now(), reacted));
            }
            StatusCode::NOT_FOUND => message.gone = true,
            status => bail!("a reaction is answered with {status}: {}", answer.json),
        }
        Ok(())
    }

    /// Records the name of a chat.
    pub(crate) fn named(&mut self, chat: String, name: String, doubtful: bool) {
        self.names.entry(chat).or_default().push(name, doubtful);
    }

    /// Records that the guest was added to a chat, or removed.
    pub(crate) fn guest(&mut self, chat: String, guest: String, comes: bool, doubtful: bool) {
        self.guest = guest;
        self.guests.entry(chat).or_default().push(comes, doubtful);
    }

    /// Records how far a chat was read.
    pub(crate) fn read(&mut self, chat: String, id: i64) {
        self.reads.entry(chat).or_default().push((now(), id));
    }
}

/// Returns true when a change at this time may have been lost in a power cut.
fn is_excused(excused: &[(Tick, Tick)], at: Tick) -> bool {
    excused
        .iter()
        .any(|(since, until)| *since <= at && at <= *until)
}

/// Compares everything that was acknowledged with the answers of the APIs; then lets every chat
/// expire, and compares with what SQL has.
pub(crate) async fn audit(system: &System, journals: Vec<Journal>) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut chats: Vec<String> = journals
        .iter()
        .flat_map(|journal| &journal.messages)
        .map(|sent| sent.chat.clone())
        .collect();
    chats.extend(
        journals
            .iter()
            .flat_map(|journal| journal.names.keys().chain(journal.guests.keys()))
            .cloned(),
    );
    chats.sort();
    chats.dedup();
    tally.acknowledged = journals
        .iter()
        .map(|journal| {
            let of_messages = journal
                .messages
                .iter()
                .map(|sent| sent.states.len() + sent.reactions.len())
                .sum::<usize>();
            let of_chats = journal
                .names
                .values()
                .map(|name| name.values.len())
                .chain(journal.guests.values().map(|guest| guest.values.len()));
            of_messages
                + of_chats.sum::<usize>()
                + journal.reads.values().map(Vec::len).sum::<usize>()
        })
        .sum();
    compare(&mut tally, "", &chats, &journals).await?;
    let auditor = system.auditor().await?;
    verify(&mut tally, &auditor, "").await?;
    // The chats leave Redis, so that the next answers come from SQL.
    system.expire_chats().await;
    for chat in &chats {
        let id: ChatId = chat.parse().context("could not read the id of a chat")?;
        let pattern = format!("chat:{{c{}}}:{chat}*", id.partition());
        eventually(
            Duration::from_secs(120),
            &format!("chat {chat} has left Redis"),
            async || system.redis.keys(&pattern).await.is_empty(),
        )
        .await;
    }
    compare(&mut tally, "from SQL: ", &chats, &journals).await?;
    verify(&mut tally, &auditor, "from SQL: ").await?;
    let parked = system.hot().await?.dead_letters().await?;
    tally.faults.extend(
        parked
            .into_iter()
            .map(|row| format!("{} {} is parked: {}", row.id, row.entry, row.error)),
    );
    Ok(tally)
}

/// Adds the faults that `carrier verify` finds.
async fn verify(tally: &mut Tally, auditor: &store::Auditor, when: &str) -> Result<()> {
    let mut add = |what: String, faults: Vec<String>| {
        tally.faults.extend(
            faults
                .into_iter()
                .map(|fault| format!("{when}{what}: {fault}")),
        )
    };
    for chat in auditor.chats().await? {
        add(format!("chat {chat}"), auditor.chat(chat).await?.faults);
    }
    for user in auditor.users().await? {
        add(format!("user {user}"), auditor.user(user).await?.faults);
    }
    add("names".into(), auditor.names().await?.faults);
    Ok(())
}

/// Compares the journals with the answers of the APIs.
async fn compare(
    tally: &mut Tally,
    when: &str,
    chats: &[String],
    journals: &[Journal],
) -> Result<()> {
    let reader = &journals.first().context("there are no journals")?.person;
    let mut messages = Vec::new();
    for chat in chats {
        let history = history(reader, chat).await?;
        let mut keys: HashMap<String, usize> = HashMap::new();
        for (at, message) in history.iter().enumerate() {
            *keys.entry(text(&message["client_id"])).or_default() +=
                usize::from(message["client_id"].is_string());
            let (id, seq) = (message["id"].as_i64(), message["seq"].as_i64());
            if seq != Some(at as i64 + 1) || at > 0 && history[at - 1]["id"].as_i64() >= id {
                tally.disordered += 1;
                messages.push(format!(
                    "{when}chat {chat}: message {id:?} with seq {seq:?} is number {}",
                    at + 1
                ));
            }
        }
        for (key, times) in keys
            .into_iter()
            .filter(|(key, times)| *times > 1 && key.contains('-'))
        {
            tally.doubled += times - 1;
            messages.push(format!("{when}chat {chat}: {key} is there {times} times"));
        }
        let by_id: BTreeMap<i64, &Value> = history
            .iter()
            .filter_map(|message| Some((message["id"].as_i64()?, message)))
            .collect();
        for journal in journals {
            for sent in journal.messages.iter().filter(|sent| sent.chat == *chat) {
                compare_message(
                    tally,
                    &mut messages,
                    when,
                    journal,
                    sent,
                    by_id.get(&sent.id).copied(),
                );
            }
        }
    }
    for journal in journals {
        compare_chats(tally, &mut messages, when, journal).await?;
    }
    tally.messages.extend(messages.into_iter().take(20));
    Ok(())
}

/// Compares a message with the last state that was acknowledged.
fn compare_message(
    tally: &mut Tally,
    messages: &mut Vec<String>,
    when: &str,
    journal: &Journal,
    sent: &JournaledMessage,
    found: Option<&Value>,
) {
    let (sent_at, _) = &sent.states[0];
    let found =
        found.filter(|found| found["client_id"] == sent.key.as_str() || found["deleted"] == true);
    let Some(found) = found else {
        if is_excused(&journal.excused, *sent_at) {
            tally.excused += 1;
        } else {
            tally.lost += 1;
            messages.push(format!(
                "{when}chat {}: message {} ({}) is lost",
                sent.chat, sent.id, sent.key
            ));
        }
        return;
    };
    let there = if found["deleted"] == true {
        MessageState::Deleted
    } else {
        MessageState::Text(text(&found["body"]))
    };
    let (changed_at, last) = sent.states.last().expect("it was sent");
    if there != *last
        && !is_earlier(
            &journal.excused,
            sent.states.iter().map(|(at, state)| (*at, state == &there)),
            *changed_at,
        )
    {
        tally.stale += 1;
        messages.push(format!(
            "{when}chat {}: message {} is {there:?}, it was acknowledged as {last:?}",
            sent.chat, sent.id
        ));
    } else if there != *last {
        tally.excused += 1;
    }
    let Some((reacted_at, reacted)) = sent
        .reactions
        .last()
        .filter(|_| there != MessageState::Deleted)
    else {
        return;
    };
    let is_there = found["reactions"]
        .as_array()
        .is_some_and(|reactions| !reactions.is_empty());
    if is_there != *reacted {
        match is_excused(&journal.excused, *reacted_at) {
            true => tally.excused += 1,
            false => {
                tally.stale += 1;
                messages.push(format!(
                    "{when}chat {}: the reaction to {} is {is_there}, \
                     it was acknowledged as {reacted}",
                    sent.chat, sent.id
                ));
            }
        }
    }
}

/// Returns true when a power cut may have lost the last changes: the version that is there was
/// acknowledged before, and all later ones in an excused time.
fn is_earlier(
    excused: &[(Tick, Tick)],
    versions: impl Iterator<Item = (Tick, bool)>,
    last: Tick,
) -> bool {
    let versions: Vec<_> = versions.collect();
    let there = versions.iter().rposition(|(_, is_there)| *is_there);
    is_excused(excused, last)
        && there.is_some_and(|there| {
            versions[there + 1..]
                .iter()
                .all(|(at, _)| is_excused(excused, *at))
        })
}

/// Compares the names, guests and receipts of chats.
async fn compare_chats(
    tally: &mut Tally,
    messages: &mut Vec<String>,
    when: &str,
    journal: &Journal,
) -> Result<()> {
    let mut add = |comparison: Comparison, what: String| match comparison {
        Comparison::Same => {}
        Comparison::Excused => tally.excused += 1,
        Comparison::Different(how) => {
            tally.stale += 1;
            messages.push(format!("{when}{what} {how}"));
        }
    };
    for (chat, name) in &journal.names {
        let view = journal.person.get(&format!("/v1/chats/{chat}")).await?;
        add(
            name.compare(
                &journal.excused,
                view["name"].as_str().map(str::to_owned).as_ref(),
            ),
            format!("the name of chat {chat}"),
        );
    }
    for (chat, guest) in &journal.guests {
        let members = journal
            .person
            .get(&format!("/v1/chats/{chat}/members"))
            .await?;
        let is_in = members["items"].as_array().is_some_and(|all| {
            all.iter()
                .any(|member| member["user_id"] == journal.guest.as_str())
        });
        add(
            guest.compare(&journal.excused, Some(&is_in)),
            format!("the membership of the guest in chat {chat}"),
        );
    }
    for (chat, reads) in &journal.reads {
        let members = journal
            .person
            .get(&format!("/v1/chats/{chat}/receipts"))
            .await?;
        let own = members["items"].as_array().and_then(|all| {
            all.iter()
                .find(|member| member["user_id"] == journal.person.id.as_str())
        });
        let read = own.and_then(|own| own["read"].as_i64()).unwrap_or(0);
        let furthest = reads.iter().map(|(_, id)| *id).max().unwrap_or(0);
        let certain = reads
            .iter()
            .filter(|(at, _)| !is_excused(&journal.excused, *at))
            .map(|(_, id)| *id)
            .max()
            .unwrap_or(0);
        let comparison = match (read >= furthest, read >= certain) {
            (true, _) => Comparison::Same,
            (false, true) => Comparison::Excused,
            (false, false) => {
                Comparison::Different(format!("has read up to {read}, {certain} was acknowledged"))
            }
        };
        add(comparison, format!("chat {chat}: {}", journal.person.id));
    }
    Ok(())
}

/// Returns the messages of a chat, the oldest first.
async fn history(reader: &Person, chat: &str) -> Result<Vec<Value>> {
    let (mut all, mut after) = (Vec::new(), 1);
    loop {
        let page = reader
            .get(&format!(
                "/v1/chats/{chat}/messages?after={after}&limit=200"
            ))
            .await?;
        all.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(values: &[(i64, i64)]) -> Versions<i64> {
        Versions {
            values: values
                .iter()
                .map(|(at, value)| (Tick(*at), *value))
                .collect(),
            doubtful_until: None,
        }
    }

    #[test]
    fn an_earlier_value_is_excused_only_if_all_later_ones_may_be_lost() {
        let name = versions(&[(10, 1), (20, 2), (30, 3)]);
        let is_excused = |since: i64, there: i64| {
            matches!(
                name.compare(&[(Tick(since), Tick(30))], Some(&there)),
                Comparison::Excused
            )
        };
        assert!(matches!(name.compare(&[], Some(&3)), Comparison::Same));
        assert!(matches!(
            name.compare(&[], Some(&2)),
            Comparison::Different(_)
        ));
        assert!(is_excused(25, 2));
        assert!(
            !is_excused(25, 1),
            "2 was acknowledged before the power cut"
        );
        assert!(is_excused(15, 1));
        assert!(!is_excused(15, 7), "the value before 1");
        assert!(is_excused(5, 7), "the value before 1, and all are excused");
    }

    #[test]
    fn a_value_may_change_unless_an_attempt_of_the_last_change_may_come() {
        let mut name = versions(&[]);
        name.push(1, false);
        assert!(name.may_change());
        name.push(2, true);
        assert!(!name.may_change());
        assert_eq!(name.last(), Some(&2));
    }
}
