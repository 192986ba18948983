//! Arrows point down only: which crate may know which, read from the manifests.

use std::{collections::BTreeSet, fs, path::Path};

/// Each crate with the crates and stores that it alone, among ours, may depend on.
const MAY: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("entity", &["sea-orm"]),
    ("migration", &["sea-orm-migration"]),
    ("hot", &["model", "fred"]),
    ("cold", &["model", "entity", "sea-orm"]),
    ("store", &["model", "hot", "cold"]),
    ("files", &["model", "object_store"]),
    ("api", &["model", "store", "files"]),
    ("flusher", &["model", "store", "hot", "cold", "entity", "sea-orm"]),
    ("carrier", &["rig", "api", "flusher", "store", "files", "hot", "cold", "migration", "model", "sea-orm"]),
    // Idle users are written straight into Redis: over HTTP, 10,000 passwords would take minutes to hash.
    ("bench", &["hot", "model"]),
    ("protocol", &[]),
    ("rig", &["sea-orm"]),
];

const WATCHED: &[&str] = &[
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

#[test]
fn arrows_point_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e is in the workspace");
    for (name, may) in MAY {
        let manifest = fs::read_to_string(root.join(name).join("Cargo.toml")).expect("every crate has a manifest");
        let (_, dependencies) = manifest.split_once("[dependencies]").expect("every crate has dependencies");
        let named = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        let known: BTreeSet<_> = named.filter(|dependency| WATCHED.contains(dependency)).collect();
        let more: Vec<_> = known.iter().filter(|dependency| !may.contains(*dependency)).collect();
        assert!(more.is_empty(), "{name} must not depend on {more:?}");
    }
    let members: BTreeSet<_> = fs::read_to_string(root.join("Cargo.toml"))
        .expect("the workspace has a manifest")
        .lines()
        .find_map(|line| line.strip_prefix("members = ["))
        .expect("the workspace has members")
        .split(['"', ',', ' ', ']'])
        .filter(|member| !member.is_empty() && *member != "e2e")
        .map(str::to_owned)
        .collect();
    assert_eq!(members, MAY.iter().map(|(name, _)| (*name).to_owned()).collect(), "a crate without arrows in this test");
}
