//! Rows as the model has them.

use entity::{chat, member, message, mine, user};
use model::{About, Chat, ChatId, ChatKind, Extras, Member, Message, MessageKind, Mine, Role, Stored, Tick, User, UserId};
use sea_orm::DbErr;

use crate::Result;

fn unknown(what: &str, value: &str) -> DbErr {
    DbErr::Type(format!("SQL holds the {what} {value:?}, which this version of Carrier does not know"))
}

pub(crate) fn user(row: user::Model) -> User {
    User {
        id: UserId(row.id),
        username: row.username,
        email: row.email,
        display_name: row.display_name,
        bio: row.bio,
        avatar: row.avatar,
        password: row.password,
        password_rev: Tick(row.password_rev),
        created: Tick(row.created),
        erased: Tick(row.erased),
        rev: Tick(row.rev),
    }
}

pub(crate) fn chat(row: chat::Model) -> Result<Chat> {
    Ok(Chat {
        id: ChatId(row.id),
        kind: ChatKind::parse(&row.kind).ok_or_else(|| unknown("kind of chat", &row.kind))?,
        name: row.name,
        description: row.description,
        avatar: row.avatar,
        blocks: row.blocks,
        deleted: Tick(row.deleted),
        creator: UserId(row.creator),
        created: Tick(row.created),
        last: Tick(row.last),
        seq: row.seq,
        texts: row.texts,
        rev: Tick(row.rev),
    })
}

pub(crate) fn member(row: member::Model) -> Result<(UserId, Member)> {
    let member = Member {
        role: Role::parse(&row.role).ok_or_else(|| unknown("role", &row.role))?,
        joined: Tick(row.joined),
        left: Tick(row.left_at),
        read: Tick(row.read_id),
        counted: row.counted,
        delivered: Tick(row.delivered),
        mentions: row.mentions.split(',').filter_map(|id| id.parse().ok().map(Tick)).collect(),
        rev: Tick(row.rev),
    };
    Ok((UserId(row.user_id), member))
}

pub(crate) fn message(row: message::Model) -> Result<Stored> {
    let extras = row.extras.map(|extras| serde_json::from_str(&extras)).transpose();
    let extras: Extras = extras.map_err(|error| DbErr::Type(format!("a message's extras cannot be read: {error}")))?.unwrap_or_default();
    let reactors = row.reactors.map(|reactors| serde_json::from_str(&reactors)).transpose();
    let reactors = reactors.map_err(|error| DbErr::Type(format!("a message's reactions cannot be read: {error}")))?.unwrap_or_default();
    let message = Message {
        id: Tick(row.id),
        seq: row.seq,
        rev: Tick(row.rev),
        created_at: Tick(row.id).rfc3339(),
        chat_id: ChatId(row.chat_id),
        sender_id: UserId(row.sender_id),
        kind: match row.kind.as_str() {
            "text" => MessageKind::Text,
            "system" => MessageKind::System,
            other => return Err(unknown("kind of message", other)),
        },
        subject: row.subject,
        body: row.body,
        client_id: row.client_id.map(|key| String::from_utf8_lossy(&key).into_owned()),
        system: extras.system,
        reply_to: extras.reply_to,
        mentions: extras.mentions,
        attachments: extras.attachments,
        edited_at: extras.edited_at,
        reactions: None,
        deleted: row.deleted.then_some(true),
    };
    Ok(Stored::new(message, reactors))
}

pub(crate) fn mine(row: mine::Model) -> Result<Mine> {
    let about = match row.kind.as_str() {
        "chat" => About::Chat(ChatId(row.target)),
        "block" => About::Block(UserId(row.target)),
        other => return Err(unknown("kind of row of one's own", other)),
    };
    Ok(Mine { about, value: row.value, rev: Tick(row.rev) })
}
