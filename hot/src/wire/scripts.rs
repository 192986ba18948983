//! The scripts: the source of every verb, made of its contract, of `lua/lib/` and of its own file.

use fred::util::sha1_hash;

use super::{
    Verb,
    library::{library, used},
    verbs::only_on,
};

/// The source of every verb and its SHA-1, by which Redis knows it.
#[derive(Clone, Debug)]
pub struct Scripts(Vec<(String, String)>);

impl Default for Scripts {
    fn default() -> Self {
        Self::altered(|_, source| source)
    }
}

impl Scripts {
    /// Makes the scripts as `alter` changes their sources: a test can stop a script at any of its
    /// steps so.
    pub fn altered(alter: impl Fn(Verb, String) -> String) -> Self {
        let library = library();
        let with_hash = |verb: &Verb| {
            let source = alter(*verb, verb.source(&library));
            let sha = sha1_hash(&source);
            (source, sha)
        };
        Self(Verb::ALL.iter().map(with_hash).collect())
    }

    /// Makes scripts that do the same, but only in this Redis, as
    /// [`identity`](crate::Hot::identity) names it. Redis does not know the one by the SHA-1 of the
    /// other.
    pub(crate) fn only_on(&self, identity: &str) -> Self {
        let bound = |(source, _): &(String, String)| {
            let source = bind(source, identity);
            let sha = sha1_hash(&source);
            (source, sha)
        };
        Self(self.0.iter().map(bound).collect())
    }

    /// Returns the source of a script that runs only in this Redis.
    pub(crate) fn source_only_on(&self, verb: Verb, identity: &str) -> String {
        bind(self.get(verb).0, identity)
    }

    /// Returns the sources of all scripts, and last a script that stands for all of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> {
        let sources = self.0.iter().map(|(source, _)| source.clone());
        sources.chain([self.last()])
    }

    /// Returns the SHA-1 of the script that stands for all of them: a Redis that knows it knows
    /// them all.
    pub(crate) fn sha_of_all(&self) -> String {
        sha1_hash(&self.last())
    }

    fn last(&self) -> String {
        let all: String = self.0.iter().map(|(_, sha)| sha.as_str()).collect();
        format!("#!lua flags=no-writes\nreturn '{}'", sha1_hash(&all))
    }

    /// Returns source and SHA-1.
    pub(crate) fn get(&self, verb: Verb) -> (&str, &str) {
        let (source, sha) = &self.0[verb as usize];
        (source, sha)
    }
}

/// Has a script run only in the Redis with this identity.
fn bind(source: &str, identity: &str) -> String {
    let (flags, rest) = source.split_once('\n').unwrap_or((source, ""));
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || ":_".contains(*letter);
    let proven: String = identity.chars().filter(is_plain).collect();
    format!("{flags}\nlocal proven = '{proven}'\n{}{rest}", only_on())
}

impl Verb {
    /// Returns the whole script: its flags, what it uses of the library, the names of its keys and
    /// arguments, and its own file.
    pub(crate) fn source(self, library: &str) -> String {
        let contract = self.contract();
        let own = if self.runs_together() {
            let own = contract.prologue("keys_before + ", "args_before + ") + &self.own();
            let keys = contract.keys.len();
            let call = format!("return for_each_call(one, {keys})");
            format!("local function one(keys_before, args_before)\n{own}end\n{call}\n")
        } else {
            contract.prologue("", "") + &self.own()
        };
        let shared = used(library, &own, &contract.names());
        format!("#!lua flags={}\n{shared}{own}", contract.flags)
    }

    /// True for a verb whose calls go to Redis together, in one script.
    pub(crate) fn runs_together(self) -> bool {
        matches!(
            self,
            Self::Append
                | Self::RowTicks
                | Self::Rest
                | Self::MarkInOrder
                | Self::SnapshotChat
                | Self::SettleChat
        )
    }
}
