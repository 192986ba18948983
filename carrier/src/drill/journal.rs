//! What was acknowledged, and the comparison with what is there in the end.

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
    actor::{Answer, Person, text},
    stage::{Stage, now},
};

/// An API that sleeps carries out what it was asked for when it wakes up: by then no more of it comes.
const LATEST: Duration = Duration::from_secs(60);

/// What is known of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Text(String),
    Deleted,
}

/// A message that was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) chat: String,
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) edits: usize,
    pub(crate) reacted: bool,
    /// What was acknowledged of it, and when; the last is how it should be.
    known: Vec<(Tick, Known)>,
    reactions: Vec<(Tick, bool)>,
    /// A try of its last change may come late: it is not changed any more.
    doubtful: bool,
    /// A power cut took it.
    gone: bool,
}

impl Sent {
    pub(crate) fn path(&self) -> String {
        format!("/v1/chats/{}/messages/{}", self.chat, self.id)
    }

    pub(crate) fn may_change(&self) -> bool {
        !self.doubtful && !self.gone && self.known.last().is_none_or(|(_, known)| *known != Known::Deleted)
    }
}

/// What was acknowledged of something that can be set, and when; the last is how it should be.
#[derive(Clone, Debug)]
pub(crate) struct Versions<T> {
    known: Vec<(Tick, T)>,
    /// Until then an earlier try of the last change may still come, and would undo what was set after it.
    doubtful_until: Option<Instant>,
}

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Self { known: Vec::new(), doubtful_until: None }
    }
}

impl<T: PartialEq + Debug> Versions<T> {
    pub(crate) fn last(&self) -> Option<&T> {
        self.known.last().map(|(_, value)| value)
    }

    pub(crate) fn may_change(&self) -> bool {
        self.doubtful_until.is_none_or(|until| until < Instant::now())
    }

    fn push(&mut self, value: T, is_doubtful: bool) {
        self.known.push((now(), value));
        self.doubtful_until = is_doubtful.then(|| Instant::now() + LATEST);
    }

    /// How `there` is to be judged: as it should be, as it was before a power cut took what followed, or wrong.
    fn judge(&self, journal: &Journal, there: Option<&T>) -> Verdict {
        let Some((changed_at, last)) = self.known.last().filter(|(_, last)| Some(last) != there) else { return Verdict::Right };
        // What it was before anything was acknowledged is none of these.
        let first = (Tick::NEVER, self.known.iter().all(|(_, known)| Some(known) != there));
        let versions = std::iter::once(first).chain(self.known.iter().map(|(at, known)| (*at, Some(known) == there)));
        if is_earlier(journal, versions, *changed_at) {
            return Verdict::Excused;
        }
        let before: Vec<_> = self.known.iter().rev().take(4).map(|(at, value)| format!("{value:?} at {}", at.0)).collect();
        Verdict::Wrong(format!("is {there:?}, it was acknowledged as {last:?} (newest first: {})", before.join(", ")))
    }
}

enum Verdict {
    Right,
    Excused,
    Wrong(String),
}

/// What one person knows.
pub(crate) struct Journal {
    pub(crate) person: Person,
    pub(crate) messages: Vec<Sent>,
    pub(crate) names: HashMap<String, Versions<String>>,
    pub(crate) renames: usize,
    pub(crate) guests: HashMap<String, Versions<bool>>,
    pub(crate) excused: Vec<(Tick, Tick)>,
    guest: String,
    reads: HashMap<String, Vec<(Tick, i64)>>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Acts that were acknowledged.
    pub(crate) acknowledged: usize,
    /// Messages that are not there.
    pub(crate) lost: usize,
    /// Of what was acknowledged in the last second before a power cut: that is allowed under `everysec`.
    pub(crate) excused: usize,
    /// Messages that are there twice.
    pub(crate) doubled: usize,
    /// Messages that are not in the order of their ids and seqs.
    pub(crate) disordered: usize,
    /// What is there as it was before it was changed.
    pub(crate) stale: usize,
    /// What `carrier verify` says.
    pub(crate) faults: Vec<String>,
    /// What of all this was wrong, in words; the first of each.
    pub(crate) words: Vec<String>,
}

impl Journal {
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

    pub(crate) fn sent(&mut self, chat: String, id: i64, key: String) {
        let known = vec![(now(), Known::Text(format!("text {key}")))];
        self.messages.push(Sent { chat, id, key, edits: 0, reacted: false, known, reactions: Vec::new(), doubtful: false, gone: false });
    }

    pub(crate) fn changed(&mut self, at: usize, answer: &Answer, known: Known) -> Result<()> {
        let message = &mut self.messages[at];
        message.doubtful |= answer.is_doubtful();
        match answer.status {
            status if status.is_success() => {
                message.edits += 1;
                message.known.push((now(), known));
            }
            StatusCode::NOT_FOUND => message.gone = true,
            status => bail!("a change of a message is answered with {status}: {}", answer.json),
        }
        Ok(())
    }

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

