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

/// A mariadbd. The server and its folder are gone when this is dropped, or with the test process.
pub struct MariaDb {
    keeper: Keeper,
    port: u16,
    databases: AtomicUsize,
}

/// The part of a server in a replication.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Alone,
    Primary,
    Replica,
}

impl MariaDb {
    /// Returns the server that all tests of this process share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<MariaDb> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Starts a server that a test has for itself, to stop it.
    pub async fn start() -> Self {
        Self::start_as(Role::Alone, None).await
    }

    /// Starts a server that may have a replica, with its data, but not its log, in this folder.
    pub async fn start_primary_in(data: PathBuf) -> Self {
        Self::start_as(Role::Primary, Some(data)).await
    }

    /// Starts a server and a replica of it that has all that the server has.
    pub async fn start_with_replica() -> (Self, Self) {
        let (primary, replica) = tokio::join!(
            Self::start_as(Role::Primary, None),
            Self::start_as(Role::Replica, None)
        );
        replica.follow(&primary).await;
        (primary, replica)
    }

    /// Starts a replica of this primary.
    pub async fn start_replica(&self) -> Self {
        let replica = Self::start_as(Role::Replica, None).await;
        replica.follow(self).await;
        replica
    }

    async fn follow(&self, primary: &Self) {
        let port = primary.port;
        let follow = format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', \
             MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1"
        );
        self.run(&follow).await;
        self.run("START SLAVE").await;
    }

    /// Runs a statement as the administrator.
    pub async fn run(&self, statement: &str) {
        let root = Database::connect(self.url("mysql")).await;
        let root = root.expect("MariaDB answers");
        let done = root.execute_unprepared(statement).await;
        done.expect("MariaDB does as it is told");
        root.close().await.expect("the connection closes");
    }

    async fn start_as(role: Role, data: Option<PathBuf>) -> Self {
        let folder = Keeper::folder("mariadb");
        let data = data.unwrap_or_else(|| folder.clone()).join("data");
        let user =
            (std::fs::metadata("/proc/self").expect("/proc").uid() == 0).then_some("--user=root");
        let install = Command::new("mariadb-install-db")
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ])
            .args(user)
            .arg(format!("--datadir={}", data.display()))
            // In the system's folder for temporary files, another server that starts would take
            // away the files of this one.
            .arg(format!("--tmpdir={}", folder.display()))
            .output()
            .expect("mariadb-install-db runs");
        assert!(
            install.status.success(),
            "mariadb-install-db: {}",
            String::from_utf8_lossy(&install.stderr)
        );
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
        match role {
            Role::Alone => {}
            Role::Primary => command.extend([
                "--server-id=1".to_owned(),
                "--sync-binlog=0".to_owned(),
                format!("--log-bin={}", folder.join("log").display()),
            ]),
            Role::Replica => command.push("--server-id=2".to_owned()),
        }
        command.push(format!("--port={port}"));
        for (option, file) in [
            ("datadir", data),
            ("tmpdir", folder.clone()),
            ("socket", folder.join("socket")),
            ("pid-file", folder.join("pid")),
        ] {
            command.push(format!("--{option}={}", file.display()));
        }
        let server = Self {
            keeper: Keeper::new("mariadb", folder, &command, &[]),
            port,
            databases: AtomicUsize::new(0),
        };
        server.restart().await;
        server
    }

    /// Starts the server again with the same data, and waits until it answers.
    pub async fn restart(&self) {
        self.keeper.start();
        let answers = async || match Database::connect(self.url("mysql")).await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        };
        self.keeper.wait(PATIENCE, answers).await;
    }

    /// Starts the server again if it has ended by itself; returns true if it had.
    pub async fn restart_if_ended(&self) -> bool {
        let ended = !self.keeper.is_alive();
        if ended {
            self.keeper.code();
            self.restart().await;
        }
        ended
    }

    /// Kills the server at once.
    pub fn kill9(&self) {
        self.keeper.kill9();
    }

    /// Stops the server in an orderly way.
    pub async fn stop(&self) {
        self.keeper.stop(PATIENCE).await;
    }

    /// Freezes the process (SIGSTOP): connections stay open and no answer comes.
    pub fn freeze(&self) {
        self.keeper.signal("STOP");
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.keeper.signal("CONT");
    }

    /// Makes a new empty database, and returns its URL.
    pub async fn fresh_database(&self) -> String {
        let name = format!("carrier_{}", self.databases.fetch_add(1, Relaxed));
        let root = Database::connect(self.url("mysql"))
            .await
            .expect("MariaDB answers");
        root.execute_unprepared(&format!(
            "CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        ))
        .await
        .expect("a new database");
        root.close().await.expect("the connection closes");
        self.url(&name)
    }

    /// Returns the TCP address.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Returns the URL of a database of the server.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@{}/{database}", self.address())
    }
}
