//! The list of chats that a user has.

use model::{ChatId, Tick, UserId};

use crate::wire::{CommitMark, Hot, Refusal, Result, arg, parse, refusal, text, verbs};

/// A chat in a user's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedChat {
    /// The chat.
    pub chat: ChatId,
    /// The tick of the membership's last change.
    pub rev: Tick,
    /// The tick at which the user left it, or `NEVER`.
    pub left: Tick,
}

impl Hot {
    /// Reads the chats of a user, also those that the user left. [`Refusal::Cold`]: the user is not
    /// resident.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn chats_of(
        &self,
        user: UserId,
    ) -> Result<std::result::Result<Vec<ListedChat>, Refusal>> {
        let reply = self.run(verbs::ChatsOf { user }).await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let mut values = reply.rest(1).map(text);
        let mut chats = Vec::new();
        while let (Some(chat), Some(entry)) = (values.next(), values.next()) {
            chats.push(read_listed(parse("a listed chat", &chat)?, &entry)?);
        }
        Ok(Ok(chats))
    }

    /// Puts a chat into a user's list, or marks it as left. [`Refusal::Cold`]: the user is not
    /// resident, and a hydration under way is ended. `mark` says which commit has it, if one has.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn enlist(
        &self,
        user: UserId,
        listed: ListedChat,
        mark: CommitMark<'_>,
    ) -> Result<std::result::Result<(), Refusal>> {
        let reply = self
            .run(verbs::Enlist {
                user,
                chat_id: listed.chat,
                rev: listed.rev,
                left: listed.left,
                writer: arg(mark.writer),
                saved: mark.saved,
            })
            .await?;
        Ok(if reply.word() == "OK" {
            Ok(())
        } else {
            Err(Refusal::Cold)
        })
    }
}

/// Reads `rev left`.
pub(crate) fn read_listed(chat: ChatId, entry: &str) -> Result<ListedChat> {
    let (rev, left) = entry.split_once(' ').unwrap_or((entry, "0"));
    Ok(ListedChat {
        chat,
        rev: Tick(parse("a listed chat's rev", rev)?),
        left: Tick(parse("when a chat was left", left)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_list_is_a_rev_and_an_end() {
        let chat = ChatId::new();
        let read = |entry| read_listed(chat, entry).expect("an entry");
        let (rev, left) = (Tick(7), Tick(5));
        assert_eq!(read("7 5"), ListedChat { chat, rev, left });
        let left = Tick::NEVER;
        assert_eq!(read("7"), ListedChat { chat, rev, left });
        assert!(read_listed(chat, "seven 0").is_err());
    }
}
