//! Image jobs and batches: what their rows hold, and how each event changes them.

pub(crate) mod admission;
pub(crate) mod attempt;
pub(crate) mod attempts;
pub(crate) mod batch;
pub(crate) mod estimate;
pub(crate) mod job;
pub(crate) mod lifecycle;
pub(crate) mod outcome;
pub(crate) mod policy;
pub(crate) mod ports;
pub(crate) mod request;
pub(crate) mod status;
pub(crate) mod subscription;
pub(crate) mod waiting;

pub use admission::Admission;
pub use attempt::{AttemptFailure, ProviderAttempt, TaskHandle};
pub use batch::{BATCH_LIMIT, Batch, BatchRequest, BatchedJob};
pub use estimate::{ESTIMATE_SAMPLES, JobClass, estimate_from, sample_index};
pub use job::Job;
pub use lifecycle::PROGRESS_INTERVAL;
pub use outcome::{FailureReason, JobError, JobResult};
pub use policy::{JobPolicy, Lifetimes};
pub use ports::{BatchStore, EstimateStore, JobFilter, JobList, JobMessage, JobPage, JobQueue, JobStore};
pub use request::{GenerateRequest, METADATA_LIMIT, Metadata};
pub use status::{InvalidTransition, JobEvent, JobStatus, next_status};
pub use subscription::{WEBHOOK_URL_LIMIT, WebhookEvent, WebhookTarget, WebhookUrl, WebhookUrlPolicy};
pub use waiting::WaitingFor;
