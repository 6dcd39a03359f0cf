//! The body of `POST /images/batch`.

use domain::Error;
use domain::jobs::{BATCH_LIMIT, BatchRequest, BatchedJob, WebhookUrlPolicy};

use crate::api::images::image_options;
use crate::http::json_body::{Fields, parsed};

/// The request in `body`.
///
/// # Errors
///
/// [`Error::Invalid`] with every fault of every job there is.
pub fn parse(body: &[u8], reach: WebhookUrlPolicy) -> Result<BatchRequest, Error> {
    let mut fields = Fields::parse(body)?;

    let user = fields.required("userId", parsed);
    if fields.raw("jobs").is_none() {
        fields.fault("jobs", "is required");
    }
    let jobs = fields.objects("jobs", 1..=usize::from(BATCH_LIMIT), job);
    let webhook = image_options::webhook(&mut fields, reach);
    fields.finish()?;

    let jobs = jobs.and_then(|jobs| jobs.into_iter().map(Option::flatten).collect());
    let (Some(user), Some(jobs)) = (user, jobs) else {
        return Err(Error::internal("a required field is missing and was not noted as a fault"));
    };
    Ok(BatchRequest { user, jobs, webhook })
}

fn job(fields: &mut Fields<'_>) -> Option<BatchedJob> {
    let prompt = image_options::prompt(fields);
    let look = image_options::image_options(fields);
    let priority = image_options::priority(fields);
    let metadata = image_options::metadata(fields);
    Some(BatchedJob { picture: look.of(prompt?), priority, metadata, estimate: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::images::Size;
    use domain::jobs::WebhookEvent;
    use domain::primitives::Priority;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

    fn read(body: &Value) -> Result<BatchRequest, Error> {
        parse(body.to_string().as_bytes(), WebhookUrlPolicy::HttpsOnly)
    }

    fn faults(body: &Value) -> Vec<String> {
        match read(body) {
            Err(Error::Invalid(faults)) => faults.into_iter().map(|fault| fault.path).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_job_is_read_as_generate_reads_its_one() {
        let request = read(&json!({"userId": USER, "webhookUrl": "https://example.com/h",
            "webhookEvents": ["job.queued"], "jobs": [
                {"prompt": "one", "size": "1024x576", "priority": "high", "metadata": {"a": 1}},
                {"prompt": "two", "webhookUrl": 7, "userId": 7, "sessionId": 7}]}))
        .unwrap();
        let [one, two] = &request.jobs[..] else { panic!("two jobs") };
        assert_eq!((one.picture.size, one.priority), (Size::Wide1024, Priority::High));
        assert_eq!(one.metadata.as_ref().unwrap().json(), r#"{"a":1}"#);
        assert_eq!((two.picture.prompt.as_str(), two.priority), ("two", Priority::Normal));
        assert_eq!(request.webhook.unwrap().events, [WebhookEvent::Queued]);
    }

    #[test]
    fn the_faults_of_all_jobs_are_told_at_once() {
        let body = json!({"userId": "x", "webhookUrl": "http://example.com", "jobs": [
            {"prompt": "good"}, {"prompt": "", "count": 9}, [], null, {"metadata": []}]});
        assert_eq!(
            faults(&body),
            [
                "userId",
                "jobs[1].prompt",
                "jobs[1].count",
                "jobs[2]",
                "jobs[3]",
                "jobs[4].prompt",
                "jobs[4].metadata",
                "webhookUrl"
            ]
        );
    }

    #[test]
    fn a_batch_has_one_to_a_hundred_jobs() {
        let of = |count: usize| json!({"userId": USER, "jobs": vec![json!({"prompt": "p"}); count]});
        assert_eq!(read(&of(1)).unwrap().jobs.len(), 1);
        assert_eq!(read(&of(100)).unwrap().jobs.len(), 100);
        for bad in [of(0), of(101), json!({"userId": USER}), json!({"userId": USER, "jobs": {}})] {
            assert_eq!(faults(&bad), ["jobs"], "{bad}");
        }
        assert_eq!(faults(&json!({"userId": USER, "jobs": null})), ["jobs"]);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, WebhookUrlPolicy::HttpsOnly);
        }

        #[test]
        fn no_jobs_make_it_panic(jobs in "[\\[{]{0,3}(\"(prompt|count|metadata)\":)?[0-9a-z\"\\]},]{0,20}") {
            let _ = parse(format!(r#"{{"userId":"{USER}","jobs":{jobs}}}"#).as_bytes(), WebhookUrlPolicy::AllowLoopbackHttp);
        }
    }
}
