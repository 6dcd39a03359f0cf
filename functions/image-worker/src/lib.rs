//! Makes the images of a job.
