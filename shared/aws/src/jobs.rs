//! Jobs, batches, estimates and images.

pub(crate) mod batches;
pub(crate) mod due;
pub(crate) mod estimates;
pub(crate) mod images;
#[expect(clippy::module_inception, reason = "the rows of jobs, within the area of jobs")]
pub(crate) mod jobs;
pub(crate) mod list;

pub use estimates::EstimatesTable;
pub use images::ImagesBucket;
