//! Checks from outside, on a running system, that Redis and SQL agree. It only reads.
//!
//! The invariants: a row that Redis does not call dirty is in SQL at its rev; SQL is never newer
//! than Redis; a resident chat or user is due; ids rise, and the seqs of a chat are 1, 2, 3 ...
//! without a gap, as many as the chat counts; a chat is in the list of each of its members and of
//! no other user, and no change of it is above its place in their order; a name belongs to one
//! user, and is claimed until it is saved; a webhook has a
//! cursor in each chat that it is to be told of.
//!
//! The two stores cannot be read at one moment, so a finding is looked at again: only a lasting
//! finding is a fault.

/// Cursors of webhooks.
mod cursors;

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use cold::{Cold, ColdChat, Head};
use futures_util::future::try_join_all;
use hot::{ChatAudit, Hot, Kind, UserAudit};
use model::{ChatId, Name, NameKind, Tick, UserId, WebhookId, WebhookRecord};
use tokio::{sync::OnceCell, time::sleep};

use crate::{
    Result,
    people::{has_name, read_webhook},
};

/// The waits before a finding is looked at again: an append, a flush and a lost lease have ended
/// by then.
const RECHECK_WAITS: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(7),
];
/// The number of messages that are read from SQL at once.
const PAGE: u64 = 5_000;
/// The number of ids that are read from SQL at once.
const IDS: u64 = 10_000;

/// The result of comparing one chat or user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The number of rows that were compared.
    pub rows: u64,
    /// The faults, in words.
    pub faults: Vec<String>,
}

/// Compares both stores.
#[derive(Clone)]
pub struct Auditor {
    hot: Hot,
    cold: Cold,
    /// The webhooks that there were at the beginning: where there are none, no chat has to ask.
    webhooks: OnceCell<Vec<(WebhookId, WebhookRecord)>>,
}

impl Auditor {
    /// Returns an auditor of these two stores.
    pub fn new(hot: Hot, cold: Cold) -> Self {
        Self {
            hot,
            cold,
            webhooks: OnceCell::new(),
        }
    }

    /// Returns the id of every chat of either store.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer.
    pub async fn chats(&self) -> Result<Vec<ChatId>> {
        self.ids(Kind::Chat, async |last| self.cold.chat_ids(last, IDS).await)
            .await
    }

    /// Returns the id of every user of either store.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer.
    pub async fn users(&self) -> Result<Vec<UserId>> {
        self.ids(Kind::User, async |last| self.cold.user_ids(last, IDS).await)
            .await
    }

