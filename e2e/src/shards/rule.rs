//! The rule for a statement, on an SQL that divides its rows by the keys of [`super::KEYED`].
//!
//! A table's key is *named* where all rows of a statement must have one of some values in it: each
//! side of an OR must say so. Rows of two tables are *together* where their keys are compared, and
//! then one of the two must be named. Whatever the rule cannot see to be right is wrong.

use std::{collections::BTreeSet, convert::Infallible, fmt, ops::ControlFlow};

use sea_orm::DbBackend;
use sqlparser::{
    ast::{
        Assignment, AssignmentTarget, BinaryOperator, Delete, Expr, FromTable, Ident, InTarget,
        Insert, JoinConstraint, JoinOperator, ObjectName, OnConflictAction, OnInsert, Select,
        SetExpr, SetOperator, SetQuantifier, Statement, TableFactor, TableObject, TableWithJoins,
        Visit, Visitor,
    },
    dialect::{Dialect, MySqlDialect, SQLiteDialect},
    parser::Parser,
};

use super::{
    GLOBAL,
    keys::{Key, key_of},
};

/// A reason for which a statement is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// Rows of this table may be on any shard.
    Keyless(String),
    /// The rows of these tables may be on different shards.
    Across(Vec<String>),
    /// A row of this table would have to move to another shard.
    Moves(String),
    /// The rule does not know what this means.
    Unknown(String),
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |table: &str| key_of(table).map_or("a key", |key| key.column);
        match self {
            Self::Keyless(table) => write!(f, "{table} without {}", column(table)),
            Self::Across(tables) => f.write_str(&tables.join(" with ")),
            Self::Moves(table) => write!(f, "{table} with a new {}", column(table)),
            Self::Unknown(what) => write!(f, "not understood: {what}"),
        }
    }
}

/// Returns all that is wrong with a statement.
pub fn breaches(backend: DbBackend, sql: &str) -> BTreeSet<Breach> {
    let dialect: &dyn Dialect = match backend {
        DbBackend::MySql => &MySqlDialect {},
        _ => &SQLiteDialect {},
    };
    let statements = match Parser::parse_sql(dialect, sql) {
        Ok(statements) => statements,
        Err(error) => return [Breach::Unknown(error.to_string())].into(),
    };
    statements.iter().flat_map(of_one).collect()
}

fn of_one(statement: &Statement) -> BTreeSet<Breach> {
    match statement {
        Statement::Query(query) => of_queries(&query.body),
        other => read(other),
    }
}

/// Returns what is wrong with each of the queries that stand beside each other, all rows of which
/// are returned: none of them has to do with another.
fn of_queries(queries: &SetExpr) -> BTreeSet<Breach> {
    match queries {
        SetExpr::SetOperation {
            op: SetOperator::Union,
            set_quantifier: SetQuantifier::All,
            left,
            right,
        } => of_queries(left)
            .into_iter()
            .chain(of_queries(right))
            .collect(),
        one => read(one),
    }
}

fn read(part: &impl Visit) -> BTreeSet<Breach> {
    let mut reader = Reader::default();
    let ControlFlow::Continue(()) = part.visit(&mut reader);
    reader.end()
}

/// A table in a statement; one that is there twice is two.
struct Table {
    name: String,
    /// The name by which the statement speaks of it.
    alias: String,
    /// The key; `None` for a table that is in one place.
    key: Option<Key>,
    is_named: bool,
    /// The first of the tables that it is together with.
    group: usize,
}

/// A walk through a statement.
#[derive(Default)]
struct Reader {
    tables: Vec<Table>,
    /// The tables of each query that the walk is inside of, the innermost last.
    scopes: Vec<Vec<usize>>,
    breaches: BTreeSet<Breach>,
}

