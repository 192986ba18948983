//! The first schema: users, chats, members, messages and their files, private rows, and the
//! incarnation.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
    Username,
    UsernameFolded,
    Email,
    EmailFolded,
    DisplayName,
    DisplayFolded,
    Bio,
    Avatar,
    Password,
    PasswordRev,
    Created,
    Erased,
    Rev,
}

#[derive(DeriveIden)]
enum Chats {
    Table,
    Id,
    Kind,
    Name,
    Description,
    Avatar,
    Blocks,
    Deleted,
    Creator,
    Created,
    Last,
    Seq,
    Texts,
    Rev,
}

#[derive(DeriveIden)]
enum Members {
    Table,
    ChatId,
    UserId,
    Role,
    Joined,
    LeftAt,
    ReadId,
    Counted,
    Delivered,
    Mentions,
    Rev,
}

#[derive(DeriveIden)]
enum Messages {
    Table,
    ChatId,
    Id,
    Seq,
    Rev,
    SenderId,
    Kind,
    Subject,
    Body,
    ClientId,
    Deleted,
    Extras,
    Terms,
    Reactors,
}

#[derive(DeriveIden)]
enum Attachments {
    Table,
    ChatId,
    Hash,
    MessageId,
}

#[derive(DeriveIden)]
enum Mine {
    Table,
    UserId,
    Kind,
    Target,
    Value,
    Rev,
}

#[derive(DeriveIden)]
enum Meta {
    Table,
    Name,
    Value,
}

pub(crate) fn id(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).binary_len(16).not_null().take()
}

pub(crate) fn tick(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().take()
}

fn words(column: impl IntoIden, characters: u32) -> ColumnDef {
    ColumnDef::new(column)
        .string_len(characters)
        .not_null()
        .take()
}

/// Makes a table in the order of its primary key. `utf8mb4_bin` keeps texts apart that differ in
/// any way; names are folded before they get here.
pub(crate) fn table(
    backend: DbBackend,
    name: impl IntoTableRef,
    columns: Vec<ColumnDef>,
) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name).if_not_exists();
    for mut column in columns {
        table.col(&mut column);
    }
    match backend {
        DbBackend::MySql => table
            .engine("InnoDB")
            .character_set("utf8mb4")
            .collate("utf8mb4_bin"),
        _ => table.extra("WITHOUT ROWID"),
    };
    table
}

/// Makes a column for more than MySQL's TEXT holds.
fn long_text(backend: DbBackend, column: impl IntoIden) -> ColumnDef {
    let mut column = ColumnDef::new(column);
    match backend {
        DbBackend::MySql => column.custom(Alias::new("MEDIUMTEXT")),
        _ => column.text(),
    };
    column
}

