//! The feature `openapi`: who turns it on, and that the schemas tell the truth about the JSON.

use std::{fs, path::Path};

#[test]
fn only_the_api_compiles_the_web_framework_for_the_records() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("model is in the workspace");
    let line = |name: &str, dependency: &str| {
        let manifest = fs::read_to_string(root.join(name).join("Cargo.toml")).ok()?;
        let line = manifest.lines().find(|line| {
            line.strip_prefix(dependency)
                .is_some_and(|rest| rest.starts_with([' ', '.', '=']))
        })?;
        Some(line.to_owned())
    };
    assert!(
        line("model", "poem-openapi").is_some_and(|line| line.contains("optional = true")),
        "poem-openapi must be optional in model"
    );
    let with_schemas: Vec<_> = fs::read_dir(root)
        .expect("the workspace has a folder")
        .map(|entry| entry.expect("a folder has names").file_name())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| line(name, "model").is_some_and(|line| line.contains("openapi")))
        .collect();
    assert_eq!(with_schemas, ["api"]);
    let workspace = line("", "model").expect("model is in the workspace");
    assert!(
        !workspace.contains("features"),
        "the workspace must not turn a feature on for all: {workspace}"
    );
}
