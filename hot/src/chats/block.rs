//! Blocks between the two of a direct chat.

use model::Tick;

use super::Membership;

use crate::wire::{Hot, Millis, Refusal, Result, refusal, verbs};

impl Hot {
    /// Records in a direct chat that `own.user` blocks the other, or ends the block, as the private
    /// row with the rev `since` has it.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn block(
        &self,
        own: Membership,
        since: Tick,
        blocks: bool,
    ) -> Result<std::result::Result<(), Refusal>> {
        let reply = self
            .run(verbs::Block {
                chat: own.chat,
                caller_clock: Tick::now(),
                blocker: own.user,
                since,
                on: blocks,
                flush_after: Millis(self.options.flush_after),
            })
            .await?;
        if reply.word() == "OK" {
            Ok(Ok(()))
        } else {
            refusal(&reply)
        }
    }
}
