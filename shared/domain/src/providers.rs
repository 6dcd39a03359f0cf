//! Image and chat providers: what an adapter implements, how calls fail, and how much capacity a provider
//! has.

pub(crate) mod capacity;
pub(crate) mod deprecation;
pub(crate) mod error;
pub(crate) mod ports;
pub(crate) mod status;
pub(crate) mod task;

pub use capacity::{
    ACCOUNT_PAUSE, BREAKER_THRESHOLD, CAPACITY_PAUSE, DenialReason, Denied, FAILURE_WINDOW, MAX_OPEN,
    MIN_OPEN, PermitRequest, ProviderCapacity, Reservation, TIMEOUT_WEIGHT,
};
pub use deprecation::{
    DEPRECATION_CHECK_INTERVAL, DEPRECATION_MAX_AGE, DEPRECATION_WARNING_PERIOD, ModelDeprecations,
};
pub use error::{ErrorClass, ProviderError, Reason};
pub use ports::{
    CapacityStore, ChatProvider, DeprecationStore, ImageProvider, ImageSink, ProviderStatusStore, Stop,
};
pub use status::{ProviderStatus, STATUS_FRESH_FOR, STATUS_MAX_AGE};
pub use task::{CapacityLimits, Finished, GeneratedImage, ImageTask, Step, Unsupported};
