//! Operations of image jobs and batches.

use domain::jobs::WebhookUrlPolicy::HttpsOnly;
use serde_json::json;

use super::bodies::{BatchBody, GenerateBody};
use super::examples::{example_job, example_state};
use super::operation::{Answer, Operation};
use super::parts::{BATCH, USER};
use super::problems::Problem;
use super::schemas::Schemas;
use crate::api::images::batch_response::{BatchResponse, BatchStatusResponse};
use crate::api::images::job_response::{JobResponse, JobStatusResponse};
use crate::api::images::list::JobListResponse;
use crate::http::routes::Route;

pub(super) fn operation(route: &Route, schemas: &mut Schemas) -> Option<Operation> {
    Some(match (route.method, route.path) {
        ("POST", "/images/generate") => generate(schemas),
        ("POST", "/images/batch") => batch(schemas),
        ("GET", "/images/batch/{batchId}/status") => batch_status(schemas),
        ("GET", "/images/status/{jobId}") => status(schemas),
        ("GET", "/images/jobs") => list(schemas),
        ("DELETE", "/images/cancel/{jobId}") => cancel(),
        _ => return None,
    })
}

fn generate(schemas: &mut Schemas) -> Operation {
    let plain = json!({"userId": USER, "prompt": "a lighthouse at dusk"});
    let full = json!({
        "userId": USER, "prompt": "a red kite over dunes", "provider": "automatic", "size": "1024x576",
        "count": 2, "quality": "hd", "style": "natural", "priority": "high",
        "webhookUrl": "https://client.example/hook", "webhookEvents": ["job.completed", "job.failed"],
        "metadata": {"order": 4711},
    });
    let accepted = Answer::json(202, "The job is accepted.", schemas.answer::<JobResponse>(), example_job())
        .headers(&["Location"])
        .link("status", "getImageStatus", "jobId", "/jobId")
        .link("cancel", "cancelImageJob", "jobId", "/jobId");
    Operation::new(
        "Images",
        "generateImages",
        "Start an image job",
        "The answer comes at once; the images are there when `GET /images/status/{jobId}` or a webhook says so. \
         A job ends within 24 hours. The provider that was asked for is the one that is used; only \
         `automatic` may choose.",
    )
    .body(true, schemas.request::<GenerateBody>(), &[("A prompt alone", plain), ("Everything", full)])
    .refuses(crate::api::images::generate::parse(br#"{"prompt":" "}"#, HttpsOnly))
    .answers(accepted)
    .idempotent()
    .calls_back("/webhookUrl")
}

fn batch(schemas: &mut Schemas) -> Operation {
    let body = json!({
        "userId": USER,
        "jobs": [{"prompt": "a castle on a hill"}, {"prompt": "a boat in the rain", "size": "1024x1024"}],
        "webhookUrl": "https://client.example/hook",
    });
    let example = json!({
        "batchId": BATCH, "jobs": [example_job()], "totalJobs": 1,
        "statusUrl": format!("/api/v1/images/batch/{BATCH}/status"),
    });
    let accepted = Answer::json(202, "All jobs are accepted.", schemas.answer::<BatchResponse>(), example)
        .headers(&["Location"])
        .link("status", "getBatchStatus", "batchId", "/batchId")
        .link("firstJob", "getImageStatus", "jobId", "/jobs/0/jobId");
    Operation::new(
        "Images",
        "generateImageBatch",
        "Start up to 100 image jobs together",
        "All or nothing: if one job is at fault, none is made. Priority, webhooks and everything else are as \
         with a single job.",
    )
    .body(true, schemas.request::<BatchBody>(), &[("Two jobs", body)])
    .refuses(crate::api::images::batch::parse(
        br#"{"jobs":[{"prompt":"a castle"},{"prompt":"a boat","count":9}]}"#,
        HttpsOnly,
    ))
    .answers(accepted)
    .idempotent()
    .calls_back("/webhookUrl")
}

fn batch_status(schemas: &mut Schemas) -> Operation {
    let example = json!({
        "batchId": BATCH, "totalJobs": 1, "counts": {"pending": 0, "queued": 0, "processing": 0, "completed": 1, "failed": 0, "cancelled": 0}, "jobs": [example_state()],
    });
    let answer = Answer::json(200, "How its jobs stand.", schemas.answer::<BatchStatusResponse>(), example);
    Operation::new(
        "Images",
        "getBatchStatus",
        "See how the jobs of a batch stand",
        "Jobs are in the order in which they were asked for.",
    )
    .answers(answer)
    .fails(&[Problem::BatchNotFound])
}

fn status(schemas: &mut Schemas) -> Operation {
    let schema = schemas.answer::<JobStatusResponse>();
    let answer = Answer::json(200, "How the job stands.", schema, example_state())
        .headers(&["ETag", "Preference-Applied"]);
    let unchanged = Answer::empty(304, "Nothing has changed since the answer that `If-None-Match` names.")
        .headers(&["ETag", "Preference-Applied"]);
    Operation::new(
        "Images",
        "getImageStatus",
        "See how a job stands",
        "Ask with `Prefer: wait=20` rather than often: the answer then comes as soon as the job has ended.",
    )
    .takes(&["Prefer", "If-None-Match"])
    .answers(answer)
    .answers(unchanged)
    .fails(&[Problem::JobNotFound])
}

fn list(schemas: &mut Schemas) -> Operation {
    let schema = schemas.answer::<JobListResponse>();
    let answer = Answer::json(200, "A page of jobs.", schema, json!({"jobs": [example_state()]}))
        .link("firstJob", "getImageStatus", "jobId", "/jobs/0/jobId")
        .link("cancelFirst", "cancelImageJob", "jobId", "/jobs/0/jobId")
        .link("nextPage", "listImageJobs", "cursor", "/nextCursor");
    Operation::new(
        "Images",
        "listImageJobs",
        "List jobs, newest first",
        "`nextCursor` is there as long as there may be more.",
    )
    .takes(&["userId", "status", "limit", "cursor"])
    .answers(answer)
    .fails(&[Problem::Invalid])
    .refuses(crate::api::images::list::parse(|name| match name {
        "limit" => Some("0"),
        "status" => Some("done"),
        _ => None,
    }))
}

fn cancel() -> Operation {
    Operation::new(
        "Images",
        "cancelImageJob",
        "Cancel a job",
        "A job that a worker is at ends too, and its late result is thrown away.",
    )
    .answers(Answer::empty(204, "The job is cancelled."))
    .fails(&[Problem::JobNotFound, Problem::CannotCancel])
}
