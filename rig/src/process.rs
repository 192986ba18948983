//! Processes of the real program, `carrier`.

use std::{path::PathBuf, time::Duration};

use crate::Keeper;

const PATIENCE: Duration = Duration::from_secs(60);

/// A `carrier` process, which is killed when this is dropped.
pub struct Process {
    keeper: Keeper,
    role: String,
}

/// Starts `carrier ROLE` with these settings, and waits until it is ready. `CARRIER_LISTEN` need
/// not be set: it is any free port.
pub async fn process(role: &str, env: &[(String, String)]) -> Process {
    let process = Process::new(role, env);
    process.restart().await;
    process
}

impl Process {
    /// Makes a process that is not started yet.
    pub fn new(role: &str, env: &[(String, String)]) -> Self {
        Self::of(role, env, &[])
    }

    /// Makes a process that may have so many files open, and is not started yet.
    pub fn with_files(role: &str, env: &[(String, String)], files: u32) -> Self {
        let limited = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
        Self::of(role, env, &["sh", "-c", &limited])
    }

    fn of(role: &str, env: &[(String, String)], before: &[&str]) -> Self {
        let mut command: Vec<_> = before.iter().map(|word| (*word).to_owned()).collect();
        command.push(program().display().to_string());
        command.extend(role.split_whitespace().map(str::to_owned));
        let mut all = vec![("CARRIER_LISTEN".to_owned(), "127.0.0.1:0".to_owned())];
        all.extend_from_slice(env);
        Self {
            keeper: Keeper::new("process", Keeper::folder("process"), &command, &all),
            role: role.to_owned(),
        }
    }

    /// Starts the process, again if it was started before, and waits until it is ready.
    pub async fn restart(&self) {
        self.start();
        self.wait_ready().await;
    }

    /// Starts the process, and does not wait.
    pub fn start(&self) {
        self.keeper.start();
    }

    /// Waits until the process logs that it is ready.
    pub async fn wait_ready(&self) {
        let line = if self.role.starts_with("flusher") {
            "flusher is ready"
        } else {
            "listening on http://"
        };
        // The line must be whole, with its end.
        let ready = async || {
            self.log()
                .split_inclusive('\n')
                .any(|said| said.contains(line) && said.ends_with('\n'))
        };
        self.keeper.wait(PATIENCE, ready).await;
    }

    /// Returns the id of the process.
    ///
    /// # Panics
    /// When the process does not run.
    pub fn pid(&self) -> u32 {
        self.keeper.pid()
    }

    /// Returns the base URL at which an API listens.
    pub fn url(&self) -> String {
        let log = self.log();
        let (_, rest) = log
            .split_once("listening on ")
            .expect("a ready API says where it listens");
        rest.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// Returns the most memory that the process has had, and what it has now, in MiB.
    pub fn memory(&self) -> (u64, u64) {
        let file = format!("/proc/{}/status", self.keeper.pid());
        let status = std::fs::read_to_string(file).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            let kib: u64 = number.and_then(|kib| kib.parse().ok()).expect("a number");
            kib / 1024
        };
        (field("VmHWM:"), field("VmRSS:"))
    }

    /// Kills the process at once.
    pub fn kill9(&self) {
        self.keeper.kill9();
    }

    /// Sends SIGTERM and waits until the process has ended; returns its exit code.
    pub async fn stop(&self) -> u32 {
        self.keeper.stop(PATIENCE).await
    }

    /// Waits until the process ends by itself, for a minute at most; returns its exit code.
    pub async fn wait(&self) -> u32 {
        crate::eventually(PATIENCE, "the process has ended", async || {
            !self.keeper.is_alive()
        })
        .await;
        self.keeper.code()
    }

    /// Waits as [`Self::wait`] does, for ten minutes at most.
    pub async fn wait_long(&self) -> u32 {
        crate::eventually(10 * PATIENCE, "the process has ended", async || {
            !self.keeper.is_alive()
        })
        .await;
        self.keeper.code()
    }

    /// Freezes the process (SIGSTOP).
    pub fn freeze(&self) {
        self.keeper.signal("STOP");
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.keeper.signal("CONT");
    }

    /// True while the process runs.
    pub fn is_alive(&self) -> bool {
        self.keeper.is_alive()
    }

    /// Returns the output of the process since it was started last.
    pub fn log(&self) -> String {
        self.keeper.log()
    }
}

/// Returns the path of the `carrier` that is tested: this program itself, or the one beside the
/// test binary (target/debug/deps/it-… and target/debug/carrier).
pub fn program() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let Some(build) = this
        .parent()
        .filter(|folder| folder.ends_with("deps"))
        .and_then(|deps| deps.parent())
    else {
        // A test binary elsewhere would start itself, over and over.
        let name = this.file_name().unwrap_or_default().to_string_lossy();
        assert!(name.starts_with("carrier"), "{name} is not a `carrier`");
        return this;
    };
    let program = build.join("carrier");
    assert!(
        program.exists(),
        "{} is not there: run `cargo build --workspace` first",
        program.display()
    );
    program
}
