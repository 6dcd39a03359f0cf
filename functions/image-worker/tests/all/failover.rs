//! The worker and its providers: which ones it calls, what it pays for, and what it records.

mod answers;
mod clock;
mod money;
mod one_per_call;
mod order;
mod partial;
mod room;
mod settings;
mod world;