    pub(crate) fn named(&mut self, chat: String, name: String, doubtful: bool) {
        self.names.entry(chat).or_default().push(name, doubtful);
    }

    pub(crate) fn guest(&mut self, chat: String, guest: String, comes: bool, doubtful: bool) {
        self.guest = guest;
        self.guests.entry(chat).or_default().push(comes, doubtful);
    }

    pub(crate) fn read(&mut self, chat: String, id: i64) {
        self.reads.entry(chat).or_default().push((now(), id));
    }

    fn is_excused(&self, at: Tick) -> bool {
        self.excused.iter().any(|(since, until)| *since <= at && at <= *until)
    }
}

/// Compares all that was acknowledged with what the APIs tell; then lets every chat leave Redis, and compares with what SQL has.
pub(crate) async fn audit(stage: &Stage, journals: Vec<Journal>) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut chats: Vec<String> = journals.iter().flat_map(|journal| &journal.messages).map(|sent| sent.chat.clone()).collect();
    chats.extend(journals.iter().flat_map(|journal| journal.names.keys().chain(journal.guests.keys())).cloned());
    chats.sort();
    chats.dedup();
    tally.acknowledged = journals
        .iter()
        .map(|journal| {
            let of_messages = journal.messages.iter().map(|sent| sent.known.len() + sent.reactions.len()).sum::<usize>();
            let of_chats =
                journal.names.values().map(|name| name.known.len()).chain(journal.guests.values().map(|guest| guest.known.len()));
            of_messages + of_chats.sum::<usize>() + journal.reads.values().map(Vec::len).sum::<usize>()
        })
        .sum();
    compare(&mut tally, "", &chats, &journals).await?;
    let auditor = stage.auditor().await?;
    verify(&mut tally, &auditor, "").await?;
    // Everything leaves, so that what is read next is what SQL has.
    stage.redis.cli(&["EVAL", "for _, key in ipairs(redis.call('KEYS', 'chat:*:token')) do redis.call('PEXPIRE', key, 20) end", "0"]).await;
    for chat in &chats {
        let id: ChatId = chat.parse().context("the id of a chat")?;
        let pattern = format!("chat:{{c{}}}:{chat}*", id.partition());
        eventually(Duration::from_secs(120), &format!("chat {chat} has left Redis"), async || stage.redis.keys(&pattern).await.is_empty())
            .await;
    }
    compare(&mut tally, "from SQL: ", &chats, &journals).await?;
    verify(&mut tally, &auditor, "from SQL: ").await?;
    let parked = stage.hot().await?.dead().await?;
    tally.faults.extend(parked.into_iter().map(|row| format!("{} {} is parked: {}", row.id, row.entry, row.error)));
    Ok(tally)
}

async fn verify(tally: &mut Tally, auditor: &store::Auditor, when: &str) -> Result<()> {
    let mut say = |what: String, faults: Vec<String>| tally.faults.extend(faults.into_iter().map(|fault| format!("{when}{what}: {fault}")));
    for chat in auditor.chats().await? {
        say(format!("chat {chat}"), auditor.chat(chat).await?.faults);
    }
    for user in auditor.users().await? {
        say(format!("user {user}"), auditor.user(user).await?.faults);
    }
    say("names".into(), auditor.names().await?.faults);
    Ok(())
}

async fn compare(tally: &mut Tally, when: &str, chats: &[String], journals: &[Journal]) -> Result<()> {
    let reader = &journals.first().context("somebody wrote")?.person;
    let mut words = Vec::new();
    for chat in chats {
        let history = history(reader, chat).await?;
        let mut keys: HashMap<String, usize> = HashMap::new();
        for (at, message) in history.iter().enumerate() {
            *keys.entry(text(&message["client_id"])).or_default() += usize::from(message["client_id"].is_string());
            let (id, seq) = (message["id"].as_i64(), message["seq"].as_i64());
            if seq != Some(at as i64 + 1) || at > 0 && history[at - 1]["id"].as_i64() >= id {
                tally.disordered += 1;
                words.push(format!("{when}chat {chat}: message {id:?} with seq {seq:?} comes as number {}", at + 1));
            }
        }
        for (key, times) in keys.into_iter().filter(|(key, times)| *times > 1 && key.contains('-')) {
            tally.doubled += times - 1;
            words.push(format!("{when}chat {chat}: {key} is there {times} times"));
        }
        let by_id: BTreeMap<i64, &Value> = history.iter().filter_map(|message| Some((message["id"].as_i64()?, message))).collect();
        for journal in journals {
            for sent in journal.messages.iter().filter(|sent| sent.chat == *chat) {
                look_at(tally, &mut words, when, journal, sent, by_id.get(&sent.id).copied());
            }
        }
    }
    for journal in journals {
        look_at_chats(tally, &mut words, when, journal).await?;
    }
    tally.words.extend(words.into_iter().take(20));
    Ok(())
}

