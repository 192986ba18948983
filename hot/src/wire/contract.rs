//! What a contract of a verb is, and the macro that makes one of each entry of the table.
//!
//! From one entry come the struct by which Rust calls the verb, so that a call that forgets a key
//! or an argument does not compile, and the first lines of the script, in which each key and
//! argument is a local variable of the same name.

use fred::types::{Key, Value};
use model::{ChatId, Tick, UserId};

use super::{Verb, arg, ms, us};

/// An argument that is text in Lua.
pub(crate) type Text = Value;

/// A duration that is a number of milliseconds in Lua.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Millis(pub(crate) std::time::Duration);

/// A duration that is a number of microseconds in Lua.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Micros(pub(crate) std::time::Duration);

/// The type that an argument has in Lua.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentKind {
    /// Text. Ticks are: Lua prints a number with 14 digits, and a tick has 16.
    Text,
    /// A number that is exact in Lua, at most 2^53.
    Number,
    /// True or false; on the wire `1` or `0`.
    Flag,
}

/// A value that a script takes.
pub(crate) trait Argument {
    /// The type of the value in Lua.
    const KIND: ArgumentKind;
    /// Returns the value as it is sent.
    fn value(self) -> Value;
}

macro_rules! arguments {
    ($($type:ty, $kind:ident, $self:ident => $value:expr;)*) => {
        $(impl Argument for $type {
            const KIND: ArgumentKind = ArgumentKind::$kind;
            fn value($self) -> Value {
                $value
            }
        })*
    };
}

arguments! {
    Text, Text, self => self;
    Tick, Text, self => Value::Integer(self.0);
    ChatId, Text, self => arg(self);
    UserId, Text, self => arg(self);
    Millis, Number, self => ms(self.0);
    Micros, Number, self => us(self.0);
    i64, Number, self => Value::Integer(self);
    u32, Number, self => Value::Integer(self.into());
    usize, Number, self => Value::Integer(i64::try_from(self).unwrap_or(i64::MAX));
    bool, Flag, self => Value::Integer(self.into());
}

/// The call of a verb.
pub(crate) trait Call {
    /// The verb.
    const VERB: Verb;
    /// Returns the keys and the arguments in the order of the contract.
    fn parts(self) -> (Vec<Key>, Vec<Value>);
}

/// The contract of a verb.
#[derive(Debug)]
pub(crate) struct Contract {
    /// The flags of the script, as its first line has them.
    pub(crate) flags: &'static str,
    /// The names of the keys, in order.
    pub(crate) keys: &'static [&'static str],
    /// The names of the arguments that every call has, in order.
    pub(crate) args: &'static [(&'static str, ArgumentKind)],
    /// The names of the lists that follow, each of which begins with its length.
    pub(crate) lists: &'static [&'static str],
}

impl Contract {
    /// Returns the names of all keys, arguments and lists.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let args = self.args.iter().map(|(name, _)| name);
        let all = self.keys.iter().chain(args).chain(self.lists);
        all.copied().collect()
    }

    /// Returns the lines of Lua that give each key, argument and list its name. `keys` and `args`:
    /// what comes before the number of each, in Lua.
    pub(crate) fn prologue(&self, keys: &str, args: &str) -> String {
        let mut lines = String::new();
        let mut assign = |names: Vec<&str>, values: Vec<String>| {
            if !names.is_empty() {
                lines += &format!("local {} = {}\n", names.join(", "), values.join(", "));
            }
        };
        let key = |at: usize| format!("KEYS[{keys}{at}]");
        assign(self.keys.to_vec(), (1..=self.keys.len()).map(key).collect());
        let value = |(at, (_, kind)): (usize, &(&str, ArgumentKind))| {
            let value = format!("ARGV[{args}{}]", at + 1);
            match kind {
                ArgumentKind::Text => value,
                ArgumentKind::Number => format!("tonumber({value})"),
                ArgumentKind::Flag => format!("{value} == '1'"),
            }
        };
        assign(
            self.args.iter().map(|(name, _)| *name).collect(),
            self.args.iter().enumerate().map(value).collect(),
        );
        let after = |at: usize| match at.checked_sub(1) {
            Some(before) => format!("{}.last", self.lists[before]),
            None => format!("{args}{}", self.args.len()),
        };
        for (at, name) in self.lists.iter().enumerate() {
            assign(vec![name], vec![format!("list_after({})", after(at))]);
        }
        lines
    }
}

