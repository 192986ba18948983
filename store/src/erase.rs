//! Erasing an account.

use futures_util::FutureExt;
use hot::{EndedSessions, Membership};
use model::{ChatKind, Role, Session, Tick, User, UserId};

use crate::{Error, Result, Store, notify::Notification, residency::retry};

impl Store {
    /// Erases an account for good: the names become free, the groups are handed over, and the
    /// messages become those of a user who is no more. The flusher finishes what a crash leaves
    /// undone.
    ///
    /// # Errors
    /// [`Error::WrongPassword`]; [`Error::NoUser`] when the account is gone already.
    pub async fn erase(&self, session: &Session, password: &str) -> Result<()> {
        let user = self.check_password(session, password).await?;
        self.erase_account(&user).await
    }

    /// Erases an account as [`Self::erase`] does, whoever wants it.
    ///
    /// # Errors
    /// [`Error::NoUser`] when the account is gone already.
    pub async fn erase_account(&self, user: &User) -> Result<()> {
        // Without this, the directory would go on to show the row that SQL has.
        retry(|| self.hot.announce_rename(user.id)).await?;
        self.forget_origins(user).await;
        let erase = |_| {
            async {
                self.end_tokens_of_erased(user).await?;
                self.finish_erasure(user.id).await
            }
            .boxed()
        };
        self.in_one_life(erase).await
    }

    /// Removes what is left of a user: the whole account, or the rest that a crash left.
    ///
    /// # Errors
    /// [`Error::NoUser`] when neither store has the row. Other errors leave work for a retry.
    pub async fn finish_erasure(&self, user: UserId) -> Result<()> {
        let since = loop {
            match retry(|| self.hot.erase_user(user)).await? {
                Ok(since) => break since,
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        };
        self.known_sessions.end(&EndedSessions::OfUser(user));
        self.notifier.user(
            user,
            Notification::SessionEnded {
                session: String::new(),
            },
        );
        for listed in self.listed(user).await? {
            if !listed.left.happened() {
                self.leave_for_good(
                    Membership {
                        chat: listed.chat,
                        user,
                    },
                    since,
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Leaves a group, and before that hands it to its oldest admin, or else to its oldest member;
    /// without other members it is deleted. A direct chat is closed to writes.
    async fn leave_for_good(&self, membership: Membership, since: Tick) -> Result<()> {
        loop {
            let view = match self.view_row(membership).await {
                Err(Error::NoChat) => return Ok(()), // the user had left already
                view => view?,
            };
            let others = view
                .members
                .iter()
                .filter(|(user, member)| **user != membership.user && member.is_in());
            let heir = others
                .min_by_key(|(user, member)| (!member.role.manages(), member.joined, **user))
                .map(|(user, _)| *user);
            let owns = view
                .members
                .get(&membership.user)
                .is_some_and(|member| member.role == Role::Owner);
            let gone = match (view.chat.kind, heir) {
                (ChatKind::Direct, Some(other)) => {
                    return self
                        .propagate_block(membership.user, other, since, true)
                        .await;
                }
                (ChatKind::Direct, None) => return Ok(()),
                (ChatKind::Group, None) => self.delete_chat(membership).await,
                (ChatKind::Group, Some(heir)) if owns => self
                    .change_role(membership, heir, Role::Owner)
                    .await
                    .map(drop),
                (ChatKind::Group, Some(_)) => self.remove_member(membership, membership.user).await,
            };
            match gone {
                // Members changed since the row was read, or the group was handed over: look again.
                Ok(())
                | Err(Error::NoMember | Error::LastOwner | Error::RoleTooLow | Error::NoChat) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
