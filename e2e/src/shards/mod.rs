//! The rule of shards: on an SQL that divides its rows by a key, each statement says where they
//! are. Every statement that a [`crate::Stack`] makes is judged by it.

// The statements that the rule does not hold for.
mod exceptions;
// The key of each table.
mod keys;
// What is wrong with a statement.
mod rule;
// The statements of a test.
mod statements;

pub use exceptions::{EXCEPTIONS, Exception};
pub use keys::{GLOBAL, KEYED, Key};
pub use rule::{Breach, breaches};
pub use statements::Statements;
