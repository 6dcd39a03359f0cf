//! Checks of everything that happened in the run: every AWS call, every log line, every object.

use std::collections::{BTreeMap, BTreeSet};

use domain::Job;
use semantest_tests::cloud::{Cloud, eventually};
use serde_json::Value;

use crate::Round;

fn functions() -> BTreeSet<String> {
    let folders = std::fs::read_dir(semantest_tests::cloud::workspace().join("functions")).unwrap();
    folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect()
}

/// Actions that Lambda itself takes with a function's role. The function never calls them, so no recorded
/// call shows them.
const BY_LAMBDA: [&str; 9] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
];

pub(crate) fn tests(round: &mut Round<'_>) {
    round.of_all("every_stored_object_belongs_to_a_job", |clouds| async move {
        for cloud in clouds {
            eventually("the sweep has nothing left to do", async || {
                let stray = stray_objects(&cloud).await;
                if !stray.is_empty() {
                    cloud.sweep().await;
                }
                stray.is_empty().then_some(())
            })
            .await;
        }
    });

    round.of_all("every_role_grants_exactly_the_actions_used", |clouds| async move {
        // All clouds have the same stack and names.
        let cloud = &clouds[0];
        let functions = functions();
        let mut used: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for call in clouds.iter().flat_map(|cloud| cloud.calls()) {
            let principal = call["principal"].as_str().unwrap_or_default();
            let of = |folder: &&String| principal.ends_with(&format!("/{}", cloud.function(folder)));
            let Some(folder) = functions.iter().find(of) else { continue };
            assert_eq!(call["denied"], false, "{call}");
            let actions = call["iam"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
            used.entry(folder).or_default().extend(actions);
        }
        for folder in &functions {
            let granted: BTreeSet<String> = granted(cloud, folder).await;
            let granted: BTreeSet<_> =
                granted.into_iter().filter(|action| !BY_LAMBDA.contains(&action.as_str())).collect();
            let mut used = used.remove(folder.as_str()).unwrap_or_default();
            used.retain(|action| !BY_LAMBDA.contains(&action.as_str()));
            assert_eq!(granted, used, "granted and used by {folder}");
        }
    });

    round.of_all("every_log_line_is_json_without_secrets", |clouds| async move {
        // The secrets of each cloud, and the keys of all providers, which contain `canary`.
        let own: Vec<_> = clouds.iter().map(|cloud| cloud.api_key.as_str()).chain(["canary"]).collect();
        for folder in &functions() {
            let log: Vec<_> = clouds.iter().flat_map(|cloud| cloud.log(folder)).collect();
            assert!(!log.is_empty(), "{folder} has logged nothing");
            for line in log {
                let fields: Value =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("{folder}: {line}"));
                assert_eq!(fields["function"], folder.as_str(), "{line}");
                let anywhere = ["sk_", "eyJ", "whsec_", "a kite", "lighthouse", "receivers-own", "iVBOR"];
                for secret in anywhere.iter().chain(&own) {
                    assert!(!line.contains(secret), "{folder} tells {secret}: {line}");
                }
            }
        }
    });

    round.test("trace_id_leads_from_the_request_to_the_webhook", |cloud| async move {
        let lines = |folder: &str, message: &str, trace: &str| -> BTreeSet<(String, String)> {
            let all =
                cloud.log(folder).into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
            let about = all.filter(|line| line["message"] == message);
            about.map(|line| (line["jobId"].to_string(), line[trace].to_string())).collect()
        };
        let accepted = lines("images-generate", "job accepted", "traceId");
        let sent = lines("webhook-sender", "webhook sent", "traceId");
        let mut ended = lines("image-worker", "run ended", "traceId");
        assert!(ended.intersection(&accepted).count() > 10, "the worker's lines carry the request's trace");
        // A cancelled job is ended by another request than the one that created it.
        ended.extend(lines("images-cancel", "job cancelled", "jobTraceId"));
        // Tests of webhooks write deliveries of jobs that never ran.
        let jobs: BTreeSet<_> = ended.iter().map(|(job, _)| job).collect();
        let sent: BTreeSet<_> = sent.into_iter().filter(|(job, _)| jobs.contains(job)).collect();
        assert!(sent.len() > 10, "{} webhooks of jobs that ended", sent.len());
        assert!(sent.is_subset(&ended), "the sender's lines carry the trace of the worker's");
        let answered = cloud.log("images-generate");
        assert!(answered.iter().any(|line| line.contains("\"durationMs\"")));
    });
}

async fn stray_objects(cloud: &Cloud) -> Vec<String> {
    let mut named = BTreeSet::new();
    let mut pages =
        cloud.dynamodb.scan().table_name(cloud.output("JobsTable")).into_paginator().items().send();
    while let Some(item) = pages.next().await {
        let item = item.unwrap();
        if item["sk"].as_s().unwrap() != "JOB" {
            continue;
        }
        let job: Job = serde_dynamo::from_item(item).unwrap();
        for image in job.result.iter().flat_map(|result| &result.images) {
            named.extend([image.key.clone(), image.thumbnail_key.clone()]);
        }
    }
    let there: BTreeSet<_> = cloud.objects("").await.into_iter().collect();
    assert!(named.is_subset(&there), "a row names what is not there");
    there.difference(&named).cloned().collect()
}

/// The actions in the role of a function. Panics on a wildcard.
async fn granted(cloud: &Cloud, folder: &str) -> BTreeSet<String> {
    let configuration =
        cloud.lambda.get_function_configuration().function_name(cloud.function(folder)).send().await.unwrap();
    let role = configuration.role().unwrap().rsplit('/').next().unwrap().to_owned();
    let policies = semantest_tests::roles::policies(cloud, &role).await;
    let mut actions = BTreeSet::new();
    for statement in policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap()) {
        let list = |name: &str| {
            let value = &statement[name];
            value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
        };
        for resource in list("Resource") {
            let resource = resource.as_str().unwrap();
            // A wildcard is the only way to name the streams of one log group and the objects of one
            // folder.
            let inner = resource.strip_suffix(":*").or_else(|| resource.strip_suffix("/images/*"));
            assert!(!inner.unwrap_or(resource).contains('*'), "{folder} may touch {resource}");
        }
        for action in list("Action") {
            let action = action.as_str().unwrap().to_owned();
            assert!(!action.contains('*'), "{folder} may {action}");
            actions.insert(action);
        }
    }
    actions
}
