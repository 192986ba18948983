//! Scarce things, divided between accounts and addresses, so that none can take them from the
//! others: [`Turns`] at computing, [`Shares`] of anything that is counted, and [`Holdings`], which
//! grow and may be taken away.
//!
//! An account is named by its id, and a client without one by its address.

/// Amounts that grow while they are held, and that whoever holds most gives up.
mod holdings;
/// Shares of what is counted: connections, bytes.
mod shares;
/// Turns at computing, off the async threads.
mod turns;

pub use holdings::{Holding, Holdings};
pub use shares::{Share, Shares};
pub use turns::{Refused, Turn, Turns};
