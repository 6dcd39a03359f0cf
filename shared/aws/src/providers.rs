//! Provider statuses, capacities and model deprecations.

mod capacity;
mod deprecations;
mod statuses;
