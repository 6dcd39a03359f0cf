//! Enqueuing, estimating, finding and fanning out jobs.

pub mod enqueue;
pub mod estimate;
pub mod fan_out;
pub mod ownership;
