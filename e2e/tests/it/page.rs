//! People chat on the page, in a real browser: the tests of `web/test`.

use std::{path::PathBuf, process::Stdio};

use e2e::{Sql, Stack};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn people_chat_in_a_browser() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("web");
    assert!(folder.join("dist/index.html").exists(), "web/dist is missing: run make page");
    let stack = Stack::start(Sql::Sqlite).await;
    let (api, flusher) = (stack.start_api().await, stack.start_flusher().await);
    let mut command = Command::new("npm");
    command.args(["run", "--silent", "test"]).current_dir(folder).env("CARRIER_URL", &api.url).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("npm is installed: run scripts/setup --tests");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    flusher.stop().await;
    api.stop().await;
}
