//! Tests of the records from outside.

mod features;

#[cfg(feature = "openapi")] // which the API turns on, so that the tests of the workspace have it
mod events;
