//! Guards what is written: durability, room in Redis, progress of saving, and that neither store
//! went back in time. Uses no other wing.

/// Refuses writes that need more room while Redis is nearly full, or evicts.
mod back_pressure;
/// Guarantees that a write waits for before it is acknowledged.
mod durability;
/// The health of both stores, as probes tell it.
mod health;
/// Progress of saving to SQL.
mod saving;
/// Reads that go on while SQL does not answer.
mod sql_outage;
/// Watches whether a store went back in time.
mod step;

pub(crate) use back_pressure::BackPressure;
pub(crate) use durability::WriteDurability;
pub use durability::{AckLevel, WriteToken};
pub use health::Health;
pub use saving::MAX_LAG;
pub(crate) use saving::{SavingWatch, is_saving};
pub(crate) use sql_outage::{SqlOutage, SqlReads};
pub(crate) use step::StepWatch;
pub use step::{Standing, standing};
