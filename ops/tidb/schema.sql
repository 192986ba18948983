-- The tables of Carrier for TiDB, which has no index of words, so the first migration cannot make
-- them there. Load this into an empty database, once, and see docs/scale.md. A test compares it
-- with what the migrations make.

CREATE TABLE users (
    id BINARY(16) NOT NULL,
    username VARCHAR(32) NOT NULL,
    username_folded VARCHAR(32) NOT NULL,
    email VARCHAR(254) NOT NULL,
    email_folded VARCHAR(254) NOT NULL,
    display_name VARCHAR(64) NOT NULL,
    display_folded VARCHAR(192) NOT NULL,
    bio VARCHAR(1000) NOT NULL,
    avatar VARCHAR(64) NOT NULL,
    password VARCHAR(255) NOT NULL,
    password_rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    erased BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    found_by_email BOOL NOT NULL DEFAULT FALSE,
    external_id VARCHAR(128) NOT NULL DEFAULT '',
    disabled BIGINT NOT NULL DEFAULT 0,
    metadata TEXT,
    PRIMARY KEY (id) /*T![clustered_index] CLUSTERED */,
    KEY users_username (username_folded),
    KEY users_email (email_folded),
    KEY users_display (display_folded),
    KEY users_avatar (avatar),
    KEY users_rev (rev),
    KEY users_external_id (external_id)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE chats (
    id BINARY(16) NOT NULL,
    kind VARCHAR(8) NOT NULL,
    name VARCHAR(128) NOT NULL,
    description VARCHAR(1000) NOT NULL,
    avatar VARCHAR(64) NOT NULL,
    blocks VARCHAR(128) NOT NULL,
    deleted BIGINT NOT NULL,
    creator BINARY(16) NOT NULL,
    created BIGINT NOT NULL,
    last BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    texts BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    mentions_all VARCHAR(900) NOT NULL DEFAULT '',
    pins VARCHAR(900) NOT NULL DEFAULT '',
    invites VARCHAR(4000) NOT NULL DEFAULT '',
    PRIMARY KEY (id) /*T![clustered_index] CLUSTERED */,
    KEY chats_avatar (avatar)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE members (
    chat_id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    role VARCHAR(8) NOT NULL,
    joined BIGINT NOT NULL,
    left_at BIGINT NOT NULL,
    read_id BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    mentions VARCHAR(900) NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (chat_id, user_id) /*T![clustered_index] CLUSTERED */,
    KEY members_user (user_id, chat_id),
    KEY members_rev (chat_id, rev)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE messages (
    chat_id BINARY(16) NOT NULL,
    id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    sender_id BINARY(16) NOT NULL,
    kind VARCHAR(8) NOT NULL,
    subject VARCHAR(200),
    body TEXT NOT NULL,
    client_id VARBINARY(256),
    deleted BOOL NOT NULL,
    extras TEXT,
    terms MEDIUMTEXT NOT NULL,
    reactors MEDIUMTEXT,
    PRIMARY KEY (chat_id, id) /*T![clustered_index] CLUSTERED */,
    KEY messages_rev (chat_id, rev),
    KEY messages_client (chat_id, client_id)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE attachments (
    chat_id BINARY(16) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    message_id BIGINT NOT NULL,
    PRIMARY KEY (chat_id, hash, message_id) /*T![clustered_index] CLUSTERED */
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE postings (
    chat_id BINARY(16) NOT NULL,
    first_id BIGINT NOT NULL,
    block MEDIUMBLOB NOT NULL,
    PRIMARY KEY (chat_id, first_id) /*T![clustered_index] CLUSTERED */
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE spans (
    chat_id BINARY(16) NOT NULL,
    first_id BIGINT NOT NULL,
    end_id BIGINT NOT NULL,
    blocks MEDIUMBLOB NOT NULL,
    PRIMARY KEY (chat_id, first_id) /*T![clustered_index] CLUSTERED */
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE span_parts (
    chat_id BINARY(16) NOT NULL,
    first_id BIGINT NOT NULL,
    part BIGINT NOT NULL,
    terms MEDIUMBLOB NOT NULL,
    PRIMARY KEY (chat_id, first_id, part) /*T![clustered_index] CLUSTERED */
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE webhook_cursors (
    chat_id BINARY(16) NOT NULL,
    webhook_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL,
    low BIGINT NOT NULL,
    due BIGINT NOT NULL,
    claim BIGINT NOT NULL,
    failing_since BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failure VARCHAR(255) NOT NULL,
    PRIMARY KEY (chat_id, webhook_id) /*T![clustered_index] CLUSTERED */,
    KEY webhook_cursors_due (webhook_id, due)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE mine (
    user_id BINARY(16) NOT NULL,
    kind VARCHAR(8) NOT NULL,
    target BINARY(16) NOT NULL,
    value TEXT NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, target) /*T![clustered_index] CLUSTERED */
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE meta (
    name VARCHAR(64) NOT NULL,
    value VARCHAR(255) NOT NULL,
    PRIMARY KEY (name) /*T![clustered_index] CLUSTERED */
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE commits (
    writer VARCHAR(36) NOT NULL,
    owner VARCHAR(36) NOT NULL,
    number BIGINT NOT NULL,
    marks VARBINARY(2048) NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (writer) /*T![clustered_index] CLUSTERED */
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE seaql_migrations (
    version VARCHAR(255) NOT NULL,
    applied_at BIGINT NOT NULL,
    PRIMARY KEY (version) /*T![clustered_index] CLUSTERED */
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO meta (name, value) VALUES ('incarnation', UUID());

INSERT INTO seaql_migrations (version, applied_at) VALUES
    ('m20261120_000001_first', UNIX_TIMESTAMP()),
    ('m20261126_000001_commits', UNIX_TIMESTAMP()),
    ('m20261126_000002_found_by_email', UNIX_TIMESTAMP()),
    ('m20261126_000004_members_by_rev', UNIX_TIMESTAMP()),
    ('m20261126_000005_fold_letters', UNIX_TIMESTAMP()),
    ('m20261126_000006_mentions_all', UNIX_TIMESTAMP()),
    ('m20261127_000001_fold_apostrophes', UNIX_TIMESTAMP()),
    ('m20261128_000001_postings', UNIX_TIMESTAMP()),
    ('m20261128_000002_external_ids', UNIX_TIMESTAMP()),
    ('m20261128_000003_spans', UNIX_TIMESTAMP()),
    ('m20261128_000004_pins', UNIX_TIMESTAMP()),
    ('m20261128_000005_invites', UNIX_TIMESTAMP()),
    ('m20261128_000005_webhook_cursors', UNIX_TIMESTAMP()),
    ('m20261128_000006_user_metadata', UNIX_TIMESTAMP());