// A debug build reads the scripts from the source tree when it starts, so that a changed line of
// Lua needs no compiler; a release has them in it.
#[cfg(debug_assertions)]
macro_rules! lua {
    ($($path:expr),*) => {
        std::fs::read_to_string(
            concat!(env!("CARGO_MANIFEST_DIR"), "/src/lua/", $($path,)* ".lua"),
        )
        .expect("a debug build runs where its source tree is")
    };
}
#[cfg(not(debug_assertions))]
macro_rules! lua {
    ($($path:expr),*) => {
        include_str!(concat!("../lua/", $($path,)* ".lua")).to_owned()
    };
}

macro_rules! always {
    ($type:ty, $($name:ident)*) => {
        $type
    };
}

macro_rules! verbs {
    ($(
        $(#[$doc:meta])*
        $verb:ident $wing:literal $name:literal $flags:literal
        $(chat $(as $chat_id:ident)? ($($chat_key:ident)+))?
        $(user $(as $user_id:ident)? ($($user_key:ident)+))?
        $(keys ($($(#[$key_doc:meta])* $key:ident)+))?
        $({ $($(#[$arg_doc:meta])* $arg:ident: $type:ty,)+ })?
        $(lists { $($(#[$list_doc:meta])* $list:ident,)+ })?;
    )*) => {
        /// An atomic verb; `lua/<wing>/<name>.lua` says what it does and what it returns.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Verb { $($(#[$doc])* $verb,)* }

        impl Verb {
            /// Every verb there is.
            pub const ALL: &[Self] = &[$(Self::$verb,)*];

            /// Returns the name of the Lua file, which is also that of the span and the metric
            /// label.
            pub fn name(self) -> &'static str {
                match self { $(Self::$verb => $name,)* }
            }

            pub(crate) fn contract(self) -> &'static Contract {
                match self { $(Self::$verb => {
                    static CONTRACT: Contract = Contract {
                        flags: $flags,
                        keys: &[
                            $($(stringify!($chat_key),)+)?
                            $($(stringify!($user_key),)+)?
                            $($(stringify!($key),)+)?
                        ],
                        args: &[
                            $($((stringify!($chat_id), ArgumentKind::Text),)?)?
                            $($((stringify!($user_id), ArgumentKind::Text),)?)?
                            $($((stringify!($arg), <$type as Argument>::KIND),)+)?
                        ],
                        lists: &[$($(stringify!($list),)+)?],
                    };
                    &CONTRACT
                })* }
            }

            /// Returns the lines of the script's own file.
            pub(crate) fn own(self) -> String {
                match self { $(Self::$verb => lua!($wing, "/", $name),)* }
            }
        }

        $(
            $(#[$doc])*
            pub(crate) struct $verb {
                $(pub(crate) chat: always!(ChatId, $($chat_key)+),)?
                $(pub(crate) user: always!(UserId, $($user_key)+),)?
                $($($(#[$key_doc])* pub(crate) $key: String,)+)?
                $($($(#[$arg_doc])* pub(crate) $arg: $type,)+)?
                $($($(#[$list_doc])* pub(crate) $list: Vec<Value>,)+)?
            }

            impl Call for $verb {
                const VERB: Verb = Verb::$verb;

                fn parts(self) -> (Vec<Key>, Vec<Value>) {
                    let contract = Self::VERB.contract();
                    let mut keys = Vec::with_capacity(contract.keys.len());
                    $(
                        let of = ChatKeys::new(self.chat);
                        $(keys.push(Key::from(of.$chat_key()));)+
                    )?
                    $(
                        let of = UserKeys::new(self.user);
                        $(keys.push(Key::from(of.$user_key()));)+
                    )?
                    $($(keys.push(Key::from(self.$key));)+)?
                    #[allow(unused_mut, reason = "some verbs take no argument")]
                    let mut args = Vec::with_capacity(contract.args.len());
                    $($(let $chat_id = self.chat; args.push($chat_id.value());)?)?
                    $($(let $user_id = self.user; args.push($user_id.value());)?)?
                    $($(args.push(self.$arg.value());)+)?
                    $($(
                        args.push(self.$list.len().value());
                        args.extend(self.$list);
                    )+)?
                    (keys, args)
                }
            }
        )*
    };
}

pub(super) use {always, lua, verbs};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        UserKeys,
        verbs::{Enlist, SettleUser},
    };

    #[test]
    fn keys_and_arguments_come_in_the_order_of_the_contract() {
        let (chat, user) = (ChatId::new(), UserId::new());
        let call = Enlist {
            user,
            chat_id: chat,
            rev: Tick(7),
            left: Tick::NEVER,
            writer: arg("w"),
            saved: 3,
        };
        let (keys, args) = call.parts();
        let of = UserKeys::new(user);
        let expected = [
            of.user(),
            of.chats(),
            of.order(),
            of.hydrating(),
            of.commits(),
        ];
        assert_eq!(keys, expected.map(Key::from));
        let numbers = [7, 0].map(Value::Integer);
        assert_eq!(args[..3], [&[arg(chat)], &numbers[..]].concat());
        assert_eq!(args[3..], [arg("w"), Value::Integer(3)]);
    }

    #[test]
    fn a_list_begins_with_its_length() {
        let call = SettleUser {
            user: UserId::new(),
            soon: Millis(std::time::Duration::from_secs(1)),
            idle: Millis(std::time::Duration::from_secs(2)),
            noted: Millis(std::time::Duration::from_secs(1)),
            saved_claims: arg(""),
            session_ttl: Millis(std::time::Duration::from_secs(3)),
            evict: true,
            writer: arg("w"),
            commit: 3,
            saved: 2,
            logs_out: false,
            session_prefix: arg("session:"),
            ended_channel: arg("ended"),
            committed: vec![arg("user"), arg(7)],
        };
        let (keys, args) = call.parts();
        let contract = Verb::SettleUser.contract();
        assert_eq!(keys.len(), contract.keys.len());
        assert_eq!(args.len(), contract.args.len() + 3);
        let tail = &args[contract.args.len() - 1..];
        assert_eq!(tail, [arg("ended"), Value::Integer(2), arg("user"), arg(7)]);
    }

    #[test]
    fn the_names_of_a_script_stand_before_its_own_lines() {
        assert_eq!(
            Verb::SettleUser.contract().prologue("", ""),
            "local user, chats, dirty, sessions, hydrating, due, parked, dead, private_rows, \
             order, pinned, commits = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], \
             KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]\n\
             local user_id, soon, idle, noted, saved_claims, session_ttl, evict, writer, commit, \
             saved, logs_out, session_prefix, ended_channel = \
             ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], \
             tonumber(ARGV[6]), ARGV[7] == '1', ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), \
             ARGV[11] == '1', ARGV[12], ARGV[13]\n\
             local committed = list_after(13)\n"
        );
        assert!(
            Verb::LoadUser
                .contract()
                .prologue("", "")
                .ends_with("local private_entries = list_after(chat_entries.last)\n")
        );
        assert_eq!(
            Verb::DurabilityBarrier.contract().prologue("", ""),
            "local barrier = KEYS[1]\n"
        );
    }
}
