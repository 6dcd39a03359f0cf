//! The worker and its providers: which ones it calls, what it pays for, and what it records.

mod money;
mod order;
mod room;
mod world;
