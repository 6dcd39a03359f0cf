//! Checks properties of template.yaml that no test on the local cloud would notice.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use domain::access::{Caller, IdempotencyKey};
use semantest_tests::cloud::workspace;

/// The lines of each resource of template.yaml by its name, trimmed and without comments.
fn resources() -> BTreeMap<String, Vec<String>> {
    let template = fs::read_to_string(workspace().join("template.yaml")).unwrap();
    let resources = template.split_once("\nResources:\n").unwrap().1.split_once("\nOutputs:\n").unwrap().0;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = "";
    for line in resources.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) {
            Some(key) => name = key.strip_suffix(':').unwrap_or(name),
            None => found.entry(name.to_owned()).or_default().push(line.trim().to_owned()),
        }
    }
    found
}

fn of_type<'r>(
    resources: &'r BTreeMap<String, Vec<String>>,
    kind: &str,
) -> impl Iterator<Item = (&'r str, &'r Vec<String>)> {
    let first = format!("Type: {kind}");
    let found: Vec<_> = resources.iter().filter(|(_, lines)| lines[0] == first).collect();
    assert!(!found.is_empty(), "{kind}");
    found.into_iter().map(|(name, lines)| (name.as_str(), lines))
}

/// The values after `key` in these lines, up to a comma or the end of the line.
fn value<'l>(lines: &'l [String], key: &str) -> Option<&'l str> {
    let rest = lines.iter().find_map(|line| line.split_once(key).map(|(_, rest)| rest))?;
    Some(rest.split([',', '}']).next().unwrap().trim())
}

/// Every value in a text between `before` and a quotation mark.
fn words(text: &str, before: &str) -> Vec<String> {
    text.split(before).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// Every value that functions log under this field name, from the sources of all their crates.
fn logged(name: &str) -> BTreeSet<String> {
    let before = format!("{name} = \"");
    let mut found = BTreeSet::new();
    let mut open = vec![workspace().join("functions"), workspace().join("shared")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            // Tests raise no alarm.
            let ours = !["tests", "testkit", "target"].iter().any(|other| entry.ends_with(other));
            if entry.is_dir() && ours {
                open.push(entry);
            } else if entry.extension() == Some("rs".as_ref())
                && entry.file_name() != Some("tests.rs".as_ref())
            {
                let source = fs::read_to_string(&entry).unwrap();
                if name == "alarm" {
                    assert_only_errors(&entry, &source, &before);
                }
                found.extend(words(&source, &before));
            }
        }
    }
    found
}

/// The parameter `LogLevel` may drop every other line, and an alarm with it.
fn assert_only_errors(file: &Path, source: &str, alarm: &str) {
    for (at, _) in source.match_indices(alarm) {
        let macro_name = source[..at].rsplit_once("!(").unwrap().0;
        assert!(macro_name.ends_with("error"), "{}: an alarm on a line that is no error", file.display());
    }
}

/// The metric of each filter by the value that is logged under this field name.
fn filtered(resources: &BTreeMap<String, Vec<String>>, name: &str) -> BTreeMap<String, String> {
    let before = format!("{{ $.{name} = \"");
    let filters = of_type(resources, "AWS::Logs::MetricFilter").filter_map(|(_, lines)| {
        assert_eq!(value(lines, "LogGroupName: "), Some("!Ref FunctionLogs"));
        assert_eq!(value(lines, "MetricNamespace: "), Some("!Ref \"AWS::StackName\""));
        let pattern = lines.iter().find(|line| line.starts_with("FilterPattern: ")).unwrap();
        let metric = value(lines, "MetricName: ").unwrap().to_owned();
        words(pattern, &before).pop().map(|word| (word, metric))
    });
    filters.collect()
}

#[test]
fn every_alarm_or_metric_value_is_logged_and_counted() {
    let resources = resources();
    let mut counted = 0;
    for name in ["alarm", "metric"] {
        let filtered = filtered(&resources, name);
        assert!(!filtered.is_empty());
        assert_eq!(filtered.keys().cloned().collect::<BTreeSet<_>>(), logged(name), "{name}");
        counted += filtered.len();
    }
    assert_eq!(counted, of_type(&resources, "AWS::Logs::MetricFilter").count(), "a filter is for neither");
}

