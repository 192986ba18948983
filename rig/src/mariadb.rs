//! A real mariadbd.

use std::{
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use sea_orm::{ConnectionTrait, Database};
use tokio::sync::OnceCell;

use crate::{Keeper, keeper::free_port};

const PATIENCE: Duration = Duration::from_secs(120);

/// A mariadbd. It ends, and its folder goes, when this is dropped; or with the test process.
pub struct MariaDb {
    keeper: Keeper,
    port: u16,
    databases: AtomicUsize,
}

impl MariaDb {
    /// The server that all tests of this process share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<MariaDb> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// A server that a test has for itself, to stop it.
    pub async fn start() -> Self {
        Self::start_in(None).await
    }

    /// A server with its data in this folder, or in one of its own.
    pub async fn start_in(data: Option<PathBuf>) -> Self {
        let folder = Keeper::folder("mariadb");
        let data = data.unwrap_or_else(|| folder.clone()).join("data");
        let user = (std::fs::metadata("/proc/self").expect("/proc").uid() == 0).then_some("--user=root");
        let install = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"])
            .args(user)
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--tmpdir={}", folder.display())) // or another's server, as it starts, takes away what this one is at
            .output()
            .expect("mariadb-install-db runs");
        assert!(install.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&install.stderr));
        let port = free_port();
        let mut command: Vec<String> = [
            "mariadbd",
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=32M",
            "--innodb-flush-log-at-trx-commit=1",
            "--performance-schema=OFF",
            "--max-connections=500",
        ]
        .map(String::from)
        .into();
        command.extend(user.map(String::from));
        command.push(format!("--port={port}"));
        for (option, file) in
            [("datadir", data), ("tmpdir", folder.clone()), ("socket", folder.join("socket")), ("pid-file", folder.join("pid"))]
        {
            command.push(format!("--{option}={}", file.display()));
        }
        let server = Self { keeper: Keeper::new("mariadb", folder, &command, &[]), port, databases: AtomicUsize::new(0) };
        server.restart().await;
        server
    }

    /// Starts it again where it was, and waits until it answers.
    pub async fn restart(&self) {
        self.keeper.start();
        let answers = async || match Database::connect(self.url("mysql")).await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        };
        self.keeper.wait(PATIENCE, answers).await;
    }

    /// Starts it again if it has ended by itself; whether it had.
    pub async fn restart_if_ended(&self) -> bool {
        let ended = !self.keeper.is_alive();
        if ended {
            self.keeper.code();
            self.restart().await;
        }
        ended
    }

    /// Kills it at once.
    pub fn kill9(&self) {
        self.keeper.kill9();
    }

    /// Stops it in an orderly way.
    pub async fn stop(&self) {
        self.keeper.stop(PATIENCE).await;
    }

    /// Stops it in its tracks: connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.keeper.signal("STOP");
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.keeper.signal("CONT");
    }

    /// Makes a new empty database; its URL.
    pub async fn fresh_database(&self) -> String {
        let name = format!("carrier_{}", self.databases.fetch_add(1, Relaxed));
        let root = Database::connect(self.url("mysql")).await.expect("MariaDB answers");
        root.execute_unprepared(&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
            .await
            .expect("a new database");
        root.close().await.expect("the connection closes");
        self.url(&name)
    }

    /// Its TCP address.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn url(&self, database: &str) -> String {
        format!("mysql://root@{}/{database}", self.address())
    }
}
