//! Table `messages`, clustered by `(chat_id, id)`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{ChatId, Extras, Message, MessageKind, StoredMessage, Tick, UserId};
use sea_orm::{ActiveValue::Set, entity::prelude::*};
use serde::{Serialize, de::DeserializeOwned};

use crate::unknown;

/// A message's row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub seq: i64,
    pub rev: i64,
    pub sender_id: Uuid,
    /// `text` or `system`.
    pub kind: String,
    pub subject: Option<String>,
    pub body: String,
    /// Bytes, since no collation may take two keys for one.
    pub client_id: Option<Vec<u8>>,
    /// True for a message of which only the place is left.
    pub deleted: bool,
    /// JSON of what few messages have.
    pub extras: Option<String>,
    /// Empty: terms of search were here before they had a table of their own, and are in the rows
    /// that were written then until the index is made anew.
    pub terms: String,
    /// JSON of all who reacted.
    pub reactors: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the row of a message.
///
/// # Errors
/// `DbErr::Type` when a part of it cannot be written as JSON; the same message fails each time.
pub fn to_row(stored: &StoredMessage) -> Result<ActiveModel, DbErr> {
    let message = &stored.message;
    let extras = Extras {
        system: message.system.clone(),
        reply_to: message.reply_to.clone(),
        mentions: message.mentions.clone(),
        mentions_all: message.mentions_all,
        attachments: message.attachments.clone(),
        custom_type: message.custom_type.clone(),
        metadata: message.metadata.clone(),
        edited_at: message.edited_at.clone(),
    };
    let extras = (extras != Extras::default()).then_some(extras);
    let reactors = (!stored.reactors.is_empty()).then_some(&stored.reactors);
    let client_id = message.client_id.as_ref();
    Ok(ActiveModel {
        chat_id: Set(message.chat_id.0),
        id: Set(message.id.0),
        seq: Set(message.seq),
        rev: Set(message.rev.0),
        sender_id: Set(message.sender_id.0),
        kind: Set(message.kind.as_str().to_owned()),
        subject: Set(message.subject.clone()),
        body: Set(message.body.clone()),
        client_id: Set(client_id.map(|key| key.as_bytes().to_vec())),
        deleted: Set(message.deleted == Some(true)),
        extras: Set(extras.as_ref().map(to_json).transpose()?),
        terms: Set(String::new()),
        reactors: Set(reactors.map(to_json).transpose()?),
    })
}

/// Makes a message of its row.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote what this one does not know.
pub fn from_row(row: Model) -> Result<StoredMessage, DbErr> {
    let extras: Extras = from_json("extras", row.extras)?;
    let reactors = from_json("reactions", row.reactors)?;
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
        client_id: row
            .client_id
            .map(|key| String::from_utf8_lossy(&key).into_owned()),
        system: extras.system,
        reply_to: extras.reply_to,
        mentions: extras.mentions,
        mentions_all: extras.mentions_all,
        attachments: extras.attachments,
        custom_type: extras.custom_type,
        metadata: extras.metadata,
        edited_at: extras.edited_at,
        reactions: None,
        deleted: row.deleted.then_some(true),
    };
    Ok(StoredMessage::new(message, reactors))
}

/// Returns the preview of a message, given the beginning of its body.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote what this one does not know.
pub fn preview(body: String, extras: Option<String>) -> Result<String, DbErr> {
    if !body.is_empty() {
        return Ok(body);
    }
    let extras: Extras = from_json("extras", extras)?;
    let files = extras.attachments.into_iter().flatten();
    Ok(files.map(|file| file.name).next().unwrap_or_default())
}

fn to_json<T: Serialize>(value: &T) -> Result<String, DbErr> {
    serde_json::to_string(value).map_err(|error| DbErr::Type(error.to_string()))
}