/// Returns the statements that make the full-text index over `messages.terms`. SQLite has it in a
/// table of its own, which keeps no text and knows numbers only, so triggers number the messages
/// with terms. (The triggers have no `OR IGNORE`: SQLite uses the conflict clause of the
/// statement that fires a trigger instead of the trigger's own.)
pub(crate) fn search_index(backend: DbBackend) -> &'static [&'static str] {
    match backend {
        DbBackend::MySql => &["CREATE FULLTEXT INDEX messages_terms ON messages (terms)"],
        _ => &[
            "CREATE TABLE message_rows (
                rowid INTEGER PRIMARY KEY,
                chat_id BLOB NOT NULL,
                message_id INTEGER NOT NULL,
                UNIQUE (chat_id, message_id)
            )",
            "CREATE VIRTUAL TABLE message_terms USING fts5(
                terms, content='', contentless_delete=1, detail=none, tokenize='ascii'
            )",
            "CREATE TRIGGER messages_inserted AFTER INSERT ON messages WHEN new.terms <> '' BEGIN
                INSERT INTO message_rows (chat_id, message_id) VALUES (new.chat_id, new.id);
                INSERT INTO message_terms (rowid, terms)
                    SELECT rowid, new.terms FROM message_rows
                    WHERE chat_id = new.chat_id AND message_id = new.id;
            END",
            "CREATE TRIGGER messages_updated AFTER UPDATE OF terms ON messages
            WHEN new.terms <> old.terms BEGIN
                INSERT INTO message_rows (chat_id, message_id)
                    SELECT new.chat_id, new.id
                    WHERE NOT EXISTS (
                        SELECT 1 FROM message_rows
                        WHERE chat_id = new.chat_id AND message_id = new.id
                    );
                DELETE FROM message_terms WHERE rowid = (
                    SELECT rowid FROM message_rows
                    WHERE chat_id = new.chat_id AND message_id = new.id
                );
                INSERT INTO message_terms (rowid, terms)
                    SELECT rowid, new.terms FROM message_rows
                    WHERE chat_id = new.chat_id AND message_id = new.id;
            END",
            "CREATE TRIGGER messages_deleted AFTER DELETE ON messages BEGIN
                DELETE FROM message_terms WHERE rowid = (
                    SELECT rowid FROM message_rows
                    WHERE chat_id = old.chat_id AND message_id = old.id
                );
                DELETE FROM message_rows
                    WHERE chat_id = old.chat_id AND message_id = old.id;
            END",
        ],
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let users = vec![
            id(Users::Id),
            words(Users::Username, 32),
            words(Users::UsernameFolded, 32),
            words(Users::Email, 254),
            words(Users::EmailFolded, 254),
            words(Users::DisplayName, 64),
            // Folding may make three characters of one.
            words(Users::DisplayFolded, 192),
            words(Users::Bio, 1000),
            words(Users::Avatar, 64),
            words(Users::Password, 255),
            tick(Users::PasswordRev),
            tick(Users::Created),
            tick(Users::Erased),
            tick(Users::Rev),
        ];
        manager
            .create_table(
                table(backend, Users::Table, users)
                    .primary_key(Index::create().col(Users::Id))
                    .take(),
            )
            .await?;
        let indexed = [
            ("users_username", Users::UsernameFolded),
            ("users_email", Users::EmailFolded),
            ("users_display", Users::DisplayFolded),
            ("users_avatar", Users::Avatar),
            ("users_rev", Users::Rev),
        ];
        for (name, column) in indexed {
            manager
                .create_index(
                    Index::create()
                        .name(name)
                        .table(Users::Table)
                        .col(column)
                        .take(),
                )
                .await?;
        }

        let chats = vec![
            id(Chats::Id),
            words(Chats::Kind, 8),
            words(Chats::Name, 128),
            words(Chats::Description, 1000),
            words(Chats::Avatar, 64),
            words(Chats::Blocks, 128),
            tick(Chats::Deleted),
            id(Chats::Creator),
            tick(Chats::Created),
            tick(Chats::Last),
            tick(Chats::Seq),
            tick(Chats::Texts),
            tick(Chats::Rev),
        ];
        manager
            .create_table(
                table(backend, Chats::Table, chats)
                    .primary_key(Index::create().col(Chats::Id))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("chats_avatar")
                    .table(Chats::Table)
                    .col(Chats::Avatar)
                    .take(),
            )
            .await?;

        let members = vec![
            id(Members::ChatId),
            id(Members::UserId),
            words(Members::Role, 8),
            tick(Members::Joined),
            tick(Members::LeftAt),
            tick(Members::ReadId),
            tick(Members::Counted),
            tick(Members::Delivered),
            // 50 ids of 16 digits.
            words(Members::Mentions, 900),
            tick(Members::Rev),
        ];
        let key = Index::create()
            .col(Members::ChatId)
            .col(Members::UserId)
            .take();
        manager
            .create_table(
                table(backend, Members::Table, members)
                    .primary_key(&mut key.clone())
                    .take(),
            )
            .await?;
        let by_user = Index::create()
            .name("members_user")
            .table(Members::Table)
            .col(Members::UserId)
            .col(Members::ChatId)
            .take();
        manager.create_index(by_user).await?;

        let messages = vec![
            id(Messages::ChatId),
            tick(Messages::Id),
            tick(Messages::Seq),
            tick(Messages::Rev),
            id(Messages::SenderId),
            words(Messages::Kind, 8),
            ColumnDef::new(Messages::Subject).string_len(200).take(),
            // 10,000 characters of up to four bytes; MySQL's TEXT holds 65,535 bytes.
            ColumnDef::new(Messages::Body).text().not_null().take(),
            ColumnDef::new(Messages::ClientId).var_binary(256).take(),
            ColumnDef::new(Messages::Deleted)
                .boolean()
                .not_null()
                .take(),
            ColumnDef::new(Messages::Extras).text().take(),
            long_text(backend, Messages::Terms).not_null().take(),
            // 20 kinds by 1,000 members.
            long_text(backend, Messages::Reactors),
        ];
        let key = Index::create()
            .col(Messages::ChatId)
            .col(Messages::Id)
            .take();
        manager
            .create_table(
                table(backend, Messages::Table, messages)
                    .primary_key(&mut key.clone())
                    .take(),
            )
            .await?;
        let by_rev = Index::create()
            .name("messages_rev")
            .table(Messages::Table)
            .col(Messages::ChatId)
            .col(Messages::Rev)
            .take();
        manager.create_index(by_rev).await?;
        let by_key = Index::create()
            .name("messages_client")
            .table(Messages::Table)
            .col(Messages::ChatId)
            .col(Messages::ClientId)
            .take();
        manager.create_index(by_key).await?;

        let attachments = vec![
            id(Attachments::ChatId),
            words(Attachments::Hash, 64),
            tick(Attachments::MessageId),
        ];
        let key = Index::create()
            .col(Attachments::ChatId)
            .col(Attachments::Hash)
            .col(Attachments::MessageId)
            .take();
        manager
            .create_table(
                table(backend, Attachments::Table, attachments)
                    .primary_key(&mut key.clone())
                    .take(),
            )
            .await?;

        let mine = vec![
            id(Mine::UserId),
            words(Mine::Kind, 8),
            id(Mine::Target),
            // JSON: 2,000 ids and a few words.
            ColumnDef::new(Mine::Value).text().not_null().take(),
            tick(Mine::Rev),
        ];
        let key = Index::create()
            .col(Mine::UserId)
            .col(Mine::Kind)
            .col(Mine::Target)
            .take();
        manager
            .create_table(
                table(backend, Mine::Table, mine)
                    .primary_key(&mut key.clone())
                    .take(),
            )
            .await?;

        for statement in search_index(backend) {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }

        let meta = vec![words(Meta::Name, 64), words(Meta::Value, 255)];
        manager
            .create_table(
                table(backend, Meta::Table, meta)
                    .primary_key(Index::create().col(Meta::Name))
                    .take(),
            )
            .await?;
        let incarnation = Query::insert()
            .into_table(Meta::Table)
            .columns([Meta::Name, Meta::Value])
            .values_panic([
                "incarnation".into(),
                uuid::Uuid::now_v7().to_string().into(),
            ])
            .on_conflict(
                OnConflict::column(Meta::Name)
                    .do_nothing_on([Meta::Name])
                    .to_owned(),
            )
            .to_owned();
        manager
            .get_connection()
            .execute(&incarnation)
            .await
            .map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Attachments::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Mine::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Messages::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Members::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Chats::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Users::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Meta::Table).to_owned())
            .await
    }
}
