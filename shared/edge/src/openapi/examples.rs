//! Examples that several operations share.

use serde_json::{Value, json};

use crate::openapi::parts::JOB;

pub(super) fn example_job() -> Value {
    json!({
        "jobId": JOB,
        "status": "queued",
        "createdAt": "2026-10-01T12:00:00.000Z",
        "estimatedCompletionTime": "2026-10-01T12:00:05.000Z",
        "priority": "normal",
        "statusUrl": format!("/api/v1/images/status/{JOB}"),
        "cancelUrl": format!("/api/v1/images/cancel/{JOB}"),
    })
}

pub(super) fn example_state() -> Value {
    json!({
        "jobId": JOB,
        "status": "completed",
        "progress": 100,
        "createdAt": "2026-10-01T12:00:00.000Z",
        "startedAt": "2026-10-01T12:00:00.200Z",
        "completedAt": "2026-10-01T12:00:04.200Z",
        "provider": "sandbox",
        "attempts": 1,
        "result": example_result(),
        "metadata": {"order": 4711},
    })
}

pub(super) fn example_result() -> Value {
    json!({
        "images": [{
            "id": "0190b8a0-0000-7000-8000-000000000004",
            "url": "https://images.example.com/images/3vQB7B6M/0.png",
            "thumbnailUrl": "https://images.example.com/images/3vQB7B6M/0-256.png",
            "size": "512x512",
            "format": "png",
            "width": 512,
            "height": 512,
            "sizeBytes": 183_210,
            "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "expiresAt": "2026-10-31T12:00:00.000Z",
            "metadata": {"model": "sandbox-1", "seed": 7},
        }],
        "provider": "sandbox",
        "totalCost": 0.0,
        "processingTime": 4000,
    })
}
