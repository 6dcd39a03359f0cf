//! The body of `POST /images/batch`.

use domain::Error;
use domain::jobs::{BATCH_LIMIT, BatchRequest, BatchedJob, WebhookUrlPolicy};

use crate::api::images::image_options;
use crate::http::json_body::{Fields, parsed};

/// Parses the body of `POST /images/batch`.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors of all jobs.
pub fn parse(body: &[u8], url_policy: WebhookUrlPolicy) -> Result<BatchRequest, Error> {
    let mut fields = Fields::parse(body)?;

    let user = fields.required("userId", parsed);
    if fields.raw("jobs").is_none() {
        fields.fault("jobs", "is required");
    }
    let jobs = fields.objects("jobs", 1..=usize::from(BATCH_LIMIT), job);
    let webhook = image_options::webhook(&mut fields, url_policy);
    fields.finish()?;

    let jobs = jobs.and_then(|jobs| jobs.into_iter().map(Option::flatten).collect());
    let (Some(user), Some(jobs)) = (user, jobs) else {
        return Err(Error::internal("a required field is missing, but no field error was added"));
    };
    Ok(BatchRequest { user, jobs, webhook })
}

fn job(fields: &mut Fields<'_>) -> Option<BatchedJob> {
    let prompt = image_options::prompt(fields);
    let options = image_options::image_options(fields);
    let priority = image_options::priority(fields);
    let metadata = image_options::metadata(fields);
    Some(BatchedJob { picture: options.of(prompt?), priority, metadata, estimate: None })
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

    fn error_paths(body: &Value) -> Vec<String> {
        match read(body) {
            Err(Error::Invalid(field_errors)) => field_errors.into_iter().map(|error| error.path).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn batch_jobs_have_the_fields_of_generate() {
        let request = read(&json!({"userId": USER, "webhookUrl": "https://example.com/h",
            "webhookEvents": ["job.queued"], "jobs": [
                {"prompt": "one", "size": "1024x576", "priority": "high", "metadata": {"a": 1}},
                {"prompt": "two", "webhookUrl": 7, "userId": 7, "sessionId": 7}]}))
        .unwrap();
        let [first, second] = &request.jobs[..] else { panic!("two jobs") };
        assert_eq!((first.picture.size, first.priority), (Size::Wide1024, Priority::High));
        assert_eq!(first.metadata.as_ref().unwrap().json(), r#"{"a":1}"#);
        assert_eq!((second.picture.prompt.as_str(), second.priority), ("two", Priority::Normal));
        assert_eq!(request.webhook.unwrap().events, [WebhookEvent::Queued]);
    }

    #[test]
    fn field_errors_of_all_jobs_are_reported() {
        let body = json!({"userId": "x", "webhookUrl": "http://example.com", "jobs": [
            {"prompt": "good"}, {"prompt": "", "count": 9}, [], null, {"metadata": []}]});
        assert_eq!(
            error_paths(&body),
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
    fn batch_has_1_to_100_jobs() {
        let of = |count: usize| json!({"userId": USER, "jobs": vec![json!({"prompt": "p"}); count]});
        assert_eq!(read(&of(1)).unwrap().jobs.len(), 1);
        assert_eq!(read(&of(100)).unwrap().jobs.len(), 100);
        for bad in [of(0), of(101), json!({"userId": USER}), json!({"userId": USER, "jobs": {}})] {
            assert_eq!(error_paths(&bad), ["jobs"], "{bad}");
        }
        assert_eq!(error_paths(&json!({"userId": USER, "jobs": null})), ["jobs"]);
    }

    proptest! {
        #[test]
        fn parse_never_panics_on_bytes(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, WebhookUrlPolicy::HttpsOnly);
        }

        #[test]
        fn parse_never_panics_on_jobs(jobs in "[\\[{]{0,3}(\"(prompt|count|metadata)\":)?[0-9a-z\"\\]},]{0,20}") {
            let _ = parse(format!(r#"{{"userId":"{USER}","jobs":{jobs}}}"#).as_bytes(), WebhookUrlPolicy::AllowLoopbackHttp);
        }
    }
}
