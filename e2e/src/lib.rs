//! What every test that needs a server is written with: a Redis, a MariaDB, a SQLite, flushers and APIs of its own.
//!
//! Nothing is mocked and nothing is shared but one MariaDB server, in which each test has a database of its own. Every child is watched by a
//! [`Keeper`], so that none outlives the test process, however that ends.

mod api;
mod audit;
mod client;
mod listener;
mod replica;
mod sql;
mod stack;
mod stop;

pub use api::Api;
pub use audit::{Ledger, audit, audit_sql, forget_lost, history};
pub use client::{Answer, Client, PASSWORD};
pub use listener::{Listener, Wire};
pub use replica::Replica;
pub use rig::{Fault, Keeper, MariaDb, Process, Proxy, Redis, Rule, Server, Settles, eventually, free_port, process, program};
pub use sql::Sql;
pub use stack::{Flusher, Options, Stack, say};
