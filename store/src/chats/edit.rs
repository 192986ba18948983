//! Edits, deletes and reacts to one message that was sent.

use std::collections::HashSet;

use futures_util::future::try_join;
use hot::{
    ChangeNotice, MemberReaction, Membership, MessageAction, ReactOutcome, RecordVersion,
    ReplaceOutcome, Replacement,
};
use model::{
    Message, MessageKind, Metadata, Name, NameKind, Reactors, ServerEvent, StoredMessage, Tick,
    UserId, merge_metadata, names_all, names_in, split_record,
};

use crate::{
    Error, Result, Store,
    chats::{quote::previews_of, read_record},
    residency::retry,
};

/// The most names that are looked up in an edited body; a message mentions no more members.
const MAX_NAMES: usize = 50;

/// A change of a text; a value of `None` stays.
#[derive(Clone, Debug, Default)]
pub struct MessageEdit {
    /// The new body.
    pub body: Option<String>,
    /// The new subject; `Some(None)` removes it.
    pub subject: Option<Option<String>>,
    /// The members whom the message mentions from now on. While it is `None`, the mentions follow
    /// the usernames that come into the body, and that go out of it.
    pub mentions: Option<Vec<UserId>>,
    /// True when the message mentions all members from now on, false when it does not. While it is
    /// `None`, that follows an `@all` that comes into the body, if the user may, and one that goes
    /// out of it.
    pub mentions_all: Option<bool>,
    /// A merge patch of the metadata; `Some(None)` takes all of it.
    pub metadata: Option<Option<Metadata>>,
}

impl MessageEdit {
    /// True when only the metadata changes: such a message does not count as edited.
    fn is_of_metadata_alone(&self) -> bool {
        self.metadata.is_some()
            && self.body.is_none()
            && self.subject.is_none()
            && self.mentions.is_none()
            && self.mentions_all.is_none()
    }
}

/// A change of the members whom a message mentions.
#[derive(Default)]
struct Naming {
    gone: Vec<UserId>,
    come: Vec<UserId>,
    all: Option<bool>,
}

impl Store {
    /// Returns one message as it is now.
    ///
    /// # Errors
    /// [`Error::NoMessage`] when the user does not see it; [`Error::NoChat`] when they are not a
    /// member.
    pub async fn message(&self, membership: Membership, id: Tick) -> Result<Message> {
        let ((stored, _), settings) = try_join(
            self.read_message(membership, id),
            self.chat_settings(membership),
        )
        .await?;
        if settings.shows(id) {
            Ok(stored.message)
        } else {
            Err(Error::NoMessage)
        }
    }

