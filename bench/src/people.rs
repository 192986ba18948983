//! Users with a session, made without a password: to hash ten thousand takes minutes.

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use hot::{Hot, UserChange, UserChanged};
use model::{Token, UserId};

/// The number of users that are made at the same time.
const AT_ONCE: usize = 64;

/// A user with a session.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) token: String,
}

/// Makes so many users.
pub(crate) async fn make(hot: &Hot, count: usize) -> Result<Vec<Person>> {
    let made = stream::iter(0..count)
        .map(|_| person(hot))
        .buffer_unordered(AT_ONCE);
    made.try_collect().await
}

async fn person(hot: &Hot) -> Result<Person> {
    let id = UserId::new();
    let nonce = id.to_string();
    hot.begin_user(id, &nonce).await?;
    hot.load_user(id, &nonce, None, &[], &[]).await?;
    let (name, text) = (format!("u{}", &nonce[nonce.len() - 12..]), || {
        Some(String::new())
    });
    let change = UserChange {
        username: Some(name.clone()),
        email: Some(format!("{name}@example.org")),
        display_name: Some(name),
        bio: text(),
        avatar: text(),
        external_id: text(),
        disabled: Some(false),
        found_by_email: Some(false),
        metadata: None,
        password: Some("none".into()),
        ends_sessions: true,
        created: true,
        claims: Vec::new(),
    };
    let Ok(UserChanged::Done(rev)) = hot.change_user(id, &change, None).await? else {
        bail!("a user was not made");
    };
    let mut random = [0; 32];
    random[..16].copy_from_slice(UserId::new().0.as_bytes());
    let token = Token::new(id, random);
    hot.open_session(id, &token, "bench", rev, None)
        .await?
        .ok()
        .flatten()
        .context("a session was not opened")?;
    Ok(Person {
        id,
        token: token.reveal().to_owned(),
    })
}
