//! Whatever an event holds, the answer is ours: the whole way from the payload to the serialized reply.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Error;
use domain::jobs::WebhookUrlPolicy::HttpsOnly;
use http::StatusCode;
use lambda_runtime::{Context, LambdaEvent};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::Memory;

use crate::api::images::generate::tests::any_json;
use crate::http::cors::Origins;
use crate::http::routes::{ROUTES, Route};
use crate::http::serve::invoke;
use crate::http::{Answer, Middleware, Request};

/// A handler that reads every part of a request.
async fn handle(request: Request) -> Result<Answer, Error> {
    let _ = crate::http::prefer::wait(&request.headers);
    let parameters: Vec<_> = ["jobId", "keyId", "batchId"].map(|name| request.path_parameter(name)).into();
    let read = match request.route.path {
        "/images/jobs" => crate::api::images::list::parse(|name| request.query(name)).map(drop),
        "/images/batch" => crate::api::images::batch::parse(&request.body, HttpsOnly).map(drop),
        "/chat/new" => crate::api::chat::parse(&request.body, HttpsOnly).map(drop),
        _ if request.route.method == "POST" => {
            crate::api::images::generate::parse(&request.body, HttpsOnly).map(drop)
        }
        _ => crate::api::chat::page(&request).map(drop),
    };
    let read = if request.caller.is_some() { request.with_header_faults(read) } else { read };
    read?;
    let answer =
        Answer::json(StatusCode::OK, &json!({"parameters": parameters, "print": request.fingerprint()}))?;
    Ok(crate::http::etag::conditional(answer, &request.headers))
}

/// Sends `payload` through everything that Lambda's runtime calls, and checks what it gets.
fn checked(route: &Route, payload: &str) -> Value {
    let store = Memory::new();
    store.put_key(testkit::sample_key());
    let middleware = match route.limit {
        Some(_) => Middleware::new(&store, &store, &store, Origins::any()),
        None => Middleware::public(),
    };
    let event = LambdaEvent::new(serde_json::from_str(payload).unwrap(), Context::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let reply = runtime.block_on(invoke(event, route.function, &middleware, handle));
    let reply = serde_json::to_value(reply).unwrap();

    let status = reply["statusCode"].as_u64().unwrap();
    assert!((200..500).contains(&status), "{status} to {payload}");
    let headers = reply["headers"].as_object().unwrap();
    assert!(headers["vary"].as_str().unwrap().contains("Origin") && headers.contains_key("x-trace-id"));
    let body = reply["body"].as_str().unwrap();
    let body = if reply["isBase64Encoded"] == true {
        String::from_utf8(STANDARD.decode(body).unwrap()).unwrap()
    } else {
        body.to_owned()
    };
    // A response to HEAD has no body; no other error lacks the envelope.
    if status >= 400 && !body.is_empty() {
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(body["error"]["code"].is_string(), "{payload}");
        assert_eq!(body["error"]["traceId"], headers["x-trace-id"]);
    }
    assert!(status < 400 || !body.is_empty() || payload.contains("HEAD"), "{payload}");
    reply
}

fn whole(route: &Route) -> Value {
    let path = format!("/api/v1{}", route.path);
    json!({
        "version": "2.0", "routeKey": "ANY /x", "rawPath": path, "rawQueryString": "limit=5&status=failed",
        "headers": {
            "host": "api.example.com", "x-forwarded-proto": "https", "x-api-key": testkit::SAMPLE_KEY,
            "origin": "https://a.example", "prefer": "wait=5", "idempotency-key": "a", "if-none-match": "\"a\"",
        },
        "requestContext": {"http": {"method": route.method, "path": path, "sourceIp": "203.0.113.7"}},
        "pathParameters": {"jobId": "0190b8a0-0000-7000-8000-00000000000a"},
        "body": r#"{"userId":"0190b8a0-0000-7000-8000-000000000001","prompt":"p"}"#,
        "isBase64Encoded": false,
    })
}

const PARTS: [&str; 19] = [
    "/rawPath",
    "/rawQueryString",
    "/headers",
    "/headers/host",
    "/headers/x-forwarded-proto",
    "/headers/x-api-key",
    "/headers/origin",
    "/headers/prefer",
    "/headers/idempotency-key",
    "/headers/if-none-match",
    "/requestContext",
    "/requestContext/http",
    "/requestContext/http/method",
    "/requestContext/http/path",
    "/requestContext/http/sourceIp",
    "/pathParameters",
    "/pathParameters/jobId",
    "/body",
    "/isBase64Encoded",
];

fn any_route() -> impl Strategy<Value = &'static Route> {
    (0..ROUTES.len()).prop_map(|index| &ROUTES[index])
}

/// Texts that crates for HTTP refuse, among others.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\x00-\\x7f]{0,12}",
        ".{0,12}",
        "(\"|<|>|\\^|`|\\{|\\}|\\||\\\\|%|%2|%zz|%00|%ff|\\.\\./|\\?|#|&|=|;| |é|\u{feff}){0,12}",
        "(GET|HEAD|OPTIONS|POST|PURGE|get|G T)",
        "(Bearer |sk_|wait=|W/|\\*|\"){0,4}.{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_in_an_event_gets_an_answer_of_ours(
        route in any_route(), part in prop::sample::select(&PARTS[..]), text in any_text(), first in any_text(),
    ) {
        let mut event = whole(route);
        *event.pointer_mut(part).unwrap() = text.clone().into();
        checked(route, &event.to_string());
        if let Some(list) = event.pointer_mut("/headers").and_then(Value::as_object_mut) {
            list.insert(first, text.into());
        }
        checked(route, &event.to_string());
    }

    #[test]
    fn any_value_in_an_event_gets_an_answer_of_ours(
        route in any_route(), part in prop::sample::select(&PARTS[..]), value in any_json(), missing: bool,
    ) {
        let mut event = whole(route);
        if missing {
            let (outer, name) = part.rsplit_once('/').unwrap();
            event.pointer_mut(outer).unwrap().as_object_mut().unwrap().remove(name);
        } else {
            *event.pointer_mut(part).unwrap() = value;
        }
        checked(route, &event.to_string());
    }

    #[test]
    fn any_payload_gets_an_answer_of_ours(route in any_route(), payload in any_json()) {
        checked(route, &payload.to_string());
    }
}

#[test]
fn raw_characters_in_a_query_get_the_answer_of_any_other_query() {
    let route = ROUTES.iter().find(|route| route.path == "/images/jobs").unwrap();
    for query in ["x=\"", "x=<a>", "x=%", "\"", "x=^`{|}\\", "x= y", "x=é"] {
        let mut event = whole(route);
        event["rawQueryString"] = query.into();
        assert_eq!(checked(route, &event.to_string())["statusCode"], 200, "{query}");
        event["rawQueryString"] = format!("limit=0&{query}").into();
        assert_eq!(checked(route, &event.to_string())["statusCode"], 400, "{query}");
    }
}

#[test]
fn half_a_character_in_an_event_gets_an_answer_of_ours() {
    for route in ROUTES {
        let whole = whole(route).to_string();
        for (from, to) in [
            (r#"\"p\"}"#, r#"\"\ud83d\"}"#),
            ("\"limit=5", "\"limit=\\ud83d"),
            ("\"host\"", "\"\\ud83d\""),
            ("\"wait=5\"", "\"\\ude00\""),
            ("\"rawPath\":\"", "\"rawPath\":\"\\ud83d"),
            ("\"version\"", "\"\\ud83d\""),
        ] {
            checked(route, &whole.replace(from, to));
        }
    }
    checked(&ROUTES[0], &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
}
