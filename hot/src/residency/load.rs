//! The load of a chat or a user, by which it becomes resident.

use fred::types::Value;
use model::{Chat, ChatId, Member, PrivateRow, StoredMessage, Tick, User, UserId};

use crate::{
    chats::{other_list, remembered},
    people::{FIELDS, ListedChat, NAMELESS_LIFE},
    wire::{Hot, Millis, Reply, Result, arg, verbs},
};

/// The most rows of a list that one script writes: more would hold up whoever else uses Redis.
const PART: usize = 500;

/// The outcome of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadOutcome {
    /// The chat or user is resident now.
    Done,
    /// Another load was first.
    Resident,
    /// The nonce is not the current one: the rows that were read may be old.
    Fenced,
}

impl LoadOutcome {
    pub(crate) fn of(reply: &Reply) -> Result<Self> {
        match reply.word() {
            "OK" => Ok(Self::Done),
            "RESIDENT" => Ok(Self::Resident),
            "FENCED" => Ok(Self::Fenced),
            _ => Err(reply.unexpected()),
        }
    }
}

/// The rows of a chat that becomes resident.
#[derive(Clone, Debug)]
pub struct ChatRows {
    /// The chat's row.
    pub chat: Chat,
    /// The members.
    pub members: Vec<(UserId, Member)>,
    /// The highest rev of a former member; `NEVER` when nobody has left.
    pub gone: Tick,
    /// The newest messages, oldest first.
    pub messages: Vec<StoredMessage>,
    /// Idempotency keys of the last hour's messages: sender, key, id.
    pub sent: Vec<(UserId, String, Tick)>,
    /// True for a chat that SQL does not have yet: all its rows are dirty.
    pub new: bool,
}