    /// Changes a text of the user's own, and returns its new JSON.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`] when the text is of another sender; [`Error::NoMessage`] when it was
    /// deleted; [`Error::MentionsAll`] when the user may not mention all; [`Error::Metadata`] when
    /// the metadata would break a rule; [`Error::NoChat`].
    pub async fn edit(
        &self,
        membership: Membership,
        id: Tick,
        edit: &MessageEdit,
    ) -> Result<String> {
        let mut may_mention_all = true;
        loop {
            let (mut stored, seen) = self.read_message(membership, id).await?;
            let message = &mut stored.message;
            if message.deleted == Some(true) {
                return Err(Error::NoMessage);
            }
            if message.sender_id != membership.user || message.kind == MessageKind::System {
                return Err(Error::RoleTooLow);
            }
            let before = message.mentions.take().unwrap_or_default();
            let after = match (&edit.mentions, &edit.body) {
                (Some(mentions), _) => once_each(mentions.iter().copied()),
                (None, Some(body)) => {
                    let bodies = (message.body.as_str(), body.as_str());
                    self.follow_names(membership, &before, bodies).await?
                }
                (None, None) => before.clone(),
            };
            let others = |some: &[UserId], but: &[UserId]| {
                let users = some.iter().filter(|user| !but.contains(user));
                once_each(users.copied().filter(|user| *user != membership.user))
            };
            let had_all = message.mentions_all == Some(true);
            let has_all = edit.mentions_all.unwrap_or_else(|| {
                let bodies = (message.body.as_str(), edit.body.as_deref());
                follow_all(had_all, bodies, may_mention_all)
            });
            let naming = Naming {
                gone: others(&before, &after),
                come: others(&after, &before),
                all: (has_all != had_all).then_some(has_all),
            };
            message.mentions = (!after.is_empty()).then_some(after);
            message.mentions_all = has_all.then_some(true);
            if let Some(body) = &edit.body {
                message.body.clone_from(body);
            }
            if let Some(subject) = &edit.subject {
                message.subject.clone_from(subject);
            }
            if let Some(patch) = &edit.metadata {
                message.metadata = merge_metadata(message.metadata.as_ref(), patch.as_ref())
                    .map_err(Error::Metadata)?;
            }
            let action = if edit.is_of_metadata_alone() {
                MessageAction::Annotate
            } else {
                message.edited_at = None; // The script writes the new time.
                MessageAction::Edit
            };
            match self
                .replace(membership, &stored, action, &naming, &seen)
                .await
            {
                Ok(Some(record)) => return Ok(split_record(&record).0.to_owned()),
                Ok(None) => {}
                // Without a word of the client it is a text in which `@all` stands, and no more.
                Err(Error::MentionsAll(_)) if edit.mentions_all.is_none() => {
                    may_mention_all = false;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Deletes a text for everyone: its sender may, and members who may remove others. A repetition
    /// is no error.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`] for other members and for system messages; [`Error::NoMessage`];
    /// [`Error::NoChat`].
    pub async fn delete_for_everyone(&self, membership: Membership, id: Tick) -> Result<()> {
        loop {
            let (StoredMessage { message, .. }, seen) = self.read_message(membership, id).await?;
            if message.deleted == Some(true) {
                return Ok(());
            }
            if message.kind == MessageKind::System {
                return Err(Error::RoleTooLow);
            }
            let tombstone = StoredMessage {
                message: message.tombstone(),
                reactors: Vec::new(),
            };
            if self
                .replace(
                    membership,
                    &tombstone,
                    MessageAction::Delete,
                    &Naming::default(),
                    &seen,
                )
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
    }

    /// Adds a reaction with an emoji in its canonical form, or takes it back. A repetition is no
    /// error.
    ///
    /// # Errors
    /// [`Error::NoMessage`] when the message was deleted; [`Error::TooManyReactions`] for one kind
    /// too many; [`Error::NoChat`].
    pub async fn react(
        &self,
        membership: Membership,
        id: Tick,
        emoji: &str,
        on: bool,
    ) -> Result<()> {
        if !self.chat_settings(membership).await?.shows(id) {
            return Err(Error::NoMessage);
        }
        let (own, mut saved) = (membership, None);
        let reaction = MemberReaction { own, id, emoji, on };
        loop {
            match retry(|| self.hot.react(reaction, saved.as_ref())).await? {
                Ok(ReactOutcome::Done(record, change, answered)) => {
                    let rest = format!(
                        r#""user_id":"{}","emoji":"{emoji}","added":{on},"#,
                        membership.user
                    );
                    let mut json = [split_record(&record).0.to_owned()];
                    self.quote(membership.chat, &mut json, &answered).await;
                    self.notify_message("reaction", membership, change, &rest, &json[0]);
                    return Ok(());
                }
                Ok(ReactOutcome::Same) => return Ok(()),
                Ok(ReactOutcome::Saved(version)) => {
                    let stored = self.cold.message(membership.chat, id).await?;
                    saved = Some((stored.ok_or(Error::NoMessage)?, version));
                }
                Ok(ReactOutcome::Deleted) => return Err(Error::NoMessage),
                Ok(ReactOutcome::Many) => return Err(Error::TooManyReactions),
                Ok(ReactOutcome::Full) => return Err(Error::NoRoom),
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        }
    }

    /// Returns the users who reacted to a message, by kind of reaction.
    ///
    /// # Errors
    /// [`Error::NoMessage`] when the user does not see it; [`Error::NoChat`].
    pub async fn reactors(&self, membership: Membership, id: Tick) -> Result<Vec<Reactors>> {
        let ((mut stored, _), settings) = try_join(
            self.read_message(membership, id),
            self.chat_settings(membership),
        )
        .await?;
        if !settings.shows(id) {
            return Err(Error::NoMessage);
        }
        if stored.has_others() {
            let others = retry(|| self.hot.other_reactors(membership.chat, id)).await?;
            stored.add_others(&others);
        }
        Ok(stored.reactors)
    }

    /// Returns whom a message mentions when its body becomes another one: without the members whose
    /// usernames went out of it, and with those whose usernames came into it.
    async fn follow_names(
        &self,
        membership: Membership,
        before: &[UserId],
        (old, new): (&str, &str),
    ) -> Result<Vec<UserId>> {
        let (old, new) = (names_in(old), names_in(new));
        let gone = self.users_of(old.difference(&new)).await?;
        let come = self.users_of(new.difference(&old)).await?;
        let mut after: Vec<UserId> = before.to_vec();
        after.retain(|user| !gone.contains(user));
        if !come.is_empty() {
            let members = self.members(membership).await?;
            let is_in = |user: &UserId| members.iter().any(|member| member.user_id == *user);
            after.extend(come.into_iter().filter(is_in));
        }
        let mut after = once_each(after.into_iter());
        after.truncate(MAX_NAMES.max(before.len()));
        Ok(after)
    }

    /// Returns the users who have these names, of the first so many.
    async fn users_of(&self, words: impl Iterator<Item = &String>) -> Result<Vec<UserId>> {
        let mut users = Vec::new();
        for word in words.take(MAX_NAMES) {
            // A sentence may end behind a name, and a name may end so itself.
            let short = word.trim_end_matches(['.', '-']);
            let mut found = self.find(&Name::new(NameKind::Username, word)).await?;
            if found.is_none() && short != word {
                found = self.find(&Name::new(NameKind::Username, short)).await?;
            }
            users.extend(found.map(|user| user.id));
        }
        Ok(users)
    }

    /// Replaces the record of a message and notifies the members. Returns the new record, or
    /// `None` when the message has changed since it was read.
    async fn replace(
        &self,
        membership: Membership,
        stored: &StoredMessage,
        act: MessageAction,
        naming: &Naming,
        seen: &RecordVersion,
    ) -> Result<Option<String>> {
        let new = Replacement {
            stored,
            action: act,
            actor: membership.user,
            gone: &naming.gone,
            come: &naming.come,
            all: naming.all,
            seen,
        };
        match retry(|| self.hot.replace(&new)).await? {
            Ok(ReplaceOutcome::Done(mut record, change)) => {
                if let Some(reply) = &stored.message.reply_to {
                    model::quote(&mut record, |_| reply.preview.clone());
                }
                let json = split_record(&record).0;
                self.notify_message("message.updated", membership, change, "", json);
                Ok(Some(record))
            }
            Ok(ReplaceOutcome::Stale) => Ok(None),
            Ok(ReplaceOutcome::Role) => Err(Error::RoleTooLow),
            Ok(ReplaceOutcome::Full) => Err(Error::NoRoom),
            Err(refusal) => self.resolve(membership.chat, refusal).await.map(|()| None),
        }
    }

    /// Notifies the members of a message as it is now; `rest` is what the event has besides.
    fn notify_message(
        &self,
        kind: &str,
        membership: Membership,
        change: ChangeNotice,
        rest: &str,
        json: &str,
    ) {
        let (chat, clock) = (membership.chat, rev_of(json));
        let rest = format!(r#"{rest}"message":{json}"#);
        let event = ServerEvent::json(kind, chat, clock, change.prev, &rest);
        self.notifier.members(chat, change, clock, event);
    }

    /// Returns a message, and the version to compare when it is replaced.
    pub(crate) async fn read_message(
        &self,
        membership: Membership,
        id: Tick,
    ) -> Result<(StoredMessage, RecordVersion)> {
        let hot = loop {
            match retry(|| self.hot.message(membership, id)).await? {
                Ok(found) => break found,
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        };
        let mut stored = match hot.record {
            Some(record) => read_record(&record)?,
            None => self
                .cold
                .message(membership.chat, id)
                .await?
                .ok_or(Error::NoMessage)?,
        };
        self.quote_all(std::iter::once(&mut stored.message), |wanted| {
            previews_of(membership.chat, hot.answered.iter(), wanted)
        })
        .await;
        Ok((stored, hot.version))
    }
}

/// Returns users in their order, each once.
fn once_each(users: impl Iterator<Item = UserId>) -> Vec<UserId> {
    let mut seen = HashSet::new();
    users.filter(|user| seen.insert(*user)).collect()
}

/// Returns whether a message mentions all when its body becomes another one, if it does.
fn follow_all(had_all: bool, (old, new): (&str, Option<&str>), may: bool) -> bool {
    match new.map(|new| (names_all(old), names_all(new))) {
        Some((false, true)) => had_all || may,
        Some((true, false)) => false,
        _ => had_all,
    }
}

/// Returns the rev in a message's JSON, which comes after its id and seq.
fn rev_of(json: &str) -> Tick {
    let rest = json.split_once(r#""rev":"#).map_or("", |(_, rest)| rest);
    Tick(
        rest.split(',')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_says_nothing_of_it_follows_the_word_for_all() {
        for (had_all, old, new, expected) in [
            (false, "come", Some("@all come"), true),
            (true, "@all come", Some("come"), false),
            (true, "@all come", Some("@all, come"), true),
            (true, "come", Some("stay"), true),
            (false, "@all come", Some("@all, come"), false),
            (true, "@all", None, true),
            (false, "@all", None, false),
        ] {
            let follows = follow_all(had_all, (old, new), true);
            assert_eq!(follows, expected, "{old} {new:?}");
        }
        assert!(!follow_all(false, ("", Some("@all")), false), "who may not");
    }

    #[test]
    fn the_rev_is_read_from_the_json_of_a_message() {
        assert_eq!(rev_of(r#"{"id":1,"seq":2,"rev":30,"body":"x"}"#), Tick(30));
        assert_eq!(rev_of(r#"{"id":1}"#), Tick::default());
        assert_eq!(rev_of(""), Tick::default());
    }
}
