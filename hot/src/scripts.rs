//! The registry of scripts: one Lua file per atomic verb, with the preludes it uses and its flags.

use fred::util::sha1_hash;

macro_rules! verbs {
    ($($(#[$doc:meta])* $verb:ident $name:literal $flags:literal [$($prelude:ident)*];)*) => {
        /// An atomic verb; `lua/<name>.lua` says what it does, and what it takes and returns.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Verb { $($(#[$doc])* $verb,)* }

        impl Verb {
            /// Every verb there is.
            pub const ALL: &[Self] = &[$(Self::$verb,)*];

            /// The name of its Lua file, its span and its metric label.
            pub fn name(self) -> &'static str {
                match self { $(Self::$verb => $name,)* }
            }

            fn source(self) -> String {
                match self { $(Self::$verb => concat!(
                    "#!lua flags=", $flags, "\n", $(prelude!($prelude),)* include_str!(concat!("lua/", $name, ".lua"))
                ).to_owned(),)* }
            }
        }
    };
}

macro_rules! prelude {
    (clock) => {
        include_str!("lua/prelude_clock.lua")
    };
    (list) => {
        include_str!("lua/prelude_list.lua")
    };
    (member) => {
        include_str!("lua/prelude_member.lua")
    };
    (follow) => {
        include_str!("lua/prelude_follow.lua")
    };
    (session) => {
        include_str!("lua/prelude_session.lua")
    };
    (limit) => {
        include_str!("lua/prelude_limit.lua")
    };
}

// `allow-oom`: what empties a full Redis, or ends something, must run when it is full. `no-writes` implies it.
verbs! {
    /// A message to a chat.
    Append "append" "" [clock list member follow];
    /// A member has read up to here.
    MarkRead "mark_read" "" [clock list member follow];
    /// A member comes or goes, or gets another role.
    ChangeMember "change_member" "" [clock list member follow];
    /// A group's name or description.
    ChangeChat "change_chat" "" [clock list member follow];
    /// A group is deleted.
    DeleteChat "delete_chat" "allow-oom" [clock list member follow];
    /// The session that asks goes on with the new password.
    RenewSession "renew_session" "allow-oom" [];
    /// A message is written anew.
    Replace "replace" "" [clock list member follow];
    /// One hot message.
    Message "message" "no-writes" [list member];
    /// What changed since.
    Changes "changes" "no-writes" [clock list member];
    /// What SQL does not have as it is.
    Unsaved "unsaved" "no-writes" [list member];
    /// A hot message that has a file.
    Attached "attached" "no-writes" [list member];
    /// A page of hot messages.
    Page "page" "no-writes" [clock list member];
    /// Who is in a chat.
    Roster "roster" "no-writes" [member];
    /// A chat as a member sees it.
    View "view" "no-writes" [clock list member];
    /// Begins a hydration.
    Begin "begin" "" [clock];
    /// A chat becomes resident.
    LoadChat "load_chat" "" [clock];
    /// A user becomes resident.
    LoadUser "load_user" "" [clock];
    /// A flusher takes what is due.
    Claim "claim" "allow-oom" [clock];
    /// A chat's unsaved rows.
    SnapshotChat "snapshot_chat" "allow-oom" [clock list member follow];
    /// What was committed is clean; what is clean may leave.
    SettleChat "settle_chat" "allow-oom" [clock list];
    /// A user's unsaved row.
    SnapshotUser "snapshot_user" "allow-oom" [clock];
    /// A committed user is clean, and may leave.
    SettleUser "settle_user" "allow-oom" [clock];
    /// A row that SQL refuses is put aside.
    Park "park" "allow-oom" [clock];
    /// Parked rows are tried again.
    Unpark "unpark" "allow-oom" [];
    /// A chat in a user's list.
    Enlist "enlist" "allow-oom" [];
    /// A user wants a name.
    Want "want" "" [clock];
    /// Does an owner stand by a claim?
    Disown "disown" "allow-oom" [clock];
    /// Compare and set of a claim, or of a hydration's nonce.
    Swap "swap" "allow-oom" [];
    /// Rows that are a user's alone.
    Mine "mine" "no-writes" [];
    /// One of them changes.
    ChangeMine "change_mine" "" [clock];
    /// One of a direct chat's two blocks the other.
    Block "block" "allow-oom" [clock list member follow];
    /// A user is erased.
    EraseUser "erase_user" "allow-oom" [clock];
    /// Somebody changes what the directory finds them by.
    Announce "announce" "allow-oom" [clock];
    /// That is saved.
    Forget "forget" "allow-oom" [];
    /// A user's row changes.
    ChangeUser "change_user" "" [clock];
    /// A session begins.
    OpenSession "open_session" "" [clock];
    /// Whose session is this, and is it still good?
    Authenticate "authenticate" "no-writes" [session];
    /// The same, and one more of what its user may do only so often. Its mark is small and goes by itself, so a full Redis has room for it; and it
    /// could not tell whose the session is if it were refused.
    Admit "admit" "allow-oom" [clock session limit];
    /// One more of what an address or a name may do only so often. Guessing must not become free when Redis is full.
    Limit "limit" "allow-oom" [clock limit];
    /// A session was used.
    TouchSession "touch_session" "allow-oom" [clock];
    /// A session ends.
    CloseSession "close_session" "allow-oom" [clock];
    /// An API serves a user. What says so is small and goes by itself, so a full Redis has room for it.
    Pulse "pulse" "allow-oom" [clock];
    /// It does no more.
    Leave "leave" "allow-oom" [clock];
    /// All there is of a chat.
    AuditChat "audit_chat" "no-writes" [];
    /// All there is of a user.
    AuditUser "audit_user" "no-writes" [];
    /// What is waited for behind other writes.
    Fence "fence" "allow-oom" [];
    /// Nobody needs this chat any more.
    Cool "cool" "allow-oom" [clock];
}

/// The source of every verb and its SHA-1, by which Redis knows it.
#[derive(Clone, Debug)]
pub struct Scripts(Vec<(String, String)>);

impl Default for Scripts {
    fn default() -> Self {
        Self::altered(|_, source| source)
    }
}

impl Scripts {
    /// The scripts as `alter` makes them of their sources: so a test can stop one at any of its steps.
    pub fn altered(alter: impl Fn(Verb, String) -> String) -> Self {
        let with_hash = |verb: &Verb| {
            let source = alter(*verb, verb.source());
            let sha = sha1_hash(&source);
            (source, sha)
        };
        Self(Verb::ALL.iter().map(with_hash).collect())
    }

    /// Source and SHA-1.
    pub(crate) fn get(&self, verb: Verb) -> (&str, &str) {
        let (source, sha) = &self.0[verb as usize];
        (source, sha)
    }
}