    async fn ids<T: Copy + Ord + FromStr>(
        &self,
        kind: Kind,
        saved: impl AsyncFn(Option<T>) -> cold::Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        let resident = self.hot.resident(kind).await?;
        let mut ids: Vec<T> = resident.iter().filter_map(|id| id.parse().ok()).collect();
        let mut last = None;
        loop {
            let some = saved(last).await?;
            last = some.last().copied();
            ids.extend(&some);
            if (some.len() as u64) < IDS {
                break;
            }
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Compares a chat: its messages, its members and their lists.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer.
    pub async fn chat(&self, id: ChatId) -> Result<Findings> {
        until_well(async || self.chat_once(id).await).await
    }

    /// Compares a user: the row, the private rows, the list of chats and the names.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer.
    pub async fn user(&self, id: UserId) -> Result<Findings> {
        until_well(async || self.user_once(id).await).await
    }

    /// Looks for names that belong to more than one user.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer.
    pub async fn names(&self) -> Result<Findings> {
        until_well(async || self.names_once().await).await
    }

    async fn names_once(&self) -> Result<Findings> {
        let mut findings = Findings::default();
        for kind in [NameKind::Username, NameKind::Email, NameKind::External] {
            for name in self.cold.shared_names(kind).await? {
                findings.rows += 1;
                if let [one, other, ..] = self.owners(&name).await?[..] {
                    findings.faults.push(format!(
                        "the {kind} {:?} is that of {one} and of {other}",
                        name.folded
                    ));
                }
            }
        }
        Ok(findings)
    }

    /// Returns the users who are saved with a name and still have it in their newest row.
    async fn owners(&self, name: &Name) -> Result<Vec<UserId>> {
        let mut owners = Vec::new();
        for id in self.cold.users_named(name).await? {
            let newest = match self.hot.user(id).await? {
                hot::UserRecord::Named(user) => Some(*user),
                hot::UserRecord::Cold => self.cold.user(id).await?,
                hot::UserRecord::Nameless => None,
            };
            if newest.is_some_and(|user| has_name(&user, name)) {
                owners.push(id);
            }
        }
        Ok(owners)
    }

    async fn chat_once(&self, id: ChatId) -> Result<Findings> {
        // Redis is read first: SQL is then at least as new as what Redis called clean.
        let hot = self.hot.audit_chat(id).await?;
        let cold = self.cold.chat(id).await?;
        let mut heads = Vec::new();
        loop {
            let after = heads.last().map_or(Tick::NEVER, |head: &Head| head.id);
            let some = self.cold.message_heads(id, after, PAGE).await?;
            let all = (some.len() as u64) < PAGE;
            heads.extend(some);
            if all {
                break;
            }
        }
        let mut findings = Findings::default();
        match &hot {
            Some(hot) => compare(hot, cold.as_ref(), &heads, &mut findings),
            None => of_sql(cold.as_ref(), &heads, &mut findings),
        }
        self.lists(id, hot.as_ref(), cold.as_ref(), &mut findings)
            .await?;
        let is_there = hot.as_ref().map_or_else(
            || {
                cold.as_ref()
                    .is_some_and(|cold| !cold.chat.deleted.happened())
            },
            // One that was just deleted is swept when that is saved.
            |hot| !hot.chat.deleted.happened() || hot.dirty.contains_key("chat"),
        );
        self.cursors(id, is_there, &heads, &mut findings).await?;
        Ok(findings)
    }

    /// Checks how far webhooks have been told of the chat.
    async fn cursors(
        &self,
        id: ChatId,
        is_there: bool,
        heads: &[Head],
        findings: &mut Findings,
    ) -> Result<()> {
        let cursors = self.cold.webhook_cursors(id).await?;
        let known = self.webhooks.get_or_try_init(|| self.find_webhooks());
        if cursors.is_empty() && known.await?.is_empty() {
            return Ok(());
        }
        findings.rows += cursors.len() as u64;
        let compared = cursors::Compared {
            chat: id,
            is_there,
            heads,
            cursors: &cursors,
            webhooks: &self.find_webhooks().await?,
        };
        cursors::compare(&compared, &mut findings.faults);
        Ok(())
    }

    /// Returns the webhooks, in whichever store they are.
    async fn find_webhooks(&self) -> Result<Vec<(WebhookId, WebhookRecord)>> {
        let rows = match self.hot.webhooks(UserId::SERVER).await? {
            Ok(rows) => rows,
            Err(_) => self.cold.private_rows(UserId::SERVER).await?,
        };
        Ok(rows.iter().filter_map(read_webhook).collect())
    }

    /// Checks that the chat is in the list of each member, and of no user who has left.
    async fn lists(
        &self,
        id: ChatId,
        hot: Option<&ChatAudit>,
        cold: Option<&ColdChat>,
        findings: &mut Findings,
    ) -> Result<()> {
        let members: Vec<(UserId, Tick)> = match (hot, cold) {
            (Some(hot), _) => hot
                .members
                .iter()
                .map(|(user, member)| (*user, member.left))
                .collect(),
            (None, Some(cold)) => cold
                .members
                .iter()
                .map(|(user, member)| (*user, member.left))
                .collect(),
            (None, None) => return Ok(()),
        };
        for some in members.chunks(100) {
            let listed =
                try_join_all(some.iter().map(|(user, _)| self.hot.listed_by(*user, id))).await?;
            for ((user, left), listed) in some.iter().zip(listed) {
                let propagated =
                    hot.is_none_or(|hot| !hot.dirty.contains_key(&format!("list:{user}")));
                match listed {
                    Some(listed)
                        if propagated
                            && !left.happened()
                            && listed.is_none_or(|listed| listed.left.happened()) =>
                    {
                        findings.faults.push(format!(
                            "{user} is in it, and does not have it in their list"
                        ));
                    }
                    Some(Some(listed))
                        if propagated && left.happened() && !listed.left.happened() =>
                    {
                        findings
                            .faults
                            .push(format!("{user} has left it, and has it in their list"));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    async fn user_once(&self, id: UserId) -> Result<Findings> {
        let hot = self.hot.audit_user(id).await?;
        let cold = self.cold.user(id).await?;
        let mut findings = Findings {
            rows: 1,
            ..Findings::default()
        };
        let Some(hot) = hot else { return Ok(findings) };
        let faults = &mut findings.faults;
        if !hot.due {
            faults.push("is in Redis, and no flusher will look at them: not in the due set".into());
        }
        let is_dirty = |entry: &str| hot.dirty.contains_key(entry) || hot.parked.contains(entry);
        if hot.rev.happened() {
            let saved = cold.as_ref().map_or(Tick::NEVER, |user| user.rev);
            row(
                "the user's row",
                hot.rev,
                saved,
                is_dirty("user"),
                hot.clock,
                faults,
            );
        }
        let mine = self.cold.private_rows(id).await?;
        for one in &hot.private_rows {
            let saved = mine
                .iter()
                .find(|saved| saved.key == one.key)
                .map_or(Tick::NEVER, |saved| saved.rev);
            row(
                &format!("what is theirs of {}", one.key),
                one.rev,
                saved,
                is_dirty(&format!("mine:{}", one.key)),
                hot.clock,
                faults,
            );
        }
        findings.rows += hot.private_rows.len() as u64;
        self.claims(id, &hot, &mut findings).await?;
        self.memberships(id, &mut findings).await?;
        self.order(id, &hot, &mut findings).await?;
        Ok(findings)
    }

    /// Checks that a user holds the claim of a name that is not saved yet, and that no other user's
    /// newest row has the name.
    async fn claims(&self, id: UserId, hot: &UserAudit, findings: &mut Findings) -> Result<()> {
        for (name, nonce) in &hot.claims {
            let claim = self.hot.claimed(name).await?;
            let theirs = claim.is_some_and(|claim| claim.owner == id && claim.nonce == *nonce);
            let uses = match self.hot.user(id).await? {
                hot::UserRecord::Named(user) => has_name(&user, name),
                _ => false,
            };
            let saved = self.cold.users_named(name).await?.contains(&id);
            if uses && !theirs && !saved {
                findings.faults.push(format!(
                    "uses the {} {:?}, which is neither saved nor claimed",
                    name.kind, name.folded
                ));
            }
            if uses
                && let Some(other) = self
                    .owners(name)
                    .await?
                    .into_iter()
                    .find(|owner| *owner != id)
            {
                findings.faults.push(format!(
                    "the {} {:?} is {other}'s too",
                    name.kind, name.folded
                ));
            }
        }
        Ok(())
    }

    /// Checks that each chat in a resident list has the user as a member.
    async fn memberships(&self, id: UserId, findings: &mut Findings) -> Result<()> {
        let listed = self.hot.chats_of(id).await?.unwrap_or_default();
        let saved = self.cold.chats_of(id).await?;
        for some in listed.chunks(100) {
            let members = try_join_all(
                some.iter()
                    .map(|listed| self.hot.member_of(listed.chat, id)),
            )
            .await?;
            for (listed, member) in some.iter().zip(members) {
                let is_in = match member {
                    Some(member) => member.is_some_and(|member| member.is_in()),
                    None => saved
                        .iter()
                        .any(|(chat, _, left)| *chat == listed.chat && !left.happened()),
                };
                if !listed.left.happened() && !is_in {
                    findings.faults.push(format!(
                        "has {} in their list, and is not in it",
                        listed.chat
                    ));
                }
            }
        }
        findings.rows += listed.len() as u64;
        Ok(())
    }

    /// Checks that no chat of a resident user has changed since the order of the chats says, if it
    /// can be relied upon.
    async fn order(&self, id: UserId, hot: &UserAudit, findings: &mut Findings) -> Result<()> {
        let Some(order) = &hot.order else {
            return Ok(());
        };
        let listed = self.hot.chats_of(id).await?.unwrap_or_default();
        let present = listed.iter().filter(|listed| !listed.left.happened());
        let chats: Vec<ChatId> = present.map(|listed| listed.chat).collect();
        for some in chats.chunks(100) {
            let ticks = self.hot.row_ticks(some, false).await?;
            for (chat, ticks) in some.iter().zip(ticks) {
                let clock = ticks.map_or(Tick::NEVER, |ticks| ticks.clock);
                match order.get(chat) {
                    None => findings
                        .faults
                        .push(format!("has {chat} in their list, and not in its order")),
                    Some(score) if clock > *score => findings.faults.push(format!(
                        "{chat} changed at {clock}, after its place in their order, {score}"
                    )),
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// Looks until nothing is wrong, or until the waits are used up.
async fn until_well(look: impl AsyncFn() -> Result<Findings>) -> Result<Findings> {
    let mut findings = look().await?;
    for wait in RECHECK_WAITS {
        if findings.faults.is_empty() {
            break;
        }
        sleep(wait).await;
        findings = look().await?;
    }
    Ok(findings)
}

/// Compares the revs of a row that both stores may have; `saved` is `NEVER` when SQL has none.
fn row(what: &str, hot: Tick, saved: Tick, is_dirty: bool, clock: Tick, faults: &mut Vec<String>) {
    if saved > hot {
        faults.push(format!(
            "{what} is newer in SQL ({saved}) than in Redis ({hot}, clock {clock})"
        ));
    } else if saved < hot && !is_dirty {
        let saved = if saved.happened() {
            format!("at {saved}")
        } else {
            "not at all".into()
        };
        faults.push(format!(
            "{what} is not called unsaved, and SQL has it {saved}, Redis at {hot}"
        ));
    }
}

fn compare(hot: &ChatAudit, cold: Option<&ColdChat>, heads: &[Head], findings: &mut Findings) {
    let faults = &mut findings.faults;
    if !hot.due {
        faults.push("is in Redis, and no flusher will look at it: not in the due set".into());
    }
    let is_dirty = |entry: &str| hot.dirty.contains_key(entry) || hot.parked.contains(entry);
    row(
        "the chat's row",
        hot.chat.rev,
        cold.map_or(Tick::NEVER, |cold| cold.chat.rev),
        is_dirty("chat"),
        hot.clock,
        faults,
    );

    if let Some(pair) = hot
        .list
        .windows(2)
        .find(|pair| pair[0].message.id >= pair[1].message.id)
    {
        faults.push(format!(
            "ids do not rise in Redis: {} comes before {}",
            pair[0].message.id, pair[1].message.id
        ));
    }
    let mut all: BTreeMap<Tick, Head> = heads.iter().map(|head| (head.id, *head)).collect();
    for stored in hot.list.iter().chain(&hot.changed) {
        let message = &stored.message;
        let saved = all.get(&message.id).map_or(Tick::NEVER, |head| head.rev);
        row(
            &format!("message {}", message.id),
            message.rev,
            saved,
            is_dirty(&format!("message:{}", message.id)),
            hot.clock,
            faults,
        );
        let is_text = message.kind == model::MessageKind::Text;
        all.insert(
            message.id,
            Head {
                id: message.id,
                seq: message.seq,
                rev: message.rev,
                is_text,
            },
        );
    }
    if let Some(head) = all.values().find(|head| head.rev > hot.clock) {
        faults.push(format!(
            "message {} is newer in SQL ({}) than anything in Redis (clock {})",
            head.id, head.rev, hot.clock
        ));
    }
    if hot.chat.deleted.happened() {
        if !is_dirty("chat") && !heads.is_empty() {
            faults.push(format!(
                "it is deleted, and SQL has {} of its messages",
                heads.len()
            ));
        }
    } else {
        count(all.values(), hot.chat.seq, hot.chat.texts, faults);
    }

    for (user, member) in &hot.members {
        let saved = cold
            .and_then(|cold| cold.members.iter().find(|(other, _)| other == user))
            .map_or(Tick::NEVER, |(_, saved)| saved.rev);
        row(
            &format!("member {user}"),
            member.rev,
            saved,
            is_dirty(&format!("member:{user}")),
            hot.clock,
            faults,
        );
    }
    for (user, _) in cold
        .iter()
        .flat_map(|cold| &cold.members)
        .filter(|(user, member)| member.is_in() && !hot.members.contains_key(user))
    {
        faults.push(format!("member {user} is in SQL and not in Redis"));
    }
    findings.rows = (all.len() + hot.members.len() + 1) as u64;
}

fn of_sql(cold: Option<&ColdChat>, heads: &[Head], findings: &mut Findings) {
    findings.rows = heads.len() as u64;
    let faults = &mut findings.faults;
    let Some(cold) = cold else {
        if !heads.is_empty() {
            faults.push(format!(
                "{} messages are in SQL without their chat",
                heads.len()
            ));
        }
        return;
    };
    findings.rows += cold.members.len() as u64 + 1;
    if cold.chat.deleted.happened() {
        if !heads.is_empty() {
            faults.push(format!(
                "it is deleted, and SQL has {} of its messages",
                heads.len()
            ));
        }
        return;
    }
    count(heads.iter(), cold.chat.seq, cold.chat.texts, faults);
    if let Some(head) = heads.iter().find(|head| head.rev > cold.chat.rev) {
        faults.push(format!(
            "message {} has rev {}, after its chat's {}",
            head.id, head.rev, cold.chat.rev
        ));
    }
}

/// Checks messages in the order of their ids: the seqs are 1, 2, 3 ..., and the chat's counts are
/// right.
fn count<'a>(
    heads: impl Iterator<Item = &'a Head>,
    seq: i64,
    texts: i64,
    faults: &mut Vec<String>,
) {
    let (mut expected, mut found_texts) = (1, 0);
    for head in heads {
        if head.seq != expected {
            faults.push(format!(
                "message {} has seq {}, and {expected} was to come: there is a gap, or one twice",
                head.id, head.seq
            ));
            return;
        }
        expected += 1;
        found_texts += i64::from(head.is_text);
    }
    if expected - 1 != seq {
        faults.push(format!(
            "the chat counts {seq} messages, there are {}",
            expected - 1
        ));
    }
    if found_texts != texts {
        faults.push(format!(
            "the chat counts {texts} texts, there are {found_texts}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(seqs: &[i64]) -> Vec<Head> {
        let head = |seq: &i64| Head {
            id: Tick(seq * 10),
            seq: *seq,
            rev: Tick(seq * 10),
            is_text: seq % 2 == 1,
        };
        seqs.iter().map(head).collect()
    }

    fn counted(seqs: &[i64], seq: i64, texts: i64) -> Vec<String> {
        let mut faults = Vec::new();
        count(heads(seqs).iter(), seq, texts, &mut faults);
        faults
    }

    #[test]
    fn a_gap_a_repetition_and_a_wrong_count_are_faults() {
        assert_eq!(counted(&[], 0, 0), [""; 0]);
        assert_eq!(counted(&[1, 2, 3], 3, 2), [""; 0]);
        for (seqs, seq, texts, word) in [
            (&[1, 3][..], 2, 2, "gap"),
            (&[1, 1, 2], 3, 2, "gap"),
            (&[1, 2, 3], 4, 2, "counts 4 messages"),
            (&[1, 2, 3], 3, 3, "counts 3 texts"),
        ] {
            let faults = counted(seqs, seq, texts);
            assert!(faults.len() == 1 && faults[0].contains(word), "{faults:?}");
        }
    }

    #[test]
    fn a_row_is_saved_or_dirty_and_never_newer_in_sql() {
        let faults = |hot, saved, is_dirty| {
            let mut faults = Vec::new();
            row("it", Tick(hot), Tick(saved), is_dirty, Tick(9), &mut faults);
            faults.len()
        };
        assert_eq!(faults(5, 5, false), 0);
        assert_eq!(faults(5, 3, true), 0);
        assert_eq!(
            faults(5, 3, false),
            1,
            "Redis calls it saved, and it is not"
        );
        assert_eq!(faults(3, 5, true), 1, "SQL is newer");
    }
}