#[test]
fn every_alarm_value_raises_an_alarm() {
    let resources = resources();
    let raised: BTreeSet<_> = of_type(&resources, "AWS::CloudWatch::Alarm")
        .filter(|(_, lines)| value(lines, "Namespace: ") == Some("!Ref \"AWS::StackName\""))
        .map(|(name, lines)| {
            assert_eq!(value(lines, "Statistic: "), Some("Sum"), "{name}");
            assert_eq!(value(lines, "Threshold: "), Some("0"), "{name}");
            assert_eq!(value(lines, "ComparisonOperator: "), Some("GreaterThanThreshold"), "{name}");
            value(lines, "MetricName: ").unwrap().to_owned()
        })
        .collect();
    assert_eq!(raised, filtered(&resources, "alarm").into_values().collect());
    for (name, lines) in of_type(&resources, "AWS::CloudWatch::Alarm") {
        assert!(lines.iter().any(|line| line.starts_with("AlarmActions: !If [HasAlarmTopic,")), "{name}");
    }
}

#[test]
fn every_queue_has_a_dead_letter_queue_with_an_alarm() {
    let resources = resources();
    let queues = of_type(&resources, "AWS::SQS::Queue").map(|(name, _)| name);
    let (dead, alive): (Vec<_>, Vec<_>) = queues.partition(|name| name.ends_with("DeadLetters"));
    assert_eq!(alive.len(), 4);
    for queue in alive {
        let letters = format!("!GetAtt {queue}DeadLetters");
        assert!(dead.contains(&format!("{queue}DeadLetters").as_str()), "{queue}");
        assert!(value(&resources[queue], "deadLetterTargetArn: ").unwrap().starts_with(&letters), "{queue}");
        let alarm = &resources[&format!("{queue}Alarm")];
        assert!(alarm.iter().any(|line| line.contains(&format!("{letters}.QueueName"))), "{queue}");
    }
}

/// The lines of one event of a function.
fn event<'l>(function: &'l [String], name: &str) -> &'l [String] {
    let from = function.iter().position(|line| *line == format!("{name}:")).unwrap();
    let rest = &function[from + 1..];
    // The next event starts with its name and type.
    let next = rest.windows(2).position(|two| two[0].ends_with(':') && two[1].starts_with("Type: "));
    &rest[..next.unwrap_or(rest.len())]
}

#[test]
fn poison_record_does_not_block_the_stream() {
    let resources = resources();
    let owed = event(&resources["WebhookSenderFunction"], "Owed");
    assert_eq!(owed[0], "Type: DynamoDB");
    assert_eq!(value(owed, "BisectBatchOnFunctionError: "), Some("true"));
    let retries: u32 = value(owed, "MaximumRetryAttempts: ").unwrap().parse().unwrap();
    assert!((1..=10).contains(&retries), "{retries}: the default is for ever");
    let kept =
        "DestinationConfig: { OnFailure: { Type: SQS, Destination: !GetAtt WebhooksQueueDeadLetters.Arn } }";
    assert!(owed.iter().any(|line| line == kept), "{owed:?}");
    assert_eq!(value(owed, "FunctionResponseTypes: "), Some("[ReportBatchItemFailures]"));
}

#[test]
fn slow_message_delays_no_other() {
    let resources = resources();
    let queues = [
        ("ImageWorkerFunction", "High"),
        ("ImageWorkerFunction", "Normal"),
        ("ImageWorkerFunction", "Low"),
        ("WebhookSenderFunction", "Due"),
    ];
    let all = resources.values().flatten().filter(|line| *line == "Type: SQS").count();
    assert_eq!(all, queues.len(), "another function takes messages");
    for (function, name) in queues {
        let event = event(&resources[function], name);
        assert_eq!(event[0], "Type: SQS", "{function} {name}");
        assert_eq!(value(event, "BatchSize: "), Some("1"), "{function} {name}");
        assert_eq!(
            value(event, "FunctionResponseTypes: "),
            Some("[ReportBatchItemFailures]"),
            "{function} {name}"
        );
        assert!(event.iter().any(|line| line.contains("MaximumConcurrency: ")), "{function} {name}");
    }
}

