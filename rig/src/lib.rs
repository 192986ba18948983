//! Real servers, started on free ports with folders of their own, for tests and drills: Redis and
//! Valkey (alone, with a replica, as a cluster), MariaDB, `carrier` processes, and a proxy that
//! cuts connections.
//!
//! No server is mocked. Every child is watched by a [`Keeper`], so that none outlives the
//! process that started it, however that ends.
#![recursion_limit = "256"] // the types of nested futures

mod backup;
mod disk;
mod keeper;
mod mariadb;
mod node;
mod process;
mod proxy;
mod redis;
mod wait;

pub use backup::{back_up, restore};
pub use disk::Disk;
pub use keeper::{Keeper, cpu_time, free_port, resident_bytes};
pub use mariadb::MariaDb;
pub use node::{Node, Past, Server};
pub use process::{Process, process, program};
pub use proxy::{COMMIT, Fault, Proxy, Rule};
pub use redis::Redis;
pub use wait::{Settles, eventually};
