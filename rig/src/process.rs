//! The real program.

use std::{path::PathBuf, time::Duration};

use crate::Keeper;

const PATIENCE: Duration = Duration::from_secs(60);

/// A `carrier` process. It is killed when this is dropped.
pub struct Process {
    keeper: Keeper,
    role: String,
}

/// Starts `carrier ROLE` with these settings and waits until it is ready. `CARRIER_LISTEN` need not be set: it is any free port.
pub async fn process(role: &str, env: &[(String, String)]) -> Process {
    let process = Process::new(role, env);
    process.restart().await;
    process
}

impl Process {
    /// Not started yet.
    pub fn new(role: &str, env: &[(String, String)]) -> Self {
        let program = program();
        let mut command = vec![program.display().to_string()];
        command.extend(role.split_whitespace().map(str::to_owned));
        let mut all = vec![("CARRIER_LISTEN".to_owned(), "127.0.0.1:0".to_owned())];
        all.extend_from_slice(env);
        Self { keeper: Keeper::new("process", Keeper::folder("process"), &command, &all), role: role.to_owned() }
    }

    /// Starts it, again if it was started before, and waits until it is ready.
    pub async fn restart(&self) {
        self.start();
        self.wait_ready().await;
    }

    /// Starts it.
    pub fn start(&self) {
        self.keeper.start();
    }

    /// Waits until it says that it is ready.
    pub async fn wait_ready(&self) {
        let line = if self.role.starts_with("flusher") { "flusher is ready" } else { "listening on http://" };
        // The whole line, with its end.
        let ready = async || self.log().split_inclusive('\n').any(|said| said.contains(line) && said.ends_with('\n'));
        self.keeper.wait(PATIENCE, ready).await;
    }

    /// Where an API listens, as a base URL.
    pub fn url(&self) -> String {
        let log = self.log();
        let (_, rest) = log.split_once("listening on ").expect("a ready API says where it listens");
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// Kills it at once.
    pub fn kill9(&self) {
        self.keeper.kill9();
    }

    /// Tells it to stop (SIGTERM) and waits until it has; its exit code.
    pub async fn stop(&self) -> u32 {
        self.keeper.stop(PATIENCE).await
    }

    /// Waits until it ends by itself; its exit code.
    pub async fn wait(&self) -> u32 {
        crate::eventually(PATIENCE, "the process has ended", async || !self.keeper.is_alive()).await;
        self.keeper.code()
    }

    /// The same of one that takes minutes.
    pub async fn wait_long(&self) -> u32 {
        crate::eventually(10 * PATIENCE, "the process has ended", async || !self.keeper.is_alive()).await;
        self.keeper.code()
    }

    /// Stops it in its tracks.
    pub fn freeze(&self) {
        self.keeper.signal("STOP");
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.keeper.signal("CONT");
    }

    /// Does it run?
    pub fn is_alive(&self) -> bool {
        self.keeper.is_alive()
    }

    /// All that it has printed since it was started last.
    pub fn log(&self) -> String {
        self.keeper.log()
    }
}

/// The `carrier` that is tested: this program itself, or the one beside the test binary: target/debug/deps/it-… and target/debug/carrier.
pub fn program() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let Some(build) = this.parent().filter(|folder| folder.ends_with("deps")).and_then(|deps| deps.parent()) else { return this };
    let program = build.join("carrier");
    assert!(program.exists(), "{} is not there: run `cargo build --workspace` first", program.display());
    program
}
