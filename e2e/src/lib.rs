//! The tools of tests that need servers. Each test has a Redis, a MariaDB, a SQLite, flushers and
//! APIs.
//!
//! The tests mock nothing and share nothing but one MariaDB server, in which each has its own
//! database. A [`Keeper`] watches each child process, so that none outlives the test process,
//! however that ends.

mod api;
mod audit;
mod client;
mod identity;
mod listener;
mod replica;
pub mod shards;
mod sql;
mod stack;
mod stop;

pub use api::Api;
pub use audit::{Ledger, audit, audit_sql, forget_lost, history};
pub use client::{Answer, Client, PASSWORD};
pub use identity::{IdentityProvider, Reply, SigningKey, twin};
pub use listener::{Listener, Wire};
pub use replica::Replica;
pub use rig::{
    COMMIT, Fault, Keeper, MariaDb, Node, Process, Proxy, Redis, Rule, Server, Settles, back_up,
    eventually, free_port, process, program, restore,
};
pub use sql::Sql;
pub use stack::{Flusher, Options, Stack, say};
