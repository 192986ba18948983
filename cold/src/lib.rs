//! What is read from SQL. It cannot write, and knows no Redis.

mod audit;
mod chats;
mod connect;
mod rows;
mod search;
mod server;
mod users;

pub use audit::Head;
pub use chats::ColdChat;
pub use connect::{Cold, connect, options};
pub use sea_orm::{DatabaseConnection, DbErr};
pub use search::Where;
pub use server::{Fact, engine};

/// What every call here returns.
pub type Result<T> = std::result::Result<T, DbErr>;
