//! Rows that SQL has no longer, since it was restored from a backup: all that is resident is marked
//! as unsaved, so that it is saved again.

use model::{ChatId, Member, UserId};

use crate::wire::{Hot, Kind, Result, arg, parse, verbs};

/// The number of messages that are marked at once, and of members that are compared.
const MOST: usize = 500;

impl Hot {
    /// Marks all rows of a resident chat or user as unsaved.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: some may be marked.
    pub async fn mark_unsaved(&self, kind: Kind, id: &str) -> Result<()> {
        match kind {
            Kind::Chat => self.mark_chat_unsaved(id).await,
            Kind::User => {
                let user = parse("a resident user", id)?;
                self.run(verbs::MarkUserUnsaved { user }).await.map(drop)
            }
        }
    }

    /// Ends the memberships that SQL has and a resident chat has not: they ended after the backup
    /// that SQL was restored from. Returns how many did.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: some may have ended.
    pub async fn end_members(&self, chat: ChatId, present: &[(UserId, Member)]) -> Result<usize> {
        let mut ended = 0;
        for some in present.chunks(MOST) {
            let pairs = some.iter();
            let present = pairs.flat_map(|(user, member)| [arg(user), arg(member.record())]);
            let present = present.collect();
            let mut reply = self.run(verbs::EndMembers { chat, present }).await?;
            ended += usize::try_from(reply.number(0)?).unwrap_or(0);
        }
        Ok(ended)
    }

    async fn mark_chat_unsaved(&self, id: &str) -> Result<()> {
        let chat = parse("a resident chat", id)?;
        let mut from = Some(0);
        while let Some(at) = from {
            let call = verbs::MarkChatUnsaved {
                chat,
                from: at,
                most: MOST,
            };
            let next = self.run(call).await?.number(0)?;
            from = usize::try_from(next).ok();
        }
        Ok(())
    }
}
