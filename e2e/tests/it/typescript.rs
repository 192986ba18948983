//! The TypeScript client is made of the document as it is, compiles, and talks with a real server.

use std::{path::PathBuf, process::Stdio, time::Duration};

use e2e::{IdentityProvider, SigningKey, Sql, Stack};
use tokio::process::Command;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .join("clients/typescript")
}

/// Runs a script of the package; panics with what it said when it fails.
async fn npm(script: &str, url: &str, tokens: &str) {
    assert!(
        folder().join("node_modules").exists(),
        "clients/typescript/node_modules is missing: run scripts/setup --tests"
    );
    let mut command = Command::new("npm");
    command
        .args(["run", "--silent", script])
        .current_dir(folder())
        .env("CARRIER_URL", url)
        .env("CARRIER_TOKENS", tokens)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command
        .output()
        .await
        .expect("npm is installed: run scripts/setup --tests");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "npm run {script}: {}",
        String::from_utf8_lossy(&said)
    );
}

// One test, since all of it works in one folder.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_made_of_the_document_and_goes_through_the_main_flow() {
    npm("lint", "", "").await;
    let schema = folder().join("src/schema.d.ts");
    let committed = std::fs::read_to_string(&schema).expect("it is committed");
    npm("generate", "", "").await;
    let made = std::fs::read_to_string(&schema).expect("it was made");
    assert!(
        made == committed,
        "clients/typescript/src/schema.d.ts was out of date; it is made anew now: commit it"
    );
    for sql in [Sql::Sqlite, Sql::MariaDb] {
        let stack = Stack::start(sql).await;
        let provider = IdentityProvider::start_signing(SigningKey::new("one", "ES256")).await;
        let config = api::Config {
            jwt_leeway: Duration::ZERO,
            ..provider.config()
        };
        let api = stack.start_api_with(config, &stack.redis.url()).await;
        npm("lint:live", &api.url, "").await;
        npm("test", &api.url, &provider.issuer).await;
        api.stop().await;
    }
}
