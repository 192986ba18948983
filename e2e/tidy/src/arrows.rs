//! Arrows point down only: which crate may know which, read from the manifests; and inside `api`,
//! `store` and `hot`, which wing may know which, read from the paths in their code.

use std::collections::{BTreeMap, BTreeSet};

use crate::{code, files::File};

/// A crate, or a wing of one, with the others that it may use.
pub type Row = (&'static str, &'static [&'static str]);

/// Each crate with the crates and stores that it alone, among ours, may depend on.
pub const CRATES: &[Row] = &[
    ("fair", &[]),
    ("webhook", &[]),
    ("model", &[]),
    ("entity", &["model", "sea-orm"]),
    ("migration", &["sea-orm-migration"]),
    ("hot", &["model", "fred"]),
    ("cold", &["model", "entity", "sea-orm"]),
    ("store", &["fair", "model", "hot", "cold", "webhook"]),
    ("files", &["fair", "model", "object_store"]),
    ("api", &["fair", "model", "store", "files", "webhook"]),
    (
        "flusher",
        &[
            "model", "store", "hot", "cold", "entity", "sea-orm", "webhook",
        ],
    ),
    (
        "carrier",
        &[
            "rig",
            "api",
            "flusher",
            "store",
            "files",
            "hot",
            "cold",
            "migration",
            "model",
            "sea-orm",
            "webhook",
        ],
    ),
    // Idle users are written straight into Redis: over HTTP, 10,000 passwords would take minutes to
    // hash. SQL is asked for its size alone.
    ("bench", &["rig", "hot", "model", "sea-orm"]),
    ("protocol", &[]),
    ("rig", &["sea-orm"]),
];

/// Each crate that has wings, with them from the lowest to the highest, and which others each may
/// use. `lib` is what `lib.rs` itself defines.
pub const WINGS: &[(&str, &[Row])] = &[("hot", HOT), ("store", STORE), ("api", API)];

const HOT: &[Row] = &[
    ("wire", &[]),
    ("server", &["wire"]),
    ("chats", &["wire"]),
    ("people", &["wire"]),
    ("residency", &["chats", "people", "wire"]),
    ("flush", &["chats", "people", "wire"]),
    ("audit", &["chats", "people", "wire"]),
];

const STORE: &[Row] = &[
    ("error", &[]),
    ("flights", &["error", "lib"]),
    ("hearing", &[]),
    ("known_sessions", &["hearing"]),
    ("walks", &[]),
    ("password", &["error", "lib"]),
    ("notify", &["hearing", "lib"]),
    ("safety", &["error", "lib"]),
    ("config", &["safety"]),
    (
        "store",
        &[
            "error",
            "flights",
            "known_sessions",
            "lib",
            "notify",
            "password",
            "safety",
            "walks",
        ],
    ),
    ("residency", &["error", "lib", "store"]),
    (
        "people",
        &[
            "error",
            "lib",
            "notify",
            "password",
            "residency",
            "safety",
            "store",
        ],
    ),
    (
        "chats",
        &[
            "error",
            "lib",
            "notify",
            "people",
            "residency",
            "safety",
            "store",
            "walks",
        ],
    ),
    ("erase", &["error", "lib", "notify", "residency", "store"]),
    ("audit", &["lib", "people"]),
];

const API: &[Row] = &[
    ("bounds", &[]),
    ("rate_limit", &[]),
    ("config", &["rate_limit"]),
    ("identity", &["config"]),
    ("hook", &["config"]),
    ("state", &["bounds", "config", "hook", "identity"]),
    ("file_sweep", &[]),
    ("health", &["state"]),
    ("response", &["state"]),
    ("page", &["response"]),
    (
        "request",
        &[
            "response",
            "state",
            "bounds",
            "config",
            "identity",
            "rate_limit",
        ],
    ),
    ("server", &["request"]),
    ("middleware", &["request", "response", "server", "state"]),
    (
        "operations",
        &["request", "response", "state", "bounds", "config", "hook"],
    ),
    // A command does what the operation of its name does.
    (
        "live",
        &["operations", "request", "response", "server", "state"],
    ),
    ("document", &["operations", "live"]),
];

/// The dependencies that [`CRATES`] decides about.
const WATCHED: &[&str] = &[
    "fair",
    "webhook",
    "model",
    "entity",
    "migration",
    "hot",
    "cold",
    "store",
    "files",
    "api",
    "flusher",
    "carrier",
    "rig",
    "fred",
    "sea-orm",
    "sea-orm-migration",
    "sqlx",
    "object_store",
];

/// Returns a complaint about each dependency of a manifest that is watched and not allowed.
pub fn forbidden_dependencies(name: &str, may: &[&str], manifest: &str) -> Vec<String> {
    let (_, dependencies) = manifest
        .split_once("[dependencies]")
        .expect("every crate has dependencies");
    let named = dependencies
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next());
    let forbidden: BTreeSet<_> = named
        .filter(|name| WATCHED.contains(name) && !may.contains(name))
        .collect();
    forbidden
        .iter()
        .map(|dependency| format!("{name} must not depend on {dependency}"))
        .collect()
}

/// Returns the members of the workspace.
pub fn members(manifest: &str) -> BTreeSet<String> {
    let (_, rest) = manifest
        .split_once("members = [")
        .expect("the workspace has members");
    let (members, _) = rest.split_once(']').expect("a list ends");
    members
        .split(['"', ',', ' ', '\n'])
        .filter(|member| !member.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The wings of a crate: its top-level modules, and which of them uses which.
#[derive(Debug, Default)]
pub struct Wings {
    /// The names of the wings.
    pub names: BTreeSet<String>,
    /// Each arrow between two wings, with one of the places where it is drawn.
    pub arrows: BTreeMap<(String, String), String>,
}

impl Wings {
    /// Reads the wings of the crate in a folder.
    pub fn read(files: &[File], folder: &str) -> Self {
        let source = format!("{folder}/src/");
        let modules: Vec<_> = files
            .iter()
            .filter_map(|file| {
                let path = file.path.strip_prefix(&source)?.strip_suffix(".rs")?;
                Some((path.split('/').collect::<Vec<_>>(), code::bare(&file.text)))
            })
            .collect();
        let wing = |path: &[&str]| path[0].to_owned();
        let mut wings = Self {
            names: modules.iter().map(|(path, _)| wing(path)).collect(),
            ..Self::default()
        };
        wings.names.remove("lib");
        let face = modules.iter().find(|(path, _)| path == &["lib"]);
        let lent = face.map(|(_, code)| lent(code, &wings.names));
        let lent = lent.unwrap_or_default();
        for (path, code) in &modules {
            let from = wing(path);
            if from == "lib" {
                continue;
            }
            for used in used(path, code) {
                let name = &used[0];
                let to = if wings.names.contains(name) {
                    name
                } else {
                    lent.get(name).map_or("lib", String::as_str)
                };
                if *to != from {
                    let place = format!("{}.rs has crate::{}", path.join("/"), used.join("::"));
                    wings.arrows.insert((from.clone(), to.to_owned()), place);
                }
            }
        }
        wings
    }

    /// Returns a complaint about each wing that is not in the table, each arrow that the table
    /// does not allow, each that runs up in it, and each that it allows for nothing. `lib` stands
    /// for what is defined in `lib.rs` itself.
    pub fn complaints(&self, table: &[Row]) -> Vec<String> {
        let mut wrong = Vec::new();
        let listed: Vec<_> = table.iter().map(|(name, _)| *name).collect();
        for name in &self.names {
            if !listed.contains(&name.as_str()) {
                wrong.push(format!("{name} is not in the table"));
            }
        }
        for ((from, to), place) in &self.arrows {
            let row = table.iter().find(|(name, _)| name == from);
            if row.is_some_and(|(_, may)| !may.contains(&to.as_str())) {
                wrong.push(format!("{from} must not use {to}: {place}"));
            }
        }
        for (at, (from, may)) in table.iter().enumerate() {
            for to in *may {
                if *to != "lib" && !listed[..at].contains(to) {
                    wrong.push(format!("{from} stands before {to}, which it may use"));
                }
                let arrow = ((*from).to_owned(), (*to).to_owned());
                if !self.arrows.contains_key(&arrow) {
                    wrong.push(format!("{from} may use {to}, and does not"));
                }
            }
            if !self.names.contains(*from) {
                wrong.push(format!("{from} is in the table, and is no wing"));
            }
        }
        wrong
    }
}

/// Returns the names that `lib.rs` lends from its wings by `use`, each with its wing.
fn lent(face: &str, wings: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut lent = BTreeMap::new();
    for line in face.split(';') {
        let Some((_, tree)) = line.split_once("use ") else {
            continue;
        };
        for path in code::paths(&format!("crate::{}", tree.trim_start()), "crate") {
            if let ([first, ..], Some(last)) = (&path[..], path.last())
                && wings.contains(first)
            {
                lent.insert(last.clone(), first.clone());
            }
        }
    }
    lent
}

/// Returns the paths from the root of the crate that a module uses.
fn used(module: &[&str], code: &str) -> Vec<Vec<String>> {
    let mut used = code::paths(code, "crate");
    // `super` is the folder, and of a folder's `mod.rs` what is over it.
    let above = match module {
        [folders @ .., "mod"] => &folders[..folders.len() - 1],
        [folders @ .., _] => folders,
        [] => &[],
    };
    for path in code::paths(code, "super") {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let Some(left) = above.len().checked_sub(supers) else {
            continue;
        };
        let from_root = above[..left].iter().map(|name| (*name).to_owned());
        used.push(from_root.chain(path[supers..].iter().cloned()).collect());
    }
    used.retain(|path| !path.is_empty());
    used
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::files;

    #[test]
    fn arrows_between_crates_point_down_only() {
        let root = files::root();
        for (name, may) in CRATES {
            let manifest = fs::read_to_string(root.join(name).join("Cargo.toml"))
                .expect("every crate has a manifest");
            let forbidden = forbidden_dependencies(name, may, &manifest);
            assert!(forbidden.is_empty(), "{}", forbidden.join("\n"));
        }
        let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
        let mut members = members(&manifest);
        // Tests may know all.
        members.remove("e2e");
        members.remove("e2e/tidy");
        let listed: BTreeSet<_> = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(members, listed, "a crate without arrows in this table");
    }

    #[test]
    fn a_dependency_that_runs_up_is_found() {
        let manifest =
            "[package]\n[dependencies]\nmodel.workspace = true\nsqlx = { version = \"1\" }";
        let forbidden = forbidden_dependencies("hot", &["model"], manifest);
        assert_eq!(forbidden, ["hot must not depend on sqlx"]);
    }

    #[test]
    fn arrows_between_the_wings_of_a_crate_point_down_only() {
        let files = files::all();
        let mut wrong = Vec::new();
        for (folder, table) in WINGS {
            let complaints = Wings::read(&files, folder).complaints(table);
            wrong.extend(
                complaints
                    .iter()
                    .map(|complaint| format!("{folder}: {complaint}")),
            );
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn wings(files: &[(&str, &str)]) -> Wings {
        let files = files.iter().map(|(path, text)| File {
            path: format!("hot/src/{path}"),
            text: (*text).into(),
        });
        Wings::read(&files.collect::<Vec<_>>(), "hot")
    }

    #[test]
    fn an_arrow_is_found_however_it_is_written() {
        let face = (
            "lib.rs",
            "mod wire; mod chats;\npub use wire::{keys::Keys, Hot};\npub struct Own;",
        );
        for text in [
            "use crate::wire::Hot;",
            "use crate::{chats::chat::Chat, Hot};",
            "fn f() { crate::Keys::new() }",
            "use super::super::wire::Hot;",
        ] {
            let found = wings(&[face, ("wire/mod.rs", ""), ("chats/chat.rs", text)]);
            let arrows: Vec<_> = found.arrows.keys().cloned().collect();
            assert_eq!(arrows, [("chats".into(), "wire".into())], "{text}");
        }
        let found = wings(&[face, ("chats/mod.rs", "use super::wire; use crate::Own;")]);
        let arrows: Vec<_> = found.arrows.keys().map(|(_, to)| to.as_str()).collect();
        assert_eq!(arrows, ["lib"], "wire is no wing here");
        // Inside a wing, and in comments, strings and tests, nothing is an arrow.
        let inner = "use super::member;\n// crate::wire\nconst A: &str = \"crate::wire\";\n\
                     #[cfg(test)]\nmod tests { use crate::wire::Hot; }";
        let found = wings(&[face, ("wire/mod.rs", ""), ("chats/chat.rs", inner)]);
        assert!(found.arrows.is_empty(), "{found:?}");
    }

    #[test]
    fn an_arrow_that_the_table_does_not_allow_is_found() {
        let found = wings(&[
            ("lib.rs", "mod wire; mod chats;"),
            ("wire.rs", ""),
            ("chats/chat.rs", "use crate::wire::Hot;"),
        ]);
        let complaints = |table: &[Row]| found.complaints(table).join("; ");
        assert_eq!(complaints(&[("wire", &[]), ("chats", &["wire"])]), "");
        let place = "chats/chat.rs has crate::wire::Hot";
        assert_eq!(
            complaints(&[("wire", &[]), ("chats", &[])]),
            format!("chats must not use wire: {place}")
        );
        assert_eq!(
            complaints(&[("chats", &["wire"]), ("wire", &[])]),
            "chats stands before wire, which it may use"
        );
        assert_eq!(
            complaints(&[("wire", &[]), ("people", &["wire"]), ("chats", &["wire"])]),
            "people may use wire, and does not; people is in the table, and is no wing"
        );
        assert_eq!(complaints(&[("wire", &[])]), "chats is not in the table");
    }
}
