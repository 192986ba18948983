//! Child processes that cannot outlive the test process.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::eventually;

/// The shell script that holds a child. It reads words from its standard input, whose end (this
/// process is gone, be it by kill -9, or the keeper was dropped) is the end of the child and its
/// folder.
const WATCHDOG: &str = r#"
dir=$1; shift; pid=
while read -r word; do
  case $word in
    start) : >"$dir/log"; "$@" </dev/null >>"$dir/log" 2>&1 & pid=$!; echo "$pid" ;;
    reap) wait "$pid" 2>/dev/null; echo "$?"; pid= ;;
    *) kill "-$word" "$pid" 2>/dev/null; echo "$?" ;;
  esac
done
[ -n "$pid" ] && { kill -9 "$pid"; wait "$pid"; } 2>/dev/null
mountpoint -q "$dir/disk" && umount -l "$dir/disk"
rm -rf "$dir"
"#;

/// A child process in a folder of its own, and the watchdog that holds both.
pub struct Keeper {
    name: String,
    folder: PathBuf,
    watchdog: Mutex<Watchdog>,
}

struct Watchdog {
    shell: Child,
    answers: BufReader<ChildStdout>,
    pid: Option<u32>,
}

impl Keeper {
    /// Makes a new empty folder.
    pub fn folder(name: &str) -> PathBuf {
        let folder = tempfile::Builder::new()
            .prefix(&format!("carrier-{name}-"))
            .tempdir()
            .expect("a temporary folder");
        folder.keep() // its watchdog removes it
    }

    /// Keeps `command`, which is not started yet, and `folder`, which is removed in the end.
    pub fn new(name: &str, folder: PathBuf, command: &[String], env: &[(String, String)]) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", WATCHDOG, name])
            .arg(&folder)
            .args(command)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .process_group(0) // Ctrl-C is for us alone; we take the children with us
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        let answers = BufReader::new(shell.stdout.take().expect("it is piped"));
        Self {
            name: name.to_owned(),
            folder,
            watchdog: Mutex::new(Watchdog {
                shell,
                answers,
                pid: None,
            }),
        }
    }

    /// Starts the child, again if it was started before; panics when it runs already.
    pub fn start(&self) {
        let mut watchdog = self.lock();
        assert_eq!(watchdog.pid, None, "{} runs already", self.name);
        let pid = watchdog.ask("start");
        watchdog.pid = Some(pid);
    }

    /// Sends a signal: `KILL`, `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) {
        self.lock().ask(signal);
    }

    /// Kills the child at once, and waits until it is gone.
    pub fn kill9(&self) {
        let mut watchdog = self.lock();
        if watchdog.pid.take().is_some() {
            watchdog.ask("KILL");
            watchdog.ask("reap");
        }
    }

    /// Sends SIGTERM and waits until the child has ended; returns its exit code.
    pub async fn stop(&self, patience: Duration) -> u32 {
        self.signal("TERM");
        eventually(
            patience,
            &format!("{} has stopped; it said:\n{}", self.name, self.log()),
            async || !self.is_alive(),
        )
        .await;
        self.code()
    }

    /// Returns the exit code of a child that has ended by itself.
    pub fn code(&self) -> u32 {
        let mut watchdog = self.lock();
        watchdog.pid = None;
        watchdog.ask("reap")
    }

    /// Returns the id of the child's process.
    ///
    /// # Panics
    /// A child that does not run panics.
    pub fn pid(&self) -> u32 {
        self.lock().pid.expect("it runs")
    }

    /// True while the child runs.
    pub fn is_alive(&self) -> bool {
        let Some(pid) = self.lock().pid else {
            return false;
        };
        // After the name in brackets comes the state. Z: the process has ended, and is not reaped
        // yet.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    }

    /// Returns the output of the child since it was started last.
    pub fn log(&self) -> String {
        std::fs::read(self.path("log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Waits until `ready`; panics with the child's own output when it ends before.
    pub async fn wait(&self, patience: Duration, mut ready: impl AsyncFnMut() -> bool) {
        eventually(patience, &format!("{} is ready", self.name), async || {
            let ready = ready().await;
            assert!(
                ready || self.is_alive(),
                "{} has ended; it said:\n{}",
                self.name,
                self.log()
            );
            ready
        })
        .await;
    }

    /// Returns a path in the child's folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Watchdog> {
        self.watchdog
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Watchdog {
    fn ask(&mut self, word: &str) -> u32 {
        let pipe = self.shell.stdin.as_mut().expect("it is piped");
        writeln!(pipe, "{word}").expect("the watchdog listens");
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("the watchdog answers");
        answer
            .trim()
            .parse()
            .expect("the watchdog answers with a number")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let mut watchdog = self.lock();
        drop(watchdog.shell.stdin.take());
        let _ = watchdog.shell.wait();
    }
}

/// Returns the resident memory of a process in bytes; 0 where `/proc` does not tell.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    });
    kib.unwrap_or(0_u64) << 10
}

/// Returns the time that a process has spent on processors; 0 where `/proc` does not tell.
pub fn cpu_time(pid: u32) -> Duration {
    /// A tick of `/proc`, which is the same for all machines (`USER_HZ`).
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name in brackets: the 12th and the 13th field are utime and stime.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = fields.split(' ').skip(11).take(2);
    TICK * ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum()
}

/// The ports that servers of tests have: below those that outgoing connections take.
const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 22_000;

/// Returns a port on which no process listens, and that was not returned of late: a server that was
/// stopped may be started again.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    if given.len() > usize::from(PORTS / 2) {
        given.clear(); // Those of long ago are free again.
    }
    loop {
        let random = uuid::Uuid::now_v7();
        let bytes = random.as_bytes();
        let port = FIRST_PORT + u16::from_be_bytes([bytes[14], bytes[15]]) % PORTS;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() && given.insert(port) {
            return port;
        }
    }
}
