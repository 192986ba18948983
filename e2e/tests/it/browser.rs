//! People chat on the page, in real browsers: the tests of `web/test` and `web/firefox`.
//! `make test` runs them alone.

use std::{path::PathBuf, process::Stdio};

use e2e::{Sql, Stack};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn people_chat_in_a_browser() {
    run("test").await;
}

/// The tests of `web/firefox`, in the Firefox of the distribution.
#[tokio::test(flavor = "multi_thread")]
async fn people_chat_in_firefox() {
    run("firefox").await;
}

/// Starts a server, and runs a script of `web/package.json` with it.
async fn run(script: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .join("web");
    assert!(
        folder.join("dist/index.html").exists(),
        "web/dist is missing: run make page"
    );
    let stack = Stack::start(Sql::Sqlite).await;
    let (api, flusher) = (stack.start_api().await, stack.start_flusher().await);
    files::install_tls();
    let page = reqwest::get(&api.url).await.expect("an answer").text();
    assert!(
        page.await.expect("a page").contains("<div id=\"page\""),
        "this test was compiled when web/dist was missing: touch api/src/page.rs"
    );
    // The cookie is for https, and for a server that the browser knows as its own machine.
    let url = api.url.replace("127.0.0.1", "localhost");
    let mut command = Command::new("npm");
    command
        .args(["run", "--silent", script])
        .current_dir(folder)
        .env("CARRIER_URL", url)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command
        .output()
        .await
        .expect("npm is installed: run scripts/setup --tests");
    let said = [output.stdout, output.stderr].concat();
    println!("{}", String::from_utf8_lossy(&said)); // also of a spec that needed a second try
    assert!(output.status.success(), "npm run {script} failed in web");
    flusher.stop().await;
    api.stop().await;
}
