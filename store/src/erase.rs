//! Erasing an account.

use hot::Own;
use model::{ChatKind, Role, Session, Tick, UserId};

use crate::{Envelope, Error, Result, Store, again::again, password::Check};

impl Store {
    /// Erases an account, for good: their names are free, their groups are handed over, and their messages are those of a user who is no
    /// more. Whatever of it a crash leaves undone, the flusher does.
    ///
    /// # Errors
    /// [`Error::WrongPassword`]
    pub async fn erase(&self, session: &Session, password: &str) -> Result<()> {
        let user = self.user(session.user).await?.ok_or(Error::NoUser)?;
        if self.passwords.check(password, Some(user.password)).await? == Check::Wrong {
            return Err(Error::WrongPassword);
        }
        again(|| self.hot.announce(user.id)).await?; // or the directory would show them as SQL has them
        self.finish_erasure(user.id).await
    }

    /// Takes away whatever is left of a user: all of it, or what a crash left.
    pub async fn finish_erasure(&self, user: UserId) -> Result<()> {
        let since = loop {
            match again(|| self.hot.erase_user(user)).await? {
                Ok(since) => break since,
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        };
        self.teller.user(user, Envelope::Ended { session: String::new() });
        for listed in self.hot.chats_of(user).await? {
            if !listed.left.happened() {
                self.go_for_good(Own { chat: listed.chat, user }, since).await?;
            }
        }
        Ok(())
    }

    /// A group is left, and before that handed to the oldest admin, else member; with nobody else in it, it is deleted. In a direct chat nobody can
    /// write any more.
    async fn go_for_good(&self, own: Own, since: Tick) -> Result<()> {
        loop {
            let view = match self.view_row(own).await {
                Err(Error::NoChat) => return Ok(()), // they had left already
                view => view?,
            };
            let others = view.members.iter().filter(|(user, member)| **user != own.user && member.is_in());
            let heir = others.min_by_key(|(user, member)| (!member.role.manages(), member.joined, **user)).map(|(user, _)| *user);
            let owns = view.members.get(&own.user).is_some_and(|member| member.role == Role::Owner);
            let gone = match (view.chat.kind, heir) {
                (ChatKind::Direct, Some(other)) => return self.tell_block(own.user, other, since, true).await,
                (ChatKind::Direct, None) => return Ok(()),
                (ChatKind::Group, None) => self.delete_chat(own).await,
                (ChatKind::Group, Some(heir)) if owns => self.change_role(own, heir, Role::Owner).await.map(drop),
                (ChatKind::Group, Some(_)) => self.remove_member(own, own.user).await,
            };
            match gone {
                // Somebody came or went while we looked, or the group was handed over: look again.
                Ok(()) | Err(Error::NoMember | Error::LastOwner | Error::RoleTooLow | Error::NoChat) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
