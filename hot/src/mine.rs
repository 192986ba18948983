//! What is a user's alone.

use fred::util::sha1_hash;
use model::{About, Mine, Tick, UserId};

use crate::{
    Hot, Own, Refusal, Result, Verb,
    chat::refusal,
    client::{arg, ms},
    keys::{ChatKeys, UserKeys},
    reply::{parse, text},
};

impl Hot {
    /// The row of a user's own about one thing; one without a value and a rev of `NEVER` when there is none.
    pub async fn mine(&self, user: UserId, about: About) -> Result<std::result::Result<Mine, Refusal>> {
        let keys = UserKeys::new(user);
        let mut reply = self.run(Verb::Mine, vec![keys.row(), keys.mine()], vec![arg(about)]).await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        mine_of(about, &reply.text(1)?).map(Ok)
    }

    /// All rows of a user's own.
    pub async fn all_mine(&self, user: UserId) -> Result<std::result::Result<Vec<Mine>, Refusal>> {
        let keys = UserKeys::new(user);
        let reply = self.run(Verb::Mine, vec![keys.row(), keys.mine()], vec![]).await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let mut values = reply.rest(1).map(text);
        let mut rows = Vec::new();
        while let (Some(about), Some(row)) = (values.next(), values.next()) {
            rows.push(mine_of(parse("what a row is about", &about)?, &row)?);
        }
        Ok(Ok(rows))
    }

    /// Changes a row of a user's own that says `seen`. `Ok(None)`: it has changed since.
    pub async fn change_mine(
        &self,
        user: UserId,
        about: About,
        seen: &str,
        value: &str,
    ) -> Result<std::result::Result<Option<Tick>, Refusal>> {
        let keys = UserKeys::new(user);
        let args = vec![arg(Tick::now()), arg(user), arg(about), arg(sha1_hash(seen)), arg(value), ms(self.options.flush_after)];
        let mut reply = self.run(Verb::ChangeMine, vec![keys.row(), keys.mine(), keys.dirty(), keys.due()], args).await?;
        match reply.word() {
            "OK" => Ok(Ok(Some(reply.tick(1)?))),
            "STALE" => Ok(Ok(None)),
            _ => refusal(&reply),
        }
    }

    /// In a direct chat, `own.user` blocks the other or no longer does, as the row of theirs with the rev `since` says.
    pub async fn block(&self, own: Own, since: Tick, blocks: bool) -> Result<std::result::Result<(), Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let keys = keys.to_change();
        let args = vec![arg(Tick::now()), arg(own.chat), arg(own.user), arg(since), arg(u8::from(blocks)), ms(self.options.flush_after)];
        let reply = self.run(Verb::Block, keys, args).await?;
        if reply.word() == "OK" { Ok(Ok(())) } else { refusal(&reply) }
    }
}

/// Reads `rev value`; nothing is a row that says nothing.
pub(crate) fn mine_of(about: About, row: &str) -> Result<Mine> {
    let (rev, value) = row.split_once(' ').unwrap_or(("0", ""));
    Ok(Mine { about, rev: Tick(parse("the rev of a row of one's own", rev)?), value: value.to_owned() })
}
