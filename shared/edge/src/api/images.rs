//! Image jobs and batches.

pub mod batch;
pub mod batch_response;
pub mod generate;
pub mod image_options;
pub mod job_response;
pub mod list;
pub(crate) mod wanted;
