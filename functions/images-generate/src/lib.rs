//! POST /images/generate: accepts an image job.
