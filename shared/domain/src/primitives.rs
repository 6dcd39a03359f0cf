//! The basic types of all other modules: ids, timestamps, leases, secrets, addresses.

pub(crate) mod address;
pub(crate) mod hash;
pub(crate) mod id;
pub(crate) mod lease;
pub(crate) mod named;
pub(crate) mod priority;
pub(crate) mod secret;
pub mod source;
pub(crate) mod timestamp;

pub use address::{AddressScope, address_scope, is_local_name, unwrapped, usable_port};
pub use hash::{hex, sha256_hex};
pub use id::{
    BatchId, BundleId, Id, ImageId, JobId, KeyId, LeaseId, MessageId, NotAnId, SessionId, TraceId, UserId,
    WebhookId, kind,
};
pub use lease::Lease;
pub use named::{InvalidValue, NamedValue};
pub use priority::Priority;
pub use secret::Secret;
pub use timestamp::{NotATime, Timestamp};
