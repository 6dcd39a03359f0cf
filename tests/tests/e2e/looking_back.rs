//! What must be true of everything that has happened: every call, every log line, every object.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Job;
use semantest_tests::cloud::{Cloud, eventually};
use serde_json::Value;

use crate::Round;

/// The folders of all functions.
fn functions() -> BTreeSet<String> {
    let folders = std::fs::read_dir(semantest_tests::cloud::workspace().join("functions")).unwrap();
    folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect()
}

/// What Lambda itself does in a function's name: the function never calls it, so no call shows it.
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
    round.of_all("every_object_is_named_by_a_row", |clouds| async move {
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

    round.of_all("every_role_grants_what_is_used_and_nothing_else", |clouds| async move {
        // All clouds have the same stack, and so the same names.
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

    round.of_all("every_log_line_is_json_and_tells_nothing_secret", |clouds| async move {
        // What is secret on one cloud only; and the keys of all providers, which say so.
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

    round.of_all("no_log_and_no_row_holds_the_key_of_a_provider", |clouds| async move {
        for cloud in clouds {
            let needles = needles(&provider_keys(&cloud).await);
            let mut told: Vec<(String, String)> = Vec::new();
            for folder in functions() {
                told.extend(cloud.log(&folder).into_iter().map(|line| (folder.clone(), line)));
            }
            for table in cloud.dynamodb.list_tables().send().await.unwrap().table_names() {
                let mut pages = cloud.dynamodb.scan().table_name(table).into_paginator().items().send();
                while let Some(item) = pages.next().await {
                    told.push((table.clone(), format!("{:?}", item.unwrap())));
                }
            }
            assert!(told.len() > 20, "there is something to look at");
            for (place, text) in told {
                for needle in &needles {
                    assert!(!text.contains(needle), "{place} tells {needle}: {text}");
                }
            }
        }
    });

    round.test("a_trace_leads_from_the_request_to_the_webhook", |cloud| async move {
        let lines = |folder: &str, message: &str, trace: &str| -> BTreeSet<(String, String)> {
            let all =
                cloud.log(folder).into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
            let about = all.filter(|line| line["message"] == message);
            about.map(|line| (line["jobId"].to_string(), line[trace].to_string())).collect()
        };
        let accepted = lines("images-generate", "job accepted", "traceId");
        let sent = lines("webhook-sender", "webhook sent", "traceId");
        let mut ended = lines("image-worker", "try ended", "traceId");
        assert!(ended.intersection(&accepted).count() > 10, "the worker's lines carry the request's trace");
        assert!(!sent.is_empty());
        // A job that is cancelled is ended by another request than the one that began it.
        ended.extend(lines("images-cancel", "job cancelled", "jobTraceId"));
        assert!(sent.is_subset(&ended), "the sender's lines carry the trace of the worker's");
        let answered = cloud.log("images-generate");
        assert!(answered.iter().any(|line| line.contains("\"durationMs\"")));
    });
}

/// Everything secret in the providers document: what its names say is.
async fn provider_keys(cloud: &Cloud) -> Vec<String> {
    let secret = cloud.secrets.get_secret_value().secret_id(cloud.output("ProvidersSecret"));
    let document: Value = serde_json::from_str(&secret.send().await.unwrap().secret_string.unwrap()).unwrap();
    let settings = document.as_object().unwrap().values().filter_map(Value::as_object);
    let secrets = settings
        .flat_map(|fields| ["apiKey", "apiSecret", "password"].map(|name| fields.get(name)))
        .flatten();
    secrets.map(|secret| secret.as_str().unwrap().to_owned()).collect()
}

/// The keys as they are, and what base64 makes of them wherever in a longer text they begin.
fn needles(keys: &[String]) -> Vec<String> {
    let mut needles = keys.to_vec();
    for key in keys {
        for before in 0..3 {
            let encoded = STANDARD.encode([vec![0; before].as_slice(), key.as_bytes()].concat());
            // Only letters that hold nothing but the key's own bits.
            let (first, end) = ((before * 8).div_ceil(6), (before + key.len()) * 8 / 6);
            needles.push(encoded[first..end].to_owned());
        }
    }
    needles
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

/// The actions in the role of a function; a wildcard in one fails at once.
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
            // The streams of one log group, and the objects of one folder, have no other name.
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