/// Is a message there as it was acknowledged last?
fn look_at(tally: &mut Tally, words: &mut Vec<String>, when: &str, journal: &Journal, sent: &Sent, found: Option<&Value>) {
    let (sent_at, _) = &sent.known[0];
    let theirs = found.filter(|found| found["client_id"] == sent.key.as_str() || found["deleted"] == true);
    let Some(found) = theirs else {
        if journal.is_excused(*sent_at) {
            tally.excused += 1;
        } else {
            tally.lost += 1;
            words.push(format!("{when}chat {}: message {} ({}) is lost", sent.chat, sent.id, sent.key));
        }
        return;
    };
    let there = if found["deleted"] == true { Known::Deleted } else { Known::Text(text(&found["body"])) };
    let (changed_at, last) = sent.known.last().expect("it was sent");
    if there != *last && !is_earlier(journal, sent.known.iter().map(|(at, known)| (*at, known == &there)), *changed_at) {
        tally.stale += 1;
        words.push(format!("{when}chat {}: message {} is {there:?}, it was acknowledged as {last:?}", sent.chat, sent.id));
    } else if there != *last {
        tally.excused += 1;
    }
    let Some((reacted_at, reacted)) = sent.reactions.last().filter(|_| there != Known::Deleted) else { return };
    let is_there = found["reactions"].as_array().is_some_and(|reactions| !reactions.is_empty());
    if is_there != *reacted {
        match journal.is_excused(*reacted_at) {
            true => tally.excused += 1,
            false => {
                tally.stale += 1;
                words
                    .push(format!("{when}chat {}: the reaction to {} is {is_there}, it was acknowledged as {reacted}", sent.chat, sent.id));
            }
        }
    }
}

/// A power cut took the last changes: what is there was acknowledged before, and all since in an excused time.
fn is_earlier(journal: &Journal, versions: impl Iterator<Item = (Tick, bool)>, last: Tick) -> bool {
    let versions: Vec<_> = versions.collect();
    let there = versions.iter().rposition(|(_, is_there)| *is_there);
    journal.is_excused(last) && there.is_some_and(|there| versions[there + 1..].iter().all(|(at, _)| journal.is_excused(*at)))
}

/// Names, guests and read marks.
async fn look_at_chats(tally: &mut Tally, words: &mut Vec<String>, when: &str, journal: &Journal) -> Result<()> {
    let mut judge = |verdict: Verdict, what: String| match verdict {
        Verdict::Right => {}
        Verdict::Excused => tally.excused += 1,
        Verdict::Wrong(how) => {
            tally.stale += 1;
            words.push(format!("{when}{what} {how}"));
        }
    };
    for (chat, name) in &journal.names {
        let view = journal.person.get(&format!("/v1/chats/{chat}")).await?;
        judge(name.judge(journal, view["name"].as_str().map(str::to_owned).as_ref()), format!("the name of chat {chat}"));
    }
    for (chat, guest) in &journal.guests {
        let members = journal.person.get(&format!("/v1/chats/{chat}/members")).await?;
        let is_in = members["items"].as_array().is_some_and(|all| all.iter().any(|member| member["user_id"] == journal.guest.as_str()));
        judge(guest.judge(journal, Some(&is_in)), format!("that the guest is in chat {chat}"));
    }
    for (chat, reads) in &journal.reads {
        let members = journal.person.get(&format!("/v1/chats/{chat}/receipts")).await?;
        let mine = members["items"].as_array().and_then(|all| all.iter().find(|member| member["user_id"] == journal.person.id.as_str()));
        let read = mine.and_then(|mine| mine["read"].as_i64()).unwrap_or(0);
        let furthest = reads.iter().map(|(_, id)| *id).max().unwrap_or(0);
        let sure = reads.iter().filter(|(at, _)| !journal.is_excused(*at)).map(|(_, id)| *id).max().unwrap_or(0);
        let verdict = match (read >= furthest, read >= sure) {
            (true, _) => Verdict::Right,
            (false, true) => Verdict::Excused,
            (false, false) => Verdict::Wrong(format!("has read up to {read}, {sure} was acknowledged")),
        };
        judge(verdict, format!("chat {chat}: {}", journal.person.id));
    }
    Ok(())
}

/// A chat's messages, oldest first.
async fn history(reader: &Person, chat: &str) -> Result<Vec<Value>> {
    let (mut all, mut after) = (Vec::new(), 1);
    loop {
        let page = reader.get(&format!("/v1/chats/{chat}/messages?after={after}&limit=200")).await?;
        all.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => return Ok(all),
        }
    }
}
