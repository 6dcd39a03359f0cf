//! What is known about providers.

mod capacity;
mod deprecations;
mod statuses;
