//! The list of a user's chats.

use hot::Own;
use model::{ChatId, ChatView, Tick, UserId};

use crate::{Error, Result, Store};

impl Store {
    /// Up to `limit` of a user's chats, newest activity first, after the place where the last page ended; and where this one does.
    pub async fn list(&self, user: UserId, after: Option<(Tick, ChatId)>, limit: usize) -> Result<(Vec<ChatView>, Option<(Tick, ChatId)>)> {
        let newest = self.newest_chats(user).await?;
        let start = after.map_or(0, |after| newest.partition_point(|place| *place >= after));
        let page = &newest[start..newest.len().min(start + limit)];
        let views = page.iter().map(|(_, chat)| async move {
            match self.view(Own { chat: *chat, user }).await {
                Ok(view) => Ok(Some(view)),
                Err(Error::NoChat) => Ok(None), // left while we looked
                Err(error) => Err(error),
            }
        });
        let views = futures_util::future::try_join_all(views).await?.into_iter().flatten().collect();
        let next = page.last().copied().filter(|_| start + limit < newest.len());
        Ok((views, next))
    }
}