impl Visitor for Reader {
    type Break = Infallible;

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Infallible> {
        self.enter(&select.from);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<Infallible> {
        self.leave(&select.from, select.selection.as_ref());
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Infallible> {
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => {
                self.enter(std::slice::from_ref(&update.table));
                self.assign(&update.assignments);
            }
            Statement::Delete(delete) => self.enter(deleted_from(delete)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Infallible> {
        match statement {
            Statement::Update(update) => {
                let from = std::slice::from_ref(&update.table);
                self.leave(from, update.selection.as_ref());
            }
            Statement::Delete(delete) => {
                self.leave(deleted_from(delete), delete.selection.as_ref());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Reader {
    /// Begins a query of these tables.
    fn enter(&mut self, from: &[TableWithJoins]) {
        let relations = from.iter().flat_map(|table| {
            let joined = table.joins.iter().map(|join| &join.relation);
            std::iter::once(&table.relation).chain(joined)
        });
        let mut scope = Vec::new();
        for relation in relations {
            match relation {
                TableFactor::Table { name, alias, .. } => {
                    let alias = alias.as_ref().map(|alias| alias.name.value.clone());
                    scope.extend(self.add(name, alias));
                }
                // Its tables are those of a query of its own.
                TableFactor::Derived { .. } => {}
                other => self.unknown(other),
            }
        }
        self.scopes.push(scope);
    }

    /// Adds a table; returns its place, or `None` if it is none of ours.
    fn add(&mut self, name: &ObjectName, alias: Option<String>) -> Option<usize> {
        let name = last(name)?;
        let key = key_of(&name);
        if key.is_none() && !GLOBAL.contains(&name.as_str()) {
            return None;
        }
        let place = self.tables.len();
        self.tables.push(Table {
            alias: alias.unwrap_or_else(|| name.clone()),
            name,
            key,
            is_named: false,
            group: place,
        });
        Some(place)
    }

    /// Ends a query with this condition.
    fn leave(&mut self, from: &[TableWithJoins], selection: Option<&Expr>) {
        let joins = from.iter().flat_map(|table| &table.joins);
        for join in joins {
            match on(&join.join_operator) {
                Some(condition) => self.compare(condition),
                None => self.unknown(&join),
            }
        }
        if let Some(selection) = selection {
            self.compare(selection);
            for place in self.scopes.last().cloned().unwrap_or_default() {
                self.tables[place].is_named |= self.names(selection, place);
            }
        }
        self.scopes.pop();
    }

    /// Puts tables together whose keys a condition compares.
    fn compare(&mut self, condition: &Expr) {
        match condition {
            Expr::Nested(inner) => self.compare(inner),
            Expr::BinaryOp { left, op, right } if *op == BinaryOperator::And => {
                self.compare(left);
                self.compare(right);
            }
            Expr::BinaryOp { left, op, right } if *op == BinaryOperator::Eq => {
                let (Some(one), Some(other)) = (self.key(left), self.key(right)) else {
                    return;
                };
                let of = |place: usize| self.tables[place].key.map(|key| key.of);
                if of(one) == of(other) {
                    let (one, other) = (self.tables[one].group, self.tables[other].group);
                    for table in &mut self.tables {
                        if table.group == one {
                            table.group = other;
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Tells whether a condition names the key of a table.
    fn names(&self, condition: &Expr, table: usize) -> bool {
        let is_key = |expr: &Expr| self.key(expr) == Some(table);
        match condition {
            Expr::Nested(inner) => self.names(inner, table),
            Expr::BinaryOp { left, op, right } => match op {
                BinaryOperator::And => self.names(left, table) || self.names(right, table),
                BinaryOperator::Or => self.names(left, table) && self.names(right, table),
                BinaryOperator::Eq => {
                    is_key(left) && is_value(right) || is_value(left) && is_key(right)
                }
                _ => false,
            },
            Expr::In {
                expr,
                target: InTarget::List(list),
                negated: false,
                ..
            } => is_key(expr) && list.iter().all(is_value),
            _ => false,
        }
    }

    /// Returns the table of which this is the key.
    fn key(&self, expr: &Expr) -> Option<usize> {
        let is_its_key = |place: usize, column: &Ident| {
            let key = self.tables[place].key;
            key.is_some_and(|key| column.value.eq_ignore_ascii_case(key.column))
        };
        match expr {
            Expr::Nested(inner) => self.key(inner),
            Expr::Identifier(column) => match self.scopes.last()?[..] {
                [only] if is_its_key(only, column) => Some(only),
                _ => None,
            },
            Expr::CompoundIdentifier(names) => {
                let [.., table, column] = &names[..] else {
                    return None;
                };
                let of_inner_first = self.scopes.iter().rev().flatten();
                let place = of_inner_first
                    .copied()
                    .find(|place| self.tables[*place].alias == table.value)?;
                is_its_key(place, column).then_some(place)
            }
            _ => None,
        }
    }

    fn insert(&mut self, insert: &Insert) {
        let TableObject::TableName(name) = &insert.table else {
            return self.unknown(&insert.table);
        };
        let Some(place) = self.add(name, None) else {
            return;
        };
        let rows = insert.source.as_ref().map(|source| source.body.as_ref());
        if let (Some(key), Some(SetExpr::Values(_))) = (self.tables[place].key, rows) {
            let columns = insert.columns.iter().filter_map(last);
            let has_key = columns.into_iter().any(|column| column == key.column);
            self.tables[place].is_named = has_key;
        }
        self.scopes.push(vec![place]);
        match &insert.on {
            Some(OnInsert::DuplicateKeyUpdate(assignments)) => self.assign(assignments),
            Some(OnInsert::OnConflict(conflict)) => {
                if let OnConflictAction::DoUpdate(update) = &conflict.action {
                    self.assign(&update.assignments);
                }
            }
            _ => {}
        }
        self.scopes.pop();
    }

    /// Looks whether rows of the table of the innermost scope get another key.
    fn assign(&mut self, assignments: &[Assignment]) {
        let Some(&[table]) = self.scopes.last().map(Vec::as_slice) else {
            return;
        };
        for Assignment { target, value } in assignments {
            let key = self.tables[table].key.map(|key| key.column.to_owned());
            let is_key = match target {
                AssignmentTarget::ColumnName(name) => last(name) == key,
                AssignmentTarget::Tuple(_) => true,
            };
            if key.is_some() && is_key && self.key(value) != Some(table) {
                let name = self.tables[table].name.clone();
                self.breaches.insert(Breach::Moves(name));
            }
        }
    }

    fn unknown(&mut self, what: &impl fmt::Display) {
        self.breaches.insert(Breach::Unknown(what.to_string()));
    }

    /// Returns what is wrong with the statement.
    fn end(mut self) -> BTreeSet<Breach> {
        let mut places = BTreeSet::new();
        for table in &self.tables {
            // What is not divided is all in one place.
            places.insert(table.key.map(|_| table.group));
            let mut together = self
                .tables
                .iter()
                .filter(|other| other.group == table.group);
            if table.key.is_some() && !together.any(|other| other.is_named) {
                self.breaches.insert(Breach::Keyless(table.name.clone()));
            }
        }
        if places.len() > 1 {
            let mut names: Vec<_> = self.tables.into_iter().map(|table| table.name).collect();
            names.sort();
            self.breaches.insert(Breach::Across(names));
        }
        self.breaches
    }
}

/// Returns the tables from which rows are deleted.
fn deleted_from(delete: &Delete) -> &[TableWithJoins] {
    match &delete.from {
        FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from) => from,
    }
}

/// Returns the condition of a join.
fn on(operator: &JoinOperator) -> Option<&Expr> {
    match operator {
        JoinOperator::Join(JoinConstraint::On(condition))
        | JoinOperator::Inner(JoinConstraint::On(condition))
        | JoinOperator::Left(JoinConstraint::On(condition)) => Some(condition),
        _ => None,
    }
}

/// Returns a name without what it is in, in small letters.
fn last(name: &ObjectName) -> Option<String> {
    let ident = name.0.last()?.as_ident()?;
    Some(ident.value.to_lowercase())
}

fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_value(inner),
        Expr::Value(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sql: &str) -> Vec<String> {
        let breaches = breaches(DbBackend::MySql, sql);
        breaches.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_statement_that_names_its_shard_is_right() {
        for sql in [
            "SELECT `body` FROM `messages` WHERE `messages`.`chat_id` = ? AND `messages`.`id` > ?",
            "SELECT body FROM messages m WHERE (m.id < ? OR m.seq = ?) AND (m.chat_id = ?)",
            "SELECT body FROM messages WHERE chat_id IN (?, ?) ORDER BY id LIMIT 9",
            "SELECT 1 FROM messages WHERE (chat_id = ? AND id IN (?)) OR (chat_id = ? AND id = ?)",
            "SELECT COUNT(*) FROM (SELECT id FROM chats WHERE x'00' = id LIMIT 1) AS sub",
            "SELECT id FROM chats WHERE id IN (?) FOR UPDATE SKIP LOCKED",
            "SELECT message_id FROM attachments WHERE attachments.chat_id = ? AND EXISTS (SELECT 1 \
             FROM messages WHERE messages.chat_id = attachments.chat_id AND id = message_id)",
            "SELECT 1 FROM members JOIN chats ON chats.id = members.chat_id WHERE chats.id = ?",
            "SELECT MAX(id) FROM messages WHERE chat_id = ? AND id < ? UNION ALL \
             SELECT MAX(id) FROM messages WHERE chat_id = ? AND id < ?",
            "SELECT value FROM mine WHERE user_id = ?",
            "SELECT id FROM users WHERE username_folded = ?",
            "SELECT 1 FROM information_schema.tables WHERE table_name = 'messages'",
            "UPDATE chats SET rev = rev WHERE chats.id IN (?, ?)",
            "UPDATE messages SET terms = ? WHERE chat_id = ? AND id = ? AND rev = ?",
            "DELETE FROM attachments WHERE attachments.chat_id = ? AND (hash < ? OR hash = ?)",
            "INSERT INTO members (chat_id, user_id, rev) VALUES (?, ?, ?), (?, ?, ?) ON DUPLICATE \
             KEY UPDATE `role` = IF(VALUES(`rev`) > `rev`, VALUES(`role`), `role`)",
            "INSERT INTO attachments (chat_id, hash) VALUES (?, ?) ON DUPLICATE KEY UPDATE \
             `chat_id` = `chat_id`, hash = hash",
            "SET SESSION innodb_lock_wait_timeout=1, wait_timeout=30",
        ] {
            assert_eq!(said(sql), Vec::<String>::new(), "{sql}");
        }
    }

    #[test]
    fn the_same_holds_in_the_words_of_sqlite() {
        let right = r#"INSERT INTO "chats" ("id", "rev") VALUES (?, ?) ON CONFLICT ("id") DO UPDATE
            SET "rev" = "excluded"."rev" WHERE excluded.rev > chats.rev"#;
        assert_eq!(breaches(DbBackend::Sqlite, right), BTreeSet::new());
        let wrong = r#"SELECT "body" FROM "messages" WHERE "messages"."id" = ?"#;
        assert_eq!(breaches(DbBackend::Sqlite, wrong).len(), 1);
    }

    #[test]
    fn a_statement_without_its_key_is_wrong() {
        for sql in [
            "SELECT body FROM messages",
            "SELECT body FROM messages WHERE id = ?",
            "SELECT body FROM messages WHERE chat_id = ? OR sender_id = ?",
            "SELECT body FROM messages WHERE NOT chat_id = ?",
            "SELECT body FROM messages WHERE chat_id > ?",
            "SELECT body FROM messages WHERE chat_id NOT IN (?, ?)",
            "SELECT body FROM messages WHERE chat_id = chat_id",
            "SELECT body FROM messages WHERE chat_id = sender_id",
            "SELECT body FROM messages WHERE id IN (SELECT max FROM other WHERE chat_id = ?)",
            "SELECT 1 FROM (SELECT id FROM messages WHERE hash = ?) AS sub WHERE chat_id = ?",
            "SELECT id FROM messages WHERE chat_id = ? UNION ALL SELECT id FROM messages",
            "UPDATE messages SET terms = ? WHERE id = ?",
            "UPDATE messages SET terms = ?",
            "DELETE FROM messages WHERE id < ?",
            "INSERT INTO messages (id, body) VALUES (?, ?)",
            "INSERT INTO messages SELECT * FROM other",
        ] {
            assert_eq!(said(sql), ["messages without chat_id"], "{sql}");
        }
        let of_other_key = "SELECT 1 FROM mine WHERE kind = ? AND target = ?";
        assert_eq!(said(of_other_key), ["mine without user_id"]);
    }

    #[test]
    fn a_join_across_shards_is_wrong() {
        let across = "members with messages";
        for sql in [
            "SELECT 1 FROM messages, members WHERE messages.chat_id = ? AND members.chat_id = ?",
            "SELECT 1 FROM messages JOIN members ON members.user_id = messages.sender_id \
             WHERE messages.chat_id = ? AND members.chat_id = ?",
            "SELECT 1 FROM messages WHERE chat_id = ? AND sender_id IN \
             (SELECT user_id FROM members WHERE chat_id = ?)",
            "SELECT 1 FROM messages WHERE messages.chat_id = ? AND EXISTS (SELECT 1 FROM members \
             WHERE members.chat_id = ? AND (members.chat_id = messages.chat_id OR left_at = 0))",
        ] {
            assert_eq!(said(sql), [across], "{sql}");
        }
        let with_one_place = "SELECT 1 FROM messages JOIN users ON users.id = messages.sender_id \
                              WHERE messages.chat_id = ?";
        assert_eq!(said(with_one_place), ["messages with users"]);
        // Together, and nobody says where.
        let nowhere = "SELECT 1 FROM members JOIN chats ON chats.id = members.chat_id";
        assert_eq!(
            said(nowhere),
            ["chats without id", "members without chat_id"]
        );
    }

    #[test]
    fn a_row_that_moves_is_wrong() {
        for sql in [
            "UPDATE messages SET chat_id = ? WHERE chat_id = ?",
            "INSERT INTO messages (chat_id, id) VALUES (?, ?) ON DUPLICATE KEY UPDATE \
             chat_id = VALUES(id)",
        ] {
            assert_eq!(said(sql), ["messages with a new chat_id"], "{sql}");
        }
    }

    #[test]
    fn what_is_not_understood_is_wrong() {
        for sql in [
            "SELECT body FROM messages NATURAL JOIN members",
            "SELECT body FRM messages",
        ] {
            let said = said(sql);
            let is_unknown = said
                .iter()
                .any(|breach| breach.starts_with("not understood"));
            assert!(is_unknown, "{sql}: {said:?}");
        }
    }
}
