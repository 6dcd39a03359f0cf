//! Rate limits, exactly as in the contract.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws::keys;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::access::{ApiKey, Caller, Endpoint};
use futures_util::future::join_all;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response};
use semantest_tests::cloud::Cloud;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::Round;
use crate::command_line::make_key;

const ALL: [&str; 4] = ["chat", "images:write", "images:read", "keys:admin"];

/// A key of a new client.
fn new_key(cloud: &Cloud, scopes: &[&str]) -> String {
    make_key(cloud, &format!("limits-{}", Uuid::new_v4().simple()), scopes)
}

fn call(cloud: &Cloud, key: &str, method: Method, path: &str) -> RequestBuilder {
    cloud.http.request(method, format!("{}/api/v1{path}", cloud.url)).header("x-api-key", key)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

fn number(headers: &HeaderMap, name: &str) -> u64 {
    text(headers, name).parse().unwrap()
}

/// How many requests are in flight at the same time. More would only test how many function processes this
/// machine can start at once.
const RACING: usize = 32;

/// Sends all requests, [`RACING`] at a time; returns the responses and the maximum number in flight.
async fn race(requests: Vec<RequestBuilder>) -> (Vec<Response>, usize) {
    let places = Arc::new(Semaphore::new(RACING));
    let (in_flight, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let sent = requests.into_iter().map(|request| {
        let (in_flight, most, places) = (Arc::clone(&in_flight), Arc::clone(&most), Arc::clone(&places));
        tokio::spawn(async move {
            let _place = places.acquire().await.unwrap();
            most.fetch_max(in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let answer = request.send().await.unwrap();
            in_flight.fetch_sub(1, Ordering::SeqCst);
            answer
        })
    });
    let answers = join_all(sent.collect::<Vec<_>>()).await;
    (answers.into_iter().map(Result::unwrap).collect(), most.load(Ordering::SeqCst))
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("every_endpoint_reports_the_rate_limit_of_the_contract", |cloud| async move {
        let key = new_key(&cloud, &ALL);
        let id = Uuid::new_v4();
        for (method, path, limit) in [
            (Method::POST, "/chat/new".to_owned(), 10),
            (Method::POST, "/images/generate".to_owned(), 30),
            (Method::POST, "/images/batch".to_owned(), 5),
            (Method::GET, format!("/images/status/{id}"), 120),
            (Method::GET, format!("/images/batch/{id}/status"), 120),
            (Method::GET, "/images/jobs".to_owned(), 120),
            (Method::DELETE, format!("/images/cancel/{id}"), 30),
            (Method::POST, "/admin/keys/%05/rotate".to_owned(), 30),
            (Method::POST, "/auth/token".to_owned(), 30),
            (Method::GET, format!("/chat/{id}"), 120),
            (Method::GET, "/nothing/here".to_owned(), 120),
        ] {
            let answer = call(&cloud, &key, method.clone(), &path).body("{").send().await.unwrap();
            let headers = answer.headers();
            let own = (number(headers, "x-ratelimit-limit"), answer.status().is_server_error());
            assert_eq!(own, (limit, false), "{method} {path}");
            if path.starts_with("/chat/0")
                || path.starts_with(&format!("/chat/{id}"))
                || path == "/nothing/here"
            {
                // Both count as any other endpoint.
                assert!(number(headers, "x-ratelimit-remaining") >= limit - 2, "{path}");
            } else {
                assert_eq!(number(headers, "x-ratelimit-remaining"), limit - 1, "{path}");
            }
            assert!(text(headers, "x-ratelimit-reset").ends_with('Z'));
            assert!(text(headers, "ratelimit-policy").ends_with(&format!("\";q={limit};w=60")));
            assert!(text(headers, "ratelimit").contains(";r="));
        }
    });

    round.test("rate_limit_counts_invalid_bodies_but_not_401_or_403", |cloud| async move {
        let reader = new_key(&cloud, &["images:read"]);
        for _ in 0..3 {
            let answer =
                call(&cloud, &reader, Method::POST, "/images/generate").body("{").send().await.unwrap();
            assert_eq!(answer.status(), 403);
            assert!(!answer.headers().contains_key("x-ratelimit-limit"));
        }
        let chatter = new_key(&cloud, &["chat"]);
        let drawing = json!({"userId": Uuid::new_v4(), "prompt": "a kite", "imageGeneration": {}});
        let answer = call(&cloud, &chatter, Method::POST, "/chat/new").json(&drawing).send().await.unwrap();
        assert_eq!(answer.status(), 403);
        assert!(!answer.headers().contains_key("x-ratelimit-limit"));
        let mut wrong = reader.clone();
        let last = if wrong.pop() == Some('A') { 'B' } else { 'A' };
        wrong.push(last);
        let answer = call(&cloud, &wrong, Method::GET, "/images/jobs").send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(!answer.headers().contains_key("x-ratelimit-limit"));

        let writer = new_key(&cloud, &["images:write"]);
        for left in (27..30).rev() {
            let answer =
                call(&cloud, &writer, Method::POST, "/images/generate").body("{").send().await.unwrap();
            assert_eq!(answer.status(), 400);
            assert_eq!(number(answer.headers(), "x-ratelimit-remaining"), left);
        }
        let large = vec![b' '; 300 * 1024];
        let answer =
            call(&cloud, &writer, Method::POST, "/images/generate").body(large).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), number(answer.headers(), "x-ratelimit-remaining")), (413, 26));
    });

    round.test("each_caller_has_its_own_rate_limit_window", |cloud| async move {
        let client = format!("limits-{}", Uuid::new_v4().simple());
        let (one, other) =
            (make_key(&cloud, &client, &["images:read"]), make_key(&cloud, &client, &["images:read"]));
        for key in [&one, &other] {
            let answer = call(&cloud, key, Method::GET, "/images/jobs").send().await.unwrap();
            assert_eq!(number(answer.headers(), "x-ratelimit-remaining"), 119);
        }
    });

    round.test("rate_limit_without_a_credential_is_per_address", |cloud| async move {
        let get = |path: &str| cloud.http.get(format!("{}/api/v1{path}", cloud.url)).send();
        let first = get("/no/such/path").await.unwrap();
        assert_eq!((first.status().as_u16(), number(first.headers(), "x-ratelimit-limit")), (404, 120));
        let second = get("/another").await.unwrap();
        let of = |answer: &Response| number(answer.headers(), "x-ratelimit-remaining");
        assert!(of(&second) < of(&first) || of(&second) == 119, "the same address, the same window");
        for path in ["/health", "/docs", "/openapi.json"] {
            let free = get(path).await.unwrap();
            assert!(free.status().is_success(), "{path}");
            assert!(!free.headers().contains_key("x-ratelimit-limit"), "{path}");
        }
    });
}

