//! Every test that needs a server. `cargo test -p e2e`; `RUST_LOG=flusher=debug` shows what happens.
#![recursion_limit = "256"] // the types of nested futures

mod access;
mod arrows;
mod authorization;
mod bounds;
mod calls;
mod clock;
mod directory;
mod edit;
mod erase;
mod expiry;
mod files;
mod flush_stops;
mod flushers;
mod full;
mod fuzz;
mod group;
mod harness;
mod history;
mod hydrate;
mod kill;
mod limits;
mod load;
mod mine;
mod names;
mod password;
mod poison;
mod react;
mod retry;
mod search;
mod stops;
mod storm;
mod sync;
mod typescript;
