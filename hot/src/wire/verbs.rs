//! The contract of every verb: its keys, its arguments and its lists, each by name and in order.

use fred::types::{Key, Value};
use model::{ChatId, Tick, UserId};

use super::{
    ChatKeys, UserKeys,
    contract::{Argument, ArgumentKind, Call, Contract, Micros, Millis, Text, always, lua, verbs},
};

/// Returns the lines of Lua that stop a script in a Redis that was not compared with SQL.
pub(crate) fn only_on() -> String {
    lua!("server/", "only_on")
}

// `allow-oom`: a verb that empties a full Redis, or ends something, must run when it is full.
// `no-writes` implies it.
//
// `chat(...)` and `user(...)` are keys of the chat or the user that the call names; `as` passes its
// id too, as the first argument. `keys(...)` are keys that the caller names.
verbs! {
    /// Appends a message to a chat.
    Append "chats" "append" ""
        chat as chat_id (
            chat token messages members dirty sent recent due changed silent files commits
        )
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The author of the message.
            sender: UserId,
            /// The idempotency key.
            client_id: Text,
            /// What `recent` has of the key; empty when the key tells no time.
            digest: Text,
            /// True when the key tells its age; `sent` remembers any other.
            tells_age: bool,
            /// The message's JSON after its ticks.
            tail: Text,
            /// The time for which the chat stays warm.
            ttl: Millis,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
            /// The most members of a group of which each may mention all.
            all_up_to: usize,
            /// True when the key may be so old that Redis has forgotten it.
            is_old: bool,
            /// The id of the message of this key that SQL did not have.
            missing: Tick,
            /// What `dropped` was before SQL was asked for it, or for any of this key; empty when
            /// it was not.
            seen: Text,
            /// The version of the roster whose inboxes these are.
            readers: Tick,
        }
        lists {
            /// The channels on which its readers are told of it; none when the caller tells them.
            inboxes,
        };
    /// Reads the ticks by which a chat has its place in lists.
    RowTicks "chats" "row_ticks" "no-writes"
        chat (chat);
    /// Reads them, and puts a chat at rest that has not changed for a while.
    Rest "chats" "rest" "allow-oom"
        chat (chat);
    /// Notes that the members of a chat were marked in their orders.
    NoteMarked "chats" "note_marked" "allow-oom"
        chat (chat)
        {
            /// The version of the roster whose users they are.
            roster: Tick,
            /// The tick of their marks.
            since: Tick,
        };
    /// Moves a member's read and delivered marks forward.
    MarkRead "chats" "mark_read" ""
        chat as chat_id (chat token messages members dirty due changed silent commits)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The member whose marks move.
            reader: UserId,
            /// The id of the newest message that was read.
            read: Tick,
            /// The id of the newest message that was received.
            delivered: Tick,
            /// The time for which the chat stays warm.
            ttl: Millis,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
            /// The id below which SQL counted texts; 0 at the first try.
            below: Tick,
            /// The number of texts that SQL has after `read` and before `below`.
            texts_below: i64,
            /// What `dropped` was before SQL counted.
            seen: Text,
            /// The number of members above which nobody is notified.
            notify_up_to: usize,
        }
        lists {
            /// The ids of deleted texts that SQL left out.
            left_out,
        };
    /// Adds a member to a group, removes one, or changes a member's role.
    ChangeMember "chats" "change_member" ""
        chat as chat_id (chat token messages members dirty due changed silent)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The member who makes the change.
            actor: UserId,
            /// The user whom the change is about.
            user: UserId,
            /// `add`, `join`, `remove`, or the new role.
            action: Text,
            /// The SHA-256 of the token by which the user joins; else empty.
            token_hash: Text,
            /// The JSON, after its ticks, of the system message about the change.
            tail: Text,
            /// The number of members that a group may have.
            max_members: usize,
            /// The time for which the chat stays warm.
            ttl: Millis,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
        };
    /// Makes an invitation to a group, or revokes one.
    ChangeInvites "chats" "change_invites" ""
        chat as chat_id (chat token messages members dirty due changed silent)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The member who makes the change.
            actor: UserId,
            /// The id of the invitation to revoke, or 0.
            id: Tick,
            /// The SHA-256 of the token of the invitation to make; empty to revoke one.
            token_hash: Text,
            /// The tick at which it ends, or 0.
            ends: Tick,
            /// The number of people whom it lets in, or 0 for any.
            max_uses: i64,
            /// The number of invitations that a group may have.
            max_invites: usize,
            /// The time for which the chat stays warm.
            ttl: Millis,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
        };
    /// Reads the invitations to a group.
    Invites "chats" "invites" "no-writes"
        chat (chat members)
        {
            /// The member who asks.
            reader: UserId,
        };
    /// Reads what of a group an invitation shows.
    Invited "chats" "invited" "no-writes"
        chat (chat members)
        {
            /// The user who asks.
            reader: UserId,
            /// The SHA-256 of the token.
            token_hash: Text,
        };
    /// Changes a group's name, description or picture.
    ChangeChat "chats" "change_chat" ""
        chat as chat_id (chat token messages members dirty due changed silent)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The member who makes the change.
            actor: UserId,
            /// The name as the caller read it.
            seen_name: Text,
            /// The new name.
            name: Text,
            /// The description as the caller read it.
            seen_description: Text,
            /// The new description.
            description: Text,
            /// The picture as the caller read it.
            seen_avatar: Text,
            /// The hash of the new picture, or empty.
            avatar: Text,
            /// The JSON, after its ticks, of the system message about a new name; empty when the
            /// name stays.
            tail: Text,
            /// The time for which the chat stays warm.
            ttl: Millis,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
        };
    /// Deletes a group.
    DeleteChat "chats" "delete_chat" "allow-oom"
        chat as chat_id (chat token messages members dirty due changed sent recent silent files)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The member who deletes it.
            actor: UserId,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
        };
    /// Replaces a message by another version of it.
    Replace "chats" "replace" ""
        chat as chat_id (chat token messages members dirty due changed silent files)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The member who makes the change.
            actor: UserId,
            /// The sender of the message.
            author: UserId,
            /// The id of the message.
            id: Tick,
            /// The SHA-1 of the record that was read, or what `dropped` was before SQL was read.
            seen: Text,
            /// The JSON before its rev.
            head: Text,
            /// The JSON after its rev, without the closing brace.
            tail: Text,
            /// `edit` or `delete`.
            action: Text,
            /// The users whom an edit names no longer, ` -USER` each, and those whom it names now,
            /// ` +USER` each; `all` for all.
            named: Text,
            /// The most members of a group of which each may mention all.
            all_up_to: usize,
            /// The line after the JSON: the first who reacted.
            reactors: Text,
            /// The time for which the chat stays warm.
            ttl: Millis,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
        }
        lists {
            /// The others who reacted, where Redis does not have them yet: user, emojis.
            others,
        };
    /// Goes on with what follows from the deletion of a text, for some members.
    Uncount "chats" "uncount" "allow-oom"
        chat (chat messages members dirty changed silent);
    /// Adds a reaction to a message, or takes it back.
    React "chats" "react" ""
        chat as chat_id (chat token messages members dirty due changed silent commits)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The member who reacts.
            actor: UserId,
            /// The id of the message.
            id: Tick,
            /// The emoji.
            emoji: Text,
            /// True to add it.
            on: bool,
            /// The number of kinds of reaction that a message may have.
            max_kinds: usize,
            /// The record of the message as SQL has it, or empty.
            record: Text,
            /// What `dropped` was before SQL was read.
            seen: Text,
            /// The time for which the chat stays warm.
            ttl: Millis,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
        }
        lists {
            /// The others who reacted, as SQL has them: user, emojis.
            saved_others,
        };
    /// Reads one hot message.
    Message "chats" "message" "no-writes"
        chat (chat messages members changed commits)
        {
            /// The member who asks.
            reader: UserId,
            /// The id of the message.
            id: Tick,
        };
    /// Looks for the message that was sent under an idempotency key.
    FindSent "chats" "find_sent" "no-writes"
        chat (chat messages members sent recent commits)
        {
            /// The author of the message.
            sender: UserId,
            /// The idempotency key.
            client_id: Text,
            /// What `recent` has of the key; empty when the key tells no time.
            digest: Text,
            /// True when the key may be so old that Redis has forgotten it.
            is_old: bool,
        };
    /// Counts the texts among some messages.
    Texts "chats" "texts" "no-writes"
        chat (chat messages members changed commits)
        {
            /// The member who asks.
            reader: UserId,
        }
        lists {
            /// The ids of the messages.
            ids,
        };
    /// Reads what changed since a tick.
    Changes "chats" "changes" "no-writes"
        chat (chat messages members dirty changed parked commits)
        {
            /// The member who asks.
            reader: UserId,
            /// The tick above which a rev is a change.
            since: Tick,
            /// True to read members too.
            with_members: bool,
            /// The number of messages of each kind to look at.
            limit: usize,
            /// The size of messages after which no more are read.
            bytes: usize,
        };
    /// Reads the messages that SQL does not have as they are.
    Unsaved "chats" "unsaved" "no-writes"
        chat (chat messages members dirty changed parked commits)
        {
            /// The member who asks.
            reader: UserId,
            /// The id before which the messages are, or 0 for the newest.
            before: Tick,
            /// The number of messages to return at the most.
            limit: usize,
            /// The size of messages after which no more are returned.
            bytes: usize,
        };
    /// Reads the newest hot message that has a file.
    Attached "chats" "attached" "no-writes"
        chat (chat messages members files commits)
        {
            /// The member who asks; empty for a caller that is refused nothing.
            reader: Text,
            /// The hash of the file.
            hash: Text,
        };
    /// Reads a page of hot messages.
    Page "chats" "page" "no-writes"
        chat (chat token messages members changed commits)
        {
            /// The member who asks.
            reader: UserId,
            /// The id that the page ends before, or 0.
            before: Tick,
            /// The id that the page begins after, or 0. With neither it is the newest page.
            after: Tick,
            /// The number of messages in the page, at the most.
            limit: usize,
            /// The size of messages after which the page ends.
            bytes: usize,
            /// True to read the member's settings for the chat, too: not in a cluster, where they
            /// are elsewhere.
            with_settings: bool,
        };
    /// Pins a message, or takes its pin away.
    PinMessage "chats" "pin_message" ""
        chat as chat_id (chat token messages members dirty due changed silent commits)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The member who pins it.
            actor: UserId,
            /// The id of the message.
            id: Tick,
            /// True to pin it, false to take its pin away.
            on: bool,
            /// What `dropped` was before SQL was asked for the message; empty when it was not.
            seen: Text,
            /// The number of messages that a chat may have pinned.
            max_pins: usize,
            /// The JSON, after its ticks, of the system message about the pin.
            tail: Text,
            /// The time for which the chat stays warm.
            ttl: Millis,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
        };
    /// Reads the pinned messages of a chat.
    Pins "chats" "pins" "no-writes"
        chat (chat messages members changed commits)
        {
            /// The member who asks.
            reader: UserId,
            /// The id of the pinned message behind which the page begins, or 0.
            after: Tick,
            /// The size of messages after which the page ends.
            bytes: usize,
        };
    /// Reads who is in a chat.
    Roster "chats" "roster" "no-writes"
        chat (chat members);
    /// Reads a chat as a member sees it.
    View "chats" "view" "no-writes"
        chat (chat token messages members dirty changed parked commits)
        {
            /// The member who asks.
            reader: UserId,
        };
    /// Begins a hydration.
    Begin "residency" "begin" ""
        keys (
            /// The row of a chat or a user.
            record
            /// The nonce of its hydration.
            hydrating
            /// The marks of commits of its partition.
            commits
        )
        {
            /// The nonce of this hydration.
            nonce: Text,
            /// The time after which another may begin.
            lease: Millis,
        };
    /// Makes a chat resident.
    LoadChat "residency" "load_chat" ""
        chat as chat_id (
            chat token messages members dirty sent recent hydrating due changed silent files
        )
        {
            /// The nonce of the hydration.
            nonce: Text,
            /// The time for which the chat stays warm.
            ttl: Millis,
            /// The time until a flusher looks at it.
            wait: Millis,
        }
        lists {
            /// Fields of the chat: name, value.
            fields,
            /// Members: user id, record.
            member_records,
            /// Records of messages, oldest first.
            records,
            /// Keys of the last hour's messages that do not tell their age: id, key.
            sent_keys,
            /// Digests of the other keys of the last minutes: id, digest.
            recent_digests,
            /// Dirty entries: rev, entry.
            dirty_entries,
            /// Ids, twice each, of the messages that are no texts, or deleted.
            silent_ids,
            /// Entries of the index of files: 0, `hash:id`.
            file_entries,
            /// Ids of the messages whose others `load_others` wrote.
            reacted_ids,
        };
    /// Writes the others who reacted to a message of a chat that is about to be loaded.
    LoadOthers "residency" "load_others" ""
        chat (chat hydrating)
        {
            /// The nonce of the hydration.
            nonce: Text,
            /// The id of the message.
            id: Tick,
        }
        lists {
            /// The others: user, emojis.
            others,
        };
    /// Writes a part of the lists of a user who is about to be loaded.
    LoadUserPart "residency" "load_user_part" ""
        user (user chats hydrating private_rows order pinned)
        {
            /// The nonce of the hydration.
            nonce: Text,
            /// True for the first part of a hydration.
            is_first: bool,
            /// The time for which the part is kept if the user is not loaded.
            life: Millis,
        }
        lists {
            /// Some of the list of chats: chat id, `rev left`.
            chat_entries,
            /// Some private rows: key, `rev value`.
            private_entries,
        };
    /// Makes a user resident.
    LoadUser "residency" "load_user" ""
        user as user_id (user chats dirty hydrating due private_rows order pinned)
        {
            /// The nonce of the hydration.
            nonce: Text,
            /// True when parts of the lists were written before.
            has_parts: bool,
            /// The time until a flusher looks at the user.
            wait: Millis,
        }
        lists {
            /// Fields of the user: name, value.
            fields,
            /// The list of chats: chat id, `rev left`.
            chat_entries,
            /// Private rows: key, `rev value`.
            private_entries,
        };
    /// Leases what is due to a flusher.
    LeaseDue "flush" "lease_due" "allow-oom"
        keys (
            /// The due set of a partition.
            due
        )
        {
            /// The number of ids to lease at the most.
            most: usize,
            /// The time for which they are leased.
            lease: Millis,
        };
    /// Reads a chat's unsaved rows.
    SnapshotChat "flush" "snapshot_chat" "allow-oom"
        chat as chat_id (chat messages members dirty due changed parked silent commits)
        {
            /// The number of rows at the most.
            rows: usize,
            /// The size of messages after which no more rows are added.
            bytes: usize,
            /// The tick after which rows are left for later.
            newest: Tick,
            /// The time by which the lease is renewed.
            lease: Millis,
            /// The writer of SQL that the rows are for.
            writer: Text,
            /// The number of its commit.
            commit: i64,
            /// The newest of its commits with rows of the partition that SQL has.
            known: i64,
        };
    /// Marks what was committed as clean, and evicts a chat that is.
    SettleChat "flush" "settle_chat" "allow-oom"
        chat as chat_id (
            chat token messages members dirty sent recent hydrating due parked dead changed silent
            files commits
        )
        {
            /// The number of newest messages that stay although they are saved.
            keep: usize,
            /// The time until a flusher comes back to a chat that is still dirty.
            soon: Millis,
            /// The time until a flusher comes back to a chat with parked rows.
            idle: Millis,
            /// The age at which an idempotency key is forgotten.
            sent_age: Micros,
            /// The same of one that tells its age.
            recent_age: Micros,
            /// The nonce of this call, which a row that leaves leaves behind.
            nonce: Text,
            /// The writer of SQL that the rows are for.
            writer: Text,
            /// The number of its commit.
            commit: i64,
            /// The newest of its commits that SQL has.
            saved: i64,
            /// True when a clean chat is evicted although it is warm.
            leaves: bool,
        }
        lists {
            /// Rows that were committed: entry, rev.
            committed,
        };
    /// Reads a user's unsaved rows.
    SnapshotUser "flush" "snapshot_user" "allow-oom"
        user as user_id (user dirty due private_rows commits)
        {
            /// The number of rows at the most.
            rows: usize,
            /// The tick after which rows are left for later.
            newest: Tick,
            /// The time by which the lease is renewed.
            lease: Millis,
            /// The writer of SQL that the rows are for.
            writer: Text,
            /// The number of its commit.
            commit: i64,
            /// The newest of its commits with rows of the partition that SQL has.
            known: i64,
        };
    /// Marks what was committed of a user as clean, and evicts a user who is and is not at work.
    SettleUser "flush" "settle_user" "allow-oom"
        user as user_id (
            user chats dirty sessions hydrating due parked dead private_rows order pinned commits
        )
        {
            /// The time until a flusher comes back to a user who is still dirty.
            soon: Millis,
            /// The time until a user leaves who does nothing, and until a flusher comes back to one
            /// with parked rows.
            idle: Millis,
            /// The time in which the use of a session is noted, even of one that is used seldom.
            noted: Millis,
            /// The claims that the commit carried.
            saved_claims: Text,
            /// The time for which a session lives unused.
            session_ttl: Millis,
            /// True when the user may leave.
            evict: bool,
            /// The writer of SQL that the rows are for.
            writer: Text,
            /// The number of its commit.
            commit: i64,
            /// The newest of its commits that SQL has.
            saved: i64,
            /// True when the user's sessions end.
            logs_out: bool,
            /// The prefix of the keys of sessions.
            session_prefix: Text,
            /// The channel of sessions that end.
            ended_channel: Text,
        }
        lists {
            /// Rows that were committed: entry, rev.
            committed,
        };
    /// Counts that SQL refused a row, and parks it after some tries.
    Park "flush" "park" "allow-oom"
        keys (
            /// The dirty entries of a chat or a user.
            dirty
            /// The parked entries.
            parked
            /// The dead letters of its partition.
            dead
        )
        {
            /// The id of the chat or the user.
            id: Text,
            /// The dirty entry.
            entry: Text,
            /// The rev that was refused.
            rev: Tick,
            /// The number of tries after which the row is parked.
            max_tries: u32,
            /// The error of SQL.
            message: Text,
        };
    /// Makes parked rows dirty again, to be retried.
    Unpark "flush" "unpark" "allow-oom"
        keys (
            /// The row of a chat or a user.
            record
            /// The dirty entries.
            dirty
            /// The parked entries.
            parked
            /// The dead letters of its partition.
            dead
            /// The due set of its partition.
            due
        )
        {
            /// The id of the chat or the user.
            id: Text,
        };
    /// Takes commits that SQL has for begun.
    AcceptCommits "flush" "accept_commits" "allow-oom"
        keys (
            /// The marks of commits of a partition.
            commits
        )
        lists {
            /// Commits that SQL has: writer, number.
            saved,
        };
    /// Marks rows of a chat as unsaved.
    MarkChatUnsaved "flush" "mark_chat_unsaved" "allow-oom"
        chat as chat_id (chat messages members changed dirty due)
        {
            /// The index in the list of messages to begin with.
            from: usize,
            /// The number of messages at the most.
            most: usize,
        };
    /// Ends memberships that SQL has and the chat has not.
    EndMembers "flush" "end_members" "allow-oom"
        chat as chat_id (chat members dirty due)
        lists {
            /// Present members by SQL: user, record.
            present,
        };
    /// Marks the rows of a user as unsaved.
    MarkUserUnsaved "flush" "mark_user_unsaved" "allow-oom"
        user as user_id (user private_rows dirty due);
    /// Puts a chat into a user's list, or marks it as left.
    Enlist "people" "enlist" "allow-oom"
        user (user chats order hydrating commits)
        {
            /// The chat.
            chat_id: ChatId,
            /// The rev of the membership.
            rev: Tick,
            /// The tick at which the membership ended, or 0.
            left: Tick,
            /// The writer that has written it to SQL, or empty.
            writer: Text,
            /// The newest of its commits that SQL has.
            saved: i64,
        };
    /// Reads the claim of a name.
    Claimed "people" "claimed" "no-writes"
        keys (
            /// The claim.
            claim
            /// The marks of commits of its partition.
            commits
        );
    /// Notes that SQL has a commit.
    NoteSaved "people" "note_saved" "allow-oom"
        keys (
            /// The marks of commits of a partition of names.
            commits
        )
        {
            /// The writer of SQL.
            writer: Text,
            /// The newest of its commits that SQL has.
            saved: i64,
        };
    /// Writes down that a user wants a name.
    WantName "people" "want_name" ""
        user as user_id (user due)
        {
            /// `username` or `email`.
            kind: Text,
            /// The folded name.
            name: Text,
            /// The nonce of the claim.
            nonce: Text,
            /// The time until a flusher looks at the user.
            wait: Millis,
        };
    /// Tells whether the owner of a claim no longer stands by it.
    IsClaimAbandoned "people" "is_claim_abandoned" "allow-oom"
        user (user)
        {
            /// `username` or `email`.
            kind: Text,
            /// The folded name.
            name: Text,
            /// The nonce of the claim.
            nonce: Text,
            /// The age at which a wish is void.
            age: Millis,
        };
    /// Compares and sets a claim or the nonce of a hydration.
    Swap "people" "swap" "allow-oom"
        keys (
            /// The claim or the nonce.
            stored
        )
        {
            /// The value that it must have.
            expected: Text,
            /// The value that it gets; empty to delete it.
            value: Text,
        };
    /// Reads the list of a user's chats.
    ChatsOf "people" "chats_of" "no-writes"
        user (user chats);
    /// Marks a chat in the order of a member.
    MarkInOrder "people" "mark_in_order" "allow-oom"
        user (chats order)
        {
            /// The chat.
            chat_id: ChatId,
            /// The tick from which on the chat may change.
            since: Tick,
        };
    /// Makes a part of the order of a user's chats.
    MakeOrder "people" "make_order" "allow-oom"
        user (user chats private_rows order pinned)
        {
            /// The place to go on from; `chats 0` to begin.
            place: Text,
            /// The number of chats or rows to look at, about.
            most: usize,
        };
    /// Reads chats of a user by their order.
    OrderedChats "people" "ordered_chats" "no-writes"
        user (user chats private_rows order pinned)
        {
            /// The score above which all are read.
            since: Tick,
            /// The number of further ones.
            more: usize,
            /// The number of those above `since`, or of pinned ones, above which none is read.
            most: usize,
            /// True to read all that are pinned, too.
            with_pinned: bool,
            /// The time from which on an order that was made can be relied upon.
            from: Tick,
            /// The history of Redis, if it is known.
            known: Text,
        }
        lists {
            /// The chats to read; empty for those that the order tells.
            about,
        };
    /// Takes the marks of chats at rest away.
    Unmark "people" "unmark" "allow-oom"
        user (chats private_rows order)
        {
            /// The time after which the chats were asked.
            before: Tick,
        }
        lists {
            /// The chats, with the ticks of their last changes: chat, tick.
            ticks,
        };
    /// Reads private rows of a user.
    PrivateRows "people" "private_rows" "no-writes"
        user (user private_rows)
        {
            /// The kind of rows to read some of: `chat` or `block`.
            kind: Text,
            /// The place to go on from; `0` to begin.
            place: Text,
            /// The number of rows to look at, about.
            most: usize,
        }
        lists {
            /// The keys of the rows; empty for those of a kind.
            about,
        };
    /// Changes a private row.
    ChangePrivateRow "people" "change_private_row" ""
        user as user_id (user private_rows order pinned dirty due)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The key of the row.
            about: Text,
            /// The SHA-1 of the value that was read.
            seen: Text,
            /// The new value; empty for none.
            value: Text,
            /// The number of private rows with which no further one is made.
            max_rows: usize,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
        };
    /// Blocks the other of a direct chat, or ends the block.
    Block "chats" "block" "allow-oom"
        chat as chat_id (chat messages members dirty due changed silent)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The member who blocks the other.
            blocker: UserId,
            /// The rev of the blocker's private row.
            since: Tick,
            /// True when the block begins.
            on: bool,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
        };
    /// Erases a user, with some of the private rows and the sessions at a time.
    EraseUser "people" "erase_user" "allow-oom"
        user as user_id (user private_rows dirty due sessions)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
            /// The prefix of the keys of the user's sessions, in the same slot.
            session_prefix: Text,
            /// The channel of sessions that end.
            ended_channel: Text,
            /// The place among the private rows to go on from; `0` to begin.
            place: Text,
            /// The number of rows and of sessions to look at, about.
            most: usize,
        };
    /// Announces that a user changes what the directory finds them by.
    AnnounceRename "people" "announce_rename" "allow-oom"
        keys (
            /// Users who changed their names.
            fresh
        )
        {
            /// The user.
            user_id: UserId,
            /// The number of newest users to keep.
            keep: usize,
        };
    /// Forgets an announcement once SQL has the change.
    ForgetRename "people" "forget_rename" "allow-oom"
        keys (
            /// Users who changed their names.
            fresh
        )
        {
            /// The user.
            user_id: UserId,
            /// The rev that SQL has.
            rev: Tick,
        };
    /// Changes a user's row.
    ChangeUser "people" "change_user" ""
        user as user_id (user dirty due)
        {
            /// The caller's clock.
            caller_clock: Tick,
            /// The time after which an unsaved change is saved, at the latest.
            flush_after: Millis,
            /// The channel of sessions that end.
            ended_channel: Text,
            /// True when the metadata changes.
            changes_metadata: bool,
            /// The metadata that the new one was made of; empty when there was none.
            metadata_before: Text,
        }
        lists {
            /// Fields that change: name, value.
            fields,
            /// Fields that take the tick of the change.
            stamps,
            /// Names that were claimed: kind, name, nonce.
            names,
        };
    /// Opens a session.
    OpenSession "people" "open_session" ""
        user as user_id (user sessions private_rows)
        keys (
            /// The session.
            session
        )
        {
            /// The hash of the token.
            hash: Text,
            /// The device as its user calls it.
            device: Text,
            /// The tick at which the token was issued; `NEVER` for one of our own.
            issued: Tick,
            /// The key of the private row with the tokens that have ended.
            ended_row: Text,
            /// The SHA-1 of its value, as it was read.
            ended_seen: Text,
            /// The time for which the session lives unused.
            ttl: Millis,
            /// True when it lives no longer, however it is used.
            is_fixed: bool,
            /// The rev of the password that was checked.
            password_rev: Tick,
            /// The prefix of the keys of the user's sessions, in the same slot.
            session_prefix: Text,
            /// The channel of sessions that end.
            ended_channel: Text,
            /// The number of sessions that the user may have.
            max_sessions: usize,
        };
    /// Reads a session, and whether it is still good.
    Authenticate "people" "authenticate" "no-writes"
        keys (
            /// The session.
            session
        )
        {
            /// The prefix of the user's key, in the same slot.
            user_prefix: Text,
        };
    /// Reads a session and, if it is good, charges the budget of its user, and counts against a
    /// limit. A mark is small and goes by itself, so a full Redis has room for it; and a refusal
    /// could not tell whose the session is.
    Admit "people" "admit" "allow-oom"
        keys (
            /// The session.
            session
        )
        {
            /// The prefix of the user's key, in the same slot.
            user_prefix: Text,
            /// The prefix of the limit's key, in the same slot.
            limit_prefix: Text,
            /// The number that is allowed in a period; 0 without a limit.
            most: u32,
            /// The number that is asked for at once.
            wanted: u32,
            /// The period.
            period: Micros,
            /// The prefix of the budget's key, in the same slot.
            budget_prefix: Text,
            /// The units that are allowed in a period; 0 without a budget.
            budget: u32,
            /// The period of the budget.
            budget_period: Micros,
            /// The units that the user has used since they were last charged.
            owed: u32,
        };
    /// Counts against a limit of an address or a name. Guessing must not become free when Redis is
    /// full.
    Limit "people" "limit" "allow-oom"
        keys (
            /// The limit.
            limit
        )
        {
            /// The number that is allowed in a period.
            most: u32,
            /// The period.
            period: Micros,
        };
    /// Moves the end of a session that was used.
    TouchSession "people" "touch_session" "allow-oom"
        user (sessions)
        keys (
            /// The session.
            session
        )
        {
            /// The hash of the token.
            hash: Text,
            /// The time for which the session lives unused.
            ttl: Millis,
        };
    /// Ends a session.
    CloseSession "people" "close_session" "allow-oom"
        user as user_id (sessions due)
        keys (
            /// The session.
            session
        )
        {
            /// The hash of the token.
            hash: Text,
            /// The channel of sessions that end.
            ended_channel: Text,
        };
    /// Tells that an API serves a user. What says so is small and goes by itself, so a full Redis
    /// has room for it.
    Heartbeat "people" "heartbeat" "allow-oom"
        keys (
            /// The presence of the user.
            presence
        )
        {
            /// The API.
            instance: Text,
            /// The time until the next heartbeat is overdue.
            life: Millis,
            /// The channel of the user's coming and going.
            channel: Text,
            /// The channel of the users whom an API begins to serve.
            served: Text,
            /// The ids of the user and of the API, with a space between them.
            user_and_instance: Text,
        };
    /// Tells that an API no longer serves a user.
    Leave "people" "leave" "allow-oom"
        keys (
            /// The presence of the user.
            presence
        )
        {
            /// The API.
            instance: Text,
            /// The channel of the user's coming and going.
            channel: Text,
        };
    /// Reads everything about a chat.
    AuditChat "audit" "audit_chat" "no-writes"
        chat as chat_id (chat messages members dirty due changed parked);
    /// Reads everything about a user.
    AuditUser "audit" "audit_user" "no-writes"
        user as user_id (user dirty due private_rows parked order)
        {
            /// The time from which on an order that was made can be relied upon.
            from: Tick,
        };
    /// Writes behind other writes, to have something to wait for.
    DurabilityBarrier "server" "durability_barrier" "allow-oom"
        keys (
            /// A key of the node that is waited for.
            barrier
        );
    /// Lets the token of a chat expire before its time.
    ExpireEarly "residency" "expire_early" "allow-oom"
        chat as chat_id (chat token due);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::wire::library::{library, used};

    /// Lua without its comments and its strings.
    fn code(lua: &str) -> String {
        let without_comments: Vec<_> = lua
            .lines()
            .map(|line| line.split("--").next().unwrap_or_default())
            .collect();
        without_comments
            .join("\n")
            .split('\'')
            .step_by(2)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Returns the words of Lua, but for those after a dot.
    fn words(lua: &str) -> impl Iterator<Item = &str> {
        lua.split(|letter: char| !letter.is_ascii_alphanumeric() && !"_.".contains(letter))
            .filter(|word| !word.is_empty())
            .map(|word| word.split('.').next().unwrap_or_default())
    }

    #[test]
    fn a_script_uses_every_key_argument_and_list_of_its_contract() {
        for verb in Verb::ALL {
            let own = code(&verb.own());
            let used: BTreeSet<_> = words(&own).collect();
            for name in verb.contract().names() {
                assert!(used.contains(name), "{}: {name} is not used", verb.name());
            }
        }
    }

    #[test]
    fn a_script_has_its_keys_and_arguments_by_name_only() {
        for verb in Verb::ALL {
            let positional: Vec<_> = words(&code(&verb.own()))
                .filter(|word| ["KEYS", "ARGV"].contains(word))
                .map(str::to_owned)
                .collect();
            assert!(positional.is_empty(), "{}", verb.name());
        }
    }

    #[test]
    fn no_local_variable_of_a_script_hides_a_name_of_its_contract() {
        for verb in Verb::ALL {
            let contract = verb.contract().names();
            let unique: BTreeSet<_> = contract.iter().collect();
            assert_eq!(unique.len(), contract.len(), "{}", verb.name());
            let own = code(&verb.own());
            let libs = code(&used(&library(), &verb.own(), &contract));
            let functions = libs.lines().filter_map(|line| {
                let (name, _) = line.strip_prefix("local function ")?.split_once('(')?;
                Some(name)
            });
            let declared = own.lines().filter_map(|line| {
                let line = line.trim_start();
                let declares = |word: &str| line.strip_prefix(word);
                let rest = declares("local ").or_else(|| declares("for "))?;
                let names = rest.split(" in ").next()?.split('=').next()?;
                Some(names.split(','))
            });
            let hidden: Vec<_> = functions
                .chain(declared.flatten())
                .map(str::trim)
                .filter(|name| contract.contains(name))
                .collect();
            assert!(hidden.is_empty(), "{}: {hidden:?}", verb.name());
        }
    }
}
