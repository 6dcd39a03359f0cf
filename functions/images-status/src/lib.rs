//! GET /images/status/{jobId}: how a job stands.
