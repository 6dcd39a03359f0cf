//! What a body may hold, and the faults that are told.

use super::*;
use serde_json::json;

fn faults(body: &Value, publishing: Publishing) -> Vec<String> {
    match parse(body.to_string().as_bytes(), publishing) {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(faults) | Error::InvalidVersion(faults)) => {
            faults.into_iter().map(|fault| fault.path).collect()
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn smallest() -> Value {
    json!({"name": "n", "type": "content_script", "content": "f()", "version": "1.0.0"})
}

#[test]
fn smallest_body_gets_defaults() {
    let body = parse(smallest().to_string().as_bytes(), Publishing::Addon).unwrap();
    assert_eq!((body.id, body.status, body.content.as_str()), (None, AddonStatus::Active, "f()"));
    assert_eq!((body.domain_patterns, body.dependencies, body.config), (None, None, None));
    let version = json!({"content": "", "version": "1.0.0-rc.1", "addonId": 7});
    let version = parse(version.to_string().as_bytes(), Publishing::Version).unwrap();
    assert_eq!((version.name, version.kind, version.id), (None, None, None));
}

#[test]
fn every_fault_is_named() {
    let rule = json!({
        "priority": 0.5, "domains": ["example.com", "*://"], "urlPatterns": [], "excludePatterns": [7],
        "runAt": "never", "allFrames": 1,
        "conditions": [{"type": "moon", "operator": "is", "value": []}, 1],
    });
    let body = json!({
        "addonId": "keys", "name": "", "description": "d".repeat(501), "type": "script", "content": 1,
        "version": "1.0", "status": "on", "author": "", "domainPatterns": "example.com",
        "injectionRules": [rule], "dependencies": [{"version": "latest", "optional": "no"}],
        "config": {"minBrowserVersion": 120, "requiredPermissions": "tabs"},
    });
    let expected = [
        "addonId",
        "name",
        "description",
        "type",
        "content",
        "version",
        "status",
        "author",
        "domainPatterns",
        "injectionRules[0].id",
        "injectionRules[0].priority",
        "injectionRules[0].urlPatterns",
        "injectionRules[0].excludePatterns[0]",
        "injectionRules[0].runAt",
        "injectionRules[0].allFrames",
        "injectionRules[0].conditions[0].type",
        "injectionRules[0].conditions[0].operator",
        "injectionRules[0].conditions[0].value",
        "injectionRules[0].conditions[1]",
        "dependencies[0].addonId",
        "dependencies[0].version",
        "dependencies[0].optional",
        "config.minBrowserVersion",
        "config.requiredPermissions",
        "injectionRules[0].domains[1]",
    ];
    assert_eq!(faults(&body, Publishing::Addon), expected);
    assert_eq!(faults(&json!({}), Publishing::Addon), ["name", "type", "content", "version"]);
    assert_eq!(faults(&json!({}), Publishing::Version), ["content", "version"]);
}

#[test]
fn versions_and_ranges_have_a_code_of_their_own() {
    let with = |version: &str, range: &str| {
        let mut body = smallest();
        body["version"] = json!(version);
        body["dependencies"] = json!([{"addonId": "a", "version": range}]);
        body
    };
    let long = format!("1.0.0-{}", "x".repeat(VERSION_LIMIT));
    for (body, paths) in [
        (with("1.0.0+build", "^1"), &["version"][..]),
        (with(&long, "^1"), &["version"]),
        (with("1.0.0", ">1,<2"), &["dependencies[0].version"]),
        (with("v1.0.0", "latest"), &["version", "dependencies[0].version"]),
    ] {
        assert!(matches!(
            parse(body.to_string().as_bytes(), Publishing::Addon),
            Err(Error::InvalidVersion(_))
        ));
        assert_eq!(faults(&body, Publishing::Addon), paths);
    }
    let mut both = with("1", "^1");
    both["name"] = json!("");
    assert!(matches!(parse(both.to_string().as_bytes(), Publishing::Addon), Err(Error::Invalid(_))));
    assert!(faults(&with("1.0.0", ">=1.2 <2 || 3"), Publishing::Addon).is_empty());
}

#[test]
fn content_over_its_limit_is_too_large() {
    let mut body = smallest();
    body["content"] = json!("é".repeat(CONTENT_LIMIT / 2));
    assert!(faults(&body, Publishing::Addon).is_empty());
    body["content"] = json!("é".repeat(CONTENT_LIMIT / 2 + 1));
    let limit = CONTENT_LIMIT;
    let outcome = parse(body.to_string().as_bytes(), Publishing::Addon);
    assert!(matches!(outcome, Err(Error::TooLarge { limit: found }) if found == limit));
}

#[test]
fn patterns_are_checked_by_the_rules_of_the_browser() {
    let mut body = smallest();
    body["domainPatterns"] = json!(["example.com", "*://h:8080/*"]);
    assert_eq!(faults(&body, Publishing::Addon), ["domainPatterns[1]"]);
}

#[test]
fn faults_of_lists_keep_their_places() {
    let rule =
        |domain: &str| json!({"id": "r", "priority": 0, "domains": [domain], "runAt": "document_idle"});
    let body = json!({
        "name": "n", "type": "content_script", "content": "", "version": "1.0.0",
        "domainPatterns": ["", "bad:", "a.example"],
        "injectionRules": [1, rule("a.example"), {"domains": ["bad:"]}],
    });
    assert_eq!(
        faults(&body, Publishing::Addon),
        [
            "domainPatterns[0]",
            "injectionRules[0]",
            "injectionRules[2].id",
            "injectionRules[2].priority",
            "injectionRules[2].runAt",
            "domainPatterns[1]",
            "injectionRules[2].domains[0]",
        ]
    );
}