/// The row key prefixes that a role is limited to, by action.
#[test]
fn role_limited_to_some_rows_has_a_condition_on_their_keys() {
    let resources = resources();
    let mut bound = Vec::new();
    for (name, lines) in of_type(&resources, "AWS::IAM::Role") {
        for statement in lines.split(|line| line == "- Effect: Allow").skip(1) {
            let Some(condition) = statement.iter().find(|line| line.starts_with("Condition: ")) else {
                continue;
            };
            let part = |key: &str| value(statement, key).unwrap().to_owned();
            bound.push((name, part("Action: "), part("Resource: "), condition.clone()));
        }
    }
    let only = |operator: &str, keys: &str| {
        format!(r#"Condition: {{ "ForAllValues:{operator}": {{ "dynamodb:LeadingKeys": [{keys}] }} }}"#)
    };
    let (providers, deprecations) = (aws::keys::PROVIDERS, aws::keys::DEPRECATIONS);
    let clients = aws::keys::client_partition(&"acme".parse().unwrap()).replace("acme", "*");
    let update = "[dynamodb:UpdateItem]".to_owned();
    let query = "[dynamodb:Query]".to_owned();
    let lines = format!("\"{}*\"", aws::keys::LINE);
    // The first of its actions: `value` ends at a comma.
    let take = "[dynamodb:DeleteItem".to_owned();
    let get = "[dynamodb:GetItem".to_owned();
    let caller = Caller::Key(domain::KeyId::new());
    let record = aws::keys::idempotency_partition(&IdempotencyKey::new(caller, "k").unwrap());
    let records = format!("\"{}#*\"", record.split_once('#').unwrap().0);
    let contents = aws::keys::addon_contents(uuid::Uuid::nil());
    let contents = format!("\"{}#*\"", contents.split_once('#').unwrap().0);
    assert_eq!(
        bound,
        [
            (
                "AddonsGetRole",
                get,
                "!GetAtt AddonsTable.Arn".to_owned(),
                only("StringLike", &format!("{}, {contents}", aws::keys::ADDONS)),
            ),
            (
                "AdminAddonsRole",
                update.clone(),
                "!GetAtt JobsTable.Arn".to_owned(),
                only("StringLike", &records)
            ),
            (
                "AdminWebhookSecretRole",
                update,
                "!GetAtt AccessTable.Arn".to_owned(),
                only("StringLike", &format!("\"{clients}\"")),
            ),
            (
                "HealthRole",
                query,
                "!GetAtt JobsTable.Arn".to_owned(),
                only("StringEquals", &format!("{providers}, {deprecations}")),
            ),
            ("WebhookSenderRole", take, "!GetAtt JobsTable.Arn".to_owned(), only("StringLike", &lines),),
        ]
    );
}

#[test]
fn cache_of_addons_tells_apart_whatever_an_answer_depends_on() {
    let document: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(workspace().join("docs/openapi.json")).unwrap()).unwrap();
    let parameter = |one: &serde_json::Value| {
        let shared = one["$ref"].as_str().and_then(|name| document.pointer(name.strip_prefix('#').unwrap()));
        let one = shared.unwrap_or(one);
        let text = |field: &str| one[field].as_str().unwrap().to_owned();
        (text("in"), text("name"))
    };
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/addons"));
    let parameters: BTreeSet<_> =
        paths.filter_map(|(_, path)| path["get"]["parameters"].as_array()).flatten().map(parameter).collect();
    let names = |place: &str| -> BTreeSet<String> {
        parameters.iter().filter(|(at, _)| at == place).map(|(_, name)| name.to_lowercase()).collect()
    };
    let resources = resources();
    let policy = &resources["AddonsCachePolicy"];
    let list = |key: &str| -> BTreeSet<String> {
        let line = policy.iter().find_map(|line| line.split_once(key)).unwrap().1;
        let list = line.split_once('[').unwrap().1.split_once(']').unwrap().0;
        list.split(", ").map(str::to_lowercase).collect()
    };
    let cached = list("QueryStrings:");
    assert!(names("query").is_subset(&cached), "{:?} {cached:?}", names("query"));
    assert!(["version", "minified", "targetdomain"].iter().all(|name| cached.contains(*name)));
    assert_eq!(list(" Headers:"), BTreeSet::from(["x-target-domain".to_owned()]));
    for line in ["EnableAcceptEncodingBrotli: true", "EnableAcceptEncodingGzip: true", "MaxTTL: 60"] {
        assert!(policy.iter().any(|own| own == line), "{line}");
    }
    let distribution = &resources["AddonsDistribution"];
    assert!(distribution.iter().any(|line| line == "CachedMethods: [GET, HEAD]"));
}