/// Moves the caller's rate limit window for images into the past, as if this many seconds had passed.
async fn pass(cloud: &Cloud, key: &str, seconds: u64) {
    let caller = Caller::Key(key.parse::<ApiKey>().unwrap().id());
    let row = keys::limit_partition(&caller, Endpoint::ImagesGenerate);
    let update = cloud.dynamodb.update_item().table_name(cloud.output("LimitsTable"));
    update
        .key("pk", AttributeValue::S(row))
        .update_expression("SET endsAt = endsAt - :passed")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":passed", AttributeValue::N((seconds * 1000).to_string()))
        .send()
        .await
        .unwrap();
}

/// Tests that break the cloud or must be alone in it.
pub(crate) fn alone(round: &mut Round<'_>) {
    round.test("racing_requests_pass_exactly_up_to_the_rate_limit", |cloud| async move {
        let key = new_key(&cloud, &["images:write"]);
        let body = json!({"userId": Uuid::new_v4(), "prompt": "a kite", "size": "256x256"});
        let many = |count: usize| -> Vec<_> {
            (0..count).map(|_| call(&cloud, &key, Method::POST, "/images/generate").json(&body)).collect()
        };
        let (answers, most) = race(many(200)).await;
        assert!(most > 20, "only {most} raced");
        let (passed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status() == 202);
        assert_eq!((passed.len(), refused.len()), (30, 170));
        let mut remaining: Vec<_> =
            passed.iter().map(|answer| number(answer.headers(), "x-ratelimit-remaining")).collect();
        remaining.sort_unstable();
        assert_eq!(remaining, (0..30).collect::<Vec<_>>(), "each one counted once");
        let resets: std::collections::BTreeSet<_> =
            answers.iter().map(|answer| text(answer.headers(), "x-ratelimit-reset").to_owned()).collect();
        assert_eq!(resets.len(), 1, "all of one window");
        for answer in &refused {
            assert_eq!(answer.status(), 429);
            assert!((1..=60).contains(&number(answer.headers(), "retry-after")));
            assert_eq!(number(answer.headers(), "x-ratelimit-remaining"), 0);
        }

        let last = call(&cloud, &key, Method::POST, "/images/generate").json(&body).send().await.unwrap();
        let retry_after = number(last.headers(), "retry-after");
        let error: Value = last.json().await.unwrap();
        assert_eq!(error["error"]["code"], "RATE_LIMITED");
        pass(&cloud, &key, retry_after).await;
        let (answers, _) = race(many(60)).await;
        let passed = answers.iter().filter(|answer| answer.status() == 202).count();
        assert_eq!(passed, 30, "after the time it was told, a whole window is there again");
    });

    round.test("missing_limits_table_gives_503", |cloud| async move {
        use aws_sdk_dynamodb::types::{
            AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        };
        let table = cloud.output("LimitsTable");
        cloud.dynamodb.delete_table().table_name(table).send().await.unwrap();
        let answer = cloud.api(Method::GET, "/images/jobs").send().await.unwrap();
        let (status, retry_after) = (answer.status(), answer.headers().contains_key("retry-after"));
        let error: Value = answer.json().await.unwrap();
        let pk = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
        cloud
            .dynamodb
            .create_table()
            .table_name(table)
            .attribute_definitions(pk.build().unwrap())
            .key_schema(key.build().unwrap())
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .unwrap();
        assert_eq!((status.as_u16(), retry_after), (503, true));
        assert_eq!(error["error"]["code"], "SERVICE_UNAVAILABLE");
        assert!(!error.to_string().contains(table), "{error}");
        assert_eq!(cloud.api(Method::GET, "/images/jobs").send().await.unwrap().status(), 200);
    });
}