impl Hot {
    /// Makes a chat resident, if `nonce` still holds.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn load_chat(&self, nonce: &str, rows: &ChatRows) -> Result<LoadOutcome> {
        let chat = &rows.chat;
        let wait = if rows.new {
            self.options.flush_after
        } else {
            self.options.chat_ttl
        };
        let newest_member = rows
            .members
            .iter()
            .map(|(_, member)| member.rev)
            .max()
            .unwrap_or_default();
        let clock = chat.rev.max(chat.last).max(newest_member);
        let fields = [
            ("kind", arg(chat.kind.as_str())),
            ("name", arg(&chat.name)),
            ("creator", arg(chat.creator)),
            ("created", arg(chat.created)),
            ("last", arg(chat.last)),
            ("seq", arg(chat.seq)),
            ("texts", arg(chat.texts)),
            ("rev", arg(chat.rev)),
            ("description", arg(&chat.description)),
            ("avatar", arg(&chat.avatar)),
            ("blocks", arg(&chat.blocks)),
            ("deleted", arg(chat.deleted)),
            ("mentions_all", arg(&chat.mentions_all)),
            ("pins", arg(&chat.pins)),
            ("invites", arg(&chat.invites)),
            ("clock", arg(clock)),
            ("told", arg(clock)),
            ("roster", arg(clock)),
            ("dropped", arg(nonce)),
            ("indexed", arg("1")),
            ("gone", arg(rows.gone)),
        ];
        let fields = fields
            .into_iter()
            .flat_map(|(field, value)| [arg(field), value])
            .collect();
        let member_records = rows
            .members
            .iter()
            .flat_map(|(user, member)| [arg(user), arg(member.record())])
            .collect();
        let records = rows.messages.iter().map(|stored| arg(stored.record()));
        let records = records.collect();
        let messages = || rows.messages.iter().map(|stored| &stored.message);
        let silent = messages().filter(|message| !message.counts());
        let silent_ids = silent.flat_map(|message| [arg(message.id), arg(message.id)]);
        let silent_ids = silent_ids.collect();
        let file_entries = messages().flat_map(|message| {
            let files = message.attachments.iter().flatten();
            files.flat_map(|file| [arg(0), arg(format_args!("{}:{}", file.hash, message.id))])
        });
        let file_entries = file_entries.collect();
        let (sent_keys, recent_digests) = remembered(&rows.sent);
        let mut reacted_ids = Vec::new();
        for stored in &rows.messages {
            let others = other_list(&stored.others());
            if others.is_empty() {
                continue;
            }
            reacted_ids.push(arg(stored.message.id));
            let loaded = self.load_others(chat.id, nonce, stored.message.id, others);
            match loaded.await? {
                LoadOutcome::Done => {}
                refused => return Ok(refused),
            }
        }
        let mut dirty_entries = Vec::new();
        if rows.new {
            dirty_entries.extend([arg(chat.rev), arg("chat")]);
            for (user, member) in &rows.members {
                dirty_entries.extend([
                    arg(member.rev),
                    arg(format_args!("member:{user}")),
                    arg(member.rev),
                    arg(format_args!("list:{user}")),
                ]);
            }
        }
        LoadOutcome::of(
            &self
                .run(verbs::LoadChat {
                    chat: chat.id,
                    nonce: arg(nonce),
                    ttl: Millis(self.options.chat_ttl),
                    wait: Millis(wait),
                    fields,
                    member_records,
                    records,
                    sent_keys,
                    recent_digests,
                    dirty_entries,
                    silent_ids,
                    file_entries,
                    reacted_ids,
                })
                .await?,
        )
    }

    /// Writes who reacted to a message of a chat that is about to be loaded, beyond those whom the
    /// message names.
    async fn load_others(
        &self,
        chat: ChatId,
        nonce: &str,
        id: Tick,
        others: Vec<Value>,
    ) -> Result<LoadOutcome> {
        let nonce = arg(nonce);
        LoadOutcome::of(
            &self
                .run(verbs::LoadOthers {
                    chat,
                    nonce,
                    id,
                    others,
                })
                .await?,
        )
    }

    /// Makes a user resident with this row, these chats and these private rows, if `nonce` still
    /// holds. Without a row it is a new user, who has no name yet.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn load_user(
        &self,
        id: UserId,
        nonce: &str,
        row: Option<&User>,
        chats: &[ListedChat],
        private_rows: &[PrivateRow],
    ) -> Result<LoadOutcome> {
        let clock = private_rows
            .iter()
            .map(|row| row.rev)
            .chain(row.map(|user| user.rev))
            .max()
            .unwrap_or_default();
        let mut fields = vec![arg("id"), arg(id), arg("clock"), arg(clock)];
        if let Some(user) = row {
            let values = [
                arg(&user.username),
                arg(&user.email),
                arg(&user.display_name),
                arg(&user.bio),
                arg(&user.avatar),
                arg(&user.password),
                arg(user.password_rev),
                arg(user.created),
                arg(user.erased),
                arg(u8::from(user.found_by_email)),
                arg(&user.external_id),
                arg(user.disabled),
                arg(user.metadata_json().unwrap_or_default()),
                arg(user.rev),
            ];
            fields.extend(
                FIELDS
                    .into_iter()
                    .zip(values)
                    .flat_map(|(field, value)| [arg(field), value]),
            );
        }
        let wait = if row.is_some() {
            self.options.chat_ttl
        } else {
            self.options.chat_ttl.max(NAMELESS_LIFE)
        };
        let chat_entries = chats.iter().flat_map(|listed| {
            let known = arg(format_args!("{} {}", listed.rev, listed.left));
            [arg(listed.chat), known]
        });
        let kept = private_rows.iter().filter(|row| !row.value.is_empty());
        let private_entries =
            kept.flat_map(|row| [arg(row.key), arg(format_args!("{} {}", row.rev, row.value))]);
        let mut chat_parts = parts(chat_entries.collect());
        let mut private_parts = parts(private_entries.collect());
        let (chat_entries, private_entries) = (last(&mut chat_parts), last(&mut private_parts));
        let before = chat_parts.into_iter().map(|part| (part, Vec::new()));
        let before = before.chain(private_parts.into_iter().map(|part| (Vec::new(), part)));
        // The nonce that lets the user be loaded is gone before a part is.
        let life = Millis(self.options.hydrate_lease * 2);
        let mut has_parts = false;
        for (chat_entries, private_entries) in before {
            let part = verbs::LoadUserPart {
                user: id,
                nonce: arg(nonce),
                is_first: !has_parts,
                life,
                chat_entries,
                private_entries,
            };
            match LoadOutcome::of(&self.run(part).await?)? {
                LoadOutcome::Done => has_parts = true,
                refused => return Ok(refused),
            }
        }
        LoadOutcome::of(
            &self
                .run(verbs::LoadUser {
                    user: id,
                    nonce: arg(nonce),
                    has_parts,
                    wait: Millis(wait),
                    fields,
                    chat_entries,
                    private_entries,
                })
                .await?,
        )
    }
}

/// Returns values in parts of which each is written by one script.
fn parts(values: Vec<Value>) -> Vec<Vec<Value>> {
    values.chunks(2 * PART).map(<[Value]>::to_vec).collect()
}

fn last(parts: &mut Vec<Vec<Value>>) -> Vec<Value> {
    parts.pop().unwrap_or_default()
}
