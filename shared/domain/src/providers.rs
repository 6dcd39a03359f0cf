//! Image and chat providers: what an adapter implements, how calls fail, and how much capacity a provider
//! has.

pub(crate) mod capacity;
pub(crate) mod denial;
pub(crate) mod deprecation;
pub(crate) mod error;
pub(crate) mod error_policy;
pub(crate) mod ports;
pub(crate) mod status;
pub(crate) mod task;
pub(crate) mod usual_durations;
pub(crate) mod wait_reason;

pub use capacity::{
    BREAKER_THRESHOLD, FAILURE_WINDOW, MAX_OPEN, MIN_OPEN, ONE_PER_CALL_TTL, PermitRequest, ProviderCapacity,
    Reservation, SettingsVersion, TIMEOUT_WEIGHT,
};
pub use denial::{DenialReason, Denied};
pub use deprecation::{
    DEPRECATION_CHECK_INTERVAL, DEPRECATION_MAX_AGE, DEPRECATION_WARNING_PERIOD, ModelDeprecations,
};
pub use error::{ErrorClass, ProviderError, Reason};
pub use error_policy::{
    ACCOUNT_PAUSE, BreakerEffect, CAPACITY_PAUSE, Counts, Ends, ErrorPolicy, GATEWAY_PAUSE,
    MAX_USELESS_ANSWERS, Pause, SETTINGS_LOOK, Severity, backoff, decisive_call, decisive_candidate, policy,
};
pub use ports::{
    CapacityStore, ChatProvider, DeprecationStore, ImageProvider, ImageSink, ProviderStatusStore, Stop,
};
pub use status::{ProviderStatus, STATUS_FRESH_FOR, STATUS_MAX_AGE};
pub use task::{CapacityLimits, Finished, GeneratedImage, ImageTask, Step, Unsupported};
pub use usual_durations::UsualDurations;
pub use wait_reason::WaitReason;
