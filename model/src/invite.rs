//! Invitations to a group by a link: the list that is stored, and what is shown of them.

use std::{fmt, fmt::Display, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{ChatId, ParseError, Tick, UserId};

/// The most invitations that a group has at a time.
pub const MAX_INVITES: usize = 20;
/// The most people whom one invitation lets in, where it has a limit.
pub const MAX_INVITE_USES: i64 = 100_000;

/// The token of an invitation: the id of its group as 32 hex digits, which tells where its row is,
/// then 128 random bits in hex.
///
/// Only its SHA-256 is ever stored, and `Debug` never prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteToken {
    /// The group.
    pub chat: ChatId,
    text: String,
}

impl InviteToken {
    /// Makes a new token of these random bits.
    pub fn new(chat: ChatId, random: [u8; 16]) -> Self {
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{}{secret}", chat.0.simple());
        Self { chat, text }
    }

    /// Returns what is stored of the token: its SHA-256, in hex.
    pub fn hash(&self) -> String {
        Sha256::digest(&self.text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Returns the text that is in the link.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for InviteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InviteToken({})", self.chat)
    }
}

impl FromStr for InviteToken {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_whole = text.len() == 64 && text.bytes().all(hex);
        let chat = is_whole.then(|| Uuid::try_parse(&text[..32]).ok());
        let chat = chat.flatten().map(ChatId);
        Ok(Self {
            chat: chat.ok_or(ParseError("64 hex digits in lower case"))?,
            text: text.to_owned(),
        })
    }
}

/// An invitation to a group, as both stores hold it. It holds while its creator manages the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The tick at which it was made, which is its id in the group.
    pub id: Tick,
    /// The SHA-256 of its token, in hex.
    pub hash: String,
    /// The member who made it.
    pub creator: UserId,
    /// The tick at which it ends, or `NEVER`.
    pub expires: Tick,
    /// The most people whom it lets in; 0 for any number.
    pub max_uses: i64,
    /// The number of people whom it has let in.
    pub uses: i64,
    /// The user whom it has let in last.
    pub last: Option<UserId>,
}

impl Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            hash,
            creator,
            expires,
            max_uses,
            uses,
            last,
        } = self;
        write!(f, "{id}:{hash}:{creator}:{expires}:{max_uses}:{uses}:")?;
        last.iter().try_for_each(|user| write!(f, "{user}"))
    }
}

impl FromStr for Invite {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        fn field<T: FromStr>(text: &str) -> Result<T, ParseError> {
            text.parse()
                .map_err(|_| ParseError("the fields of an invitation with colons"))
        }
        let words: Vec<&str> = text.split(':').collect();
        let [id, hash, creator, expires, max_uses, uses, last] = words[..] else {
            return Err(ParseError("seven fields with colons"));
        };
        Ok(Self {
            id: Tick(field(id)?),
            hash: hash.to_owned(),
            creator: field(creator)?,
            expires: Tick(field(expires)?),
            max_uses: field(max_uses)?,
            uses: field(uses)?,
            last: match last {
                "" => None,
                user => Some(field(user)?),
            },
        })
    }
}

/// The invitations to a group, the oldest first; at most [`MAX_INVITES`].
///
/// The text, in Redis and in SQL, is the fields of each with colons, and spaces between two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invites(Vec<Invite>);

impl Invites {
    /// Iterates over the invitations, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Invite> {
        self.0.iter()
    }
}

impl Display for Invites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, invite) in self.0.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{invite}")?;
        }
        Ok(())
    }
}

impl FromStr for Invites {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let invites = text.split_whitespace().map(str::parse);
        invites.collect::<Result<_, _>>().map(Self)
    }
}

/// An invitation to a group, as its owner and admins see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(rename = "Invite", skip_serializing_if_is_none)
)]
pub struct InviteView {
    /// The id of the invitation in its group.
    pub id: Tick,
    /// The member who made it.
    pub created_by: UserId,
    /// The time at which it was made: RFC 3339 in UTC.
    pub created_at: String,
    /// The time at which it ends: RFC 3339 in UTC; absent when it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The number of people whom it has let in.
    pub uses: i64,
    /// The most people whom it lets in; absent for any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<i64>,
}

impl From<&Invite> for InviteView {
    fn from(invite: &Invite) -> Self {
        Self {
            id: invite.id,
            created_by: invite.creator,
            created_at: invite.id.rfc3339(),
            expires_at: invite.expires.happened().then(|| invite.expires.rfc3339()),
            uses: invite.uses,
            max_uses: (invite.max_uses > 0).then_some(invite.max_uses),
        }
    }
}

/// The group to which an invitation leads, as anybody with the token sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct InvitePreview {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The name of the group.
    pub name: String,
    /// The description of the group; absent when none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The path of the group's picture, which the token opens; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The number of members.
    pub member_count: i64,
    /// True when the caller is a member already.
    pub is_member: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_group_and_is_shown_to_nobody() {
        let token = InviteToken::new(ChatId::new(), [0xab; 16]);
        let again: InviteToken = token.reveal().parse().expect("our own");
        assert_eq!(again, token);
        assert_eq!((again.chat, again.hash().len()), (token.chat, 64));
        assert!(!format!("{token:?}").contains("abab"));
        let long = format!("{}0", token.reveal());
        for bad in [
            "",
            "x",
            &token.reveal().to_uppercase(),
            &long,
            &"é".repeat(32),
        ] {
            assert!(bad.parse::<InviteToken>().is_err(), "{bad}");
        }
    }

    #[test]
    fn invitations_are_read_as_they_were_written() {
        let invite = |last| Invite {
            id: Tick(7),
            hash: "ab".repeat(32),
            creator: UserId::new(),
            expires: Tick(9),
            max_uses: 3,
            uses: 1,
            last,
        };
        let invites = Invites(vec![invite(None), invite(Some(UserId::new()))]);
        let text = invites.to_string();
        assert_eq!(text.parse::<Invites>().expect("our own"), invites);
        assert_eq!("".parse::<Invites>().expect("none"), Invites::default());
        for bad in ["1:2", "x:ab:c:0:0:0:", "1:ab:c:0:0:0:"] {
            assert!(bad.parse::<Invites>().is_err(), "{bad}");
        }
        let view = InviteView::from(&invite(None));
        assert_eq!((view.uses, view.max_uses), (1, Some(3)));
    }
}