/// Reads a column of JSON; an absent one is the default.
fn from_json<T: Default + DeserializeOwned>(
    what: &str,
    column: Option<String>,
) -> Result<T, DbErr> {
    let Some(json) = column else {
        return Ok(T::default());
    };
    serde_json::from_str(&json)
        .map_err(|error| DbErr::Type(format!("a message's {what} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{Attachment, Reactors, Reply, System, SystemEvent};
    use sea_orm::TryIntoModel;
    use serde_json::json;

    use super::*;

    fn plain() -> Message {
        Message {
            id: Tick(1_763_668_800_123_457),
            seq: 3,
            rev: Tick(1_763_668_800_123_458),
            created_at: Tick(1_763_668_800_123_457).rfc3339(),
            chat_id: ChatId::new(),
            sender_id: UserId::new(),
            kind: MessageKind::Text,
            subject: None,
            body: "Breakfast at seven".into(),
            client_id: None,
            system: None,
            reply_to: None,
            mentions: None,
            mentions_all: None,
            attachments: None,
            custom_type: None,
            metadata: None,
            reactions: None,
            edited_at: None,
            deleted: None,
        }
    }

    fn row_of(stored: &StoredMessage) -> Model {
        let row = to_row(stored).expect("words and numbers");
        row.try_into_model().expect("every column is set")
    }

    #[test]
    fn a_plain_message_comes_back_as_it_was_written() {
        let stored = StoredMessage::new(plain(), Vec::new());
        let row = row_of(&stored);
        assert_eq!((&row.extras, &row.reactors), (&None, &None));
        assert_eq!(row.terms, "");
        assert_eq!(from_row(row).expect("our own row"), stored);
    }

    #[test]
    fn a_message_with_all_there_is_comes_back_as_it_was_written() {
        let message = Message {
            subject: Some("a \"quoted\" line".into()),
            client_id: Some("key \u{1F511}".into()),
            reply_to: Some(Reply {
                id: Tick(1),
                sender_id: UserId::new(),
                seq: 1,
                preview: String::new(),
            }),
            mentions: Some(vec![UserId::new()]),
            mentions_all: Some(true),
            attachments: Some(vec![Attachment {
                hash: "ab".repeat(32),
                name: "a.png".into(),
                size: 5,
                content_type: "image/png".into(),
                width: Some(2),
                height: None,
            }]),
            custom_type: Some("myapp.card".into()),
            metadata: Some(BTreeMap::from([("a".into(), json!([0.1, {"b": null}]))])),
            edited_at: Some(Tick(2).rfc3339()),
            ..plain()
        };
        let reactors = vec![Reactors {
            emoji: "👍".into(),
            users: vec![UserId::new(), UserId::new()],
        }];
        let stored = StoredMessage::new(message, reactors);
        assert_eq!(from_row(row_of(&stored)).expect("our own row"), stored);
        let files: Vec<_> = crate::attachment::to_rows(&stored).collect();
        let file = files[0].clone().try_into_model().expect("all is set");
        assert_eq!((files.len(), file.hash), (1, "ab".repeat(32)));
        assert_eq!(file.message_id, stored.message.id.0);
    }

    #[test]
    fn a_system_message_and_a_deleted_one_come_back_as_they_were_written() {
        let system = Message {
            kind: MessageKind::System,
            body: String::new(),
            system: Some(System {
                new: Some("Rowing".into()),
                ..System::new(SystemEvent::ChatRenamed, UserId::new())
            }),
            ..plain()
        };
        for message in [system, plain().tombstone()] {
            let stored = StoredMessage::new(message, Vec::new());
            assert_eq!(from_row(row_of(&stored)).expect("our own row"), stored);
        }
    }

    #[test]
    fn an_unknown_kind_and_unreadable_json_are_errors_that_say_so() {
        let row = row_of(&StoredMessage::new(plain(), Vec::new()));
        let error = |row| from_row(row).expect_err("an unreadable row").to_string();
        let kind = Model {
            kind: "voice".into(),
            ..row.clone()
        };
        assert!(error(kind).contains(r#"the kind of message "voice""#));
        let extras = Model {
            extras: Some("{".into()),
            ..row.clone()
        };
        assert!(error(extras).contains("a message's extras cannot be read"));
        let reactors = Model {
            reactors: Some("7".into()),
            ..row
        };
        assert!(error(reactors).contains("a message's reactions cannot be read"));
    }
}
