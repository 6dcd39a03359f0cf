//! What image and chat providers must offer, how they fail, and how much they can take.

pub(crate) mod capacity;
pub(crate) mod deprecation;
pub(crate) mod error;
pub(crate) mod ports;
pub(crate) mod status;
pub(crate) mod task;

pub use capacity::{
    ACCOUNT_PAUSE, CAPACITY_PAUSE, Closed, FIRST_OPEN, HANGING, LONGEST_OPEN, Promise, THRESHOLD, Traffic,
    WINDOW, Wanted, Why,
};
pub use deprecation::{ASKED_EVERY, Sunset, WARNED, WARNINGS_SHOWN};
pub use error::{FaultOf, ProviderError, Reason};
pub use ports::{ChatProvider, ImageProvider, ImageSink, SightingStore, Stop, SunsetStore, TrafficStore};
pub use status::{FRESH, SHOWN, Sighting};
pub use task::{Bounds, Finished, GeneratedImage, ImageTask, Step, Unable};
