//! Which callers see and redeliver which webhooks, and how endpoints are enabled.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::access::{Principal, Scope};
use domain::error::Missing;
use domain::jobs::{WebhookEvent, WebhookUrlPolicy};
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryState, DeliveryStore, EndpointResponse, Outcome, TimeScale, WebhookEndpoint,
    WebhookEndpointStore as _,
};
use domain::{Error, Job, JobId, Timestamp, UserId, WebhookId};
use edge::http::{Answer, Request};
use images_webhooks::{Deps, handle};
use serde_json::{Value, json};
use testkit::Memory;

const LIST: (&str, &str) = ("GET", "/images/status/{jobId}/webhooks");
const REDELIVER: (&str, &str) = ("POST", "/images/status/{jobId}/webhooks/{webhookId}/redeliver");
const RANGE: (&str, &str) = ("POST", "/webhooks/redeliver");
const ENABLE: (&str, &str) = ("POST", "/webhooks/enable");
const DISABLED: (&str, &str) = ("GET", "/webhooks/disabled");
const DAY: Duration = Duration::from_secs(24 * 3600);

fn by(client: &str) -> Principal {
    testkit::principal(client, &[Scope::ImagesRead, Scope::ImagesWrite])
}

fn request(caller: Principal, (method, path): (&str, &str), body: &Value) -> Request {
    Request::by(caller, "images-webhooks", method, body.to_string()).on(path)
}

async fn ask(store: &Memory, request: Request) -> Result<Answer, Error> {
    let deps = Deps {
        jobs: store,
        batches: store,
        deliveries: store,
        list: store,
        endpoints: store,
        queue: store,
        webhook_url_policy: WebhookUrlPolicy::HttpsOnly,
    };
    handle(&deps, request).await
}

fn json_of(answer: Result<Answer, Error>, status: u16) -> Value {
    let answer = answer.unwrap();
    assert_eq!(answer.status.as_u16(), status);
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Stores a delivery of `job` in this state.
fn stored_delivery(store: &Memory, job: &Job, event: WebhookEvent, state: DeliveryState) -> Delivery {
    let mut delivery = job.delivery(event, Timestamp::now()).unwrap();
    delivery.revision = 1;
    delivery.state = state;
    if state != DeliveryState::Pending {
        delivery.due_at = None;
    }
    store.put_delivery(&delivery);
    delivery
}

fn stored_job(store: &Memory) -> Job {
    let job = testkit::job("p", Timestamp::now());
    store.put_job(&job);
    job
}

fn current(store: &Memory, id: WebhookId) -> Delivery {
    store.deliveries().into_iter().find(|delivery| delivery.id == id).unwrap()
}

async fn redeliver(store: &Memory, caller: Principal, job: &Job, webhook: &str) -> Result<Answer, Error> {
    let request = request(caller, REDELIVER, &json!({}));
    ask(store, request.at("jobId", &job.id.to_string()).at("webhookId", webhook)).await
}

#[tokio::test]
async fn list_shows_attempts_and_next_attempt() {
    let store = Memory::new();
    let job = stored_job(&store);
    let mut failed = stored_delivery(&store, &job, WebhookEvent::Queued, DeliveryState::Pending);
    let lease = Lease { id: LeaseId::new(), until: Timestamp::now() + DAY };
    failed.begin_attempt(lease, Timestamp::now(), TimeScale::REAL, 0.5);
    store.put_delivery(&failed);
    let unattempted = stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::Pending);

    let list = request(by("acme"), LIST, &json!({})).at("jobId", &job.id.to_string());
    let listed = json_of(ask(&store, list).await, 200);
    let [first, second] = &listed["attempts"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!(first["webhookId"], json!(failed.id));
    assert_eq!((&first["attempt"], &first["state"]), (&json!(1), &json!("pending")));
    assert_eq!(first.get("nextAttemptAt"), None, "its attempt is under way");
    assert_eq!((&second["webhookId"], &second["event"]), (&json!(unattempted.id), &json!("job.completed")));
    assert_eq!(second["attempt"], 0);
    assert!(second["nextAttemptAt"].is_string());
}

#[tokio::test]
async fn other_callers_cannot_list_or_redeliver() {
    let store = Memory::new();
    let job = stored_job(&store);
    let delivery = stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::GivenUp);
    let strangers = [by("apex"), Principal { user: Some(UserId::new()), ..by("acme") }];
    for stranger in strangers {
        let list = request(stranger.clone(), LIST, &json!({})).at("jobId", &job.id.to_string());
        assert!(matches!(ask(&store, list).await, Err(Error::NotFound(Missing::Job))));
        let refused = redeliver(&store, stranger, &job, &delivery.id.to_string()).await;
        assert!(matches!(refused, Err(Error::NotFound(Missing::Job))));
    }
    let of_the_user = Principal { user: Some(job.user_id), ..by("acme") };
    json_of(redeliver(&store, of_the_user, &job, &delivery.id.to_string()).await, 202);
}

#[tokio::test]
async fn redeliver_works_in_every_state() {
    for state in [DeliveryState::Delivered, DeliveryState::GivenUp, DeliveryState::Pending] {
        let store = Memory::new();
        let job = stored_job(&store);
        let delivery = stored_delivery(&store, &job, WebhookEvent::Completed, state);
        let answer = redeliver(&store, by("acme"), &job, &delivery.id.to_string()).await;
        assert_eq!(json_of(answer, 202), json!({"webhookId": delivery.id}));
        let again = current(&store, delivery.id);
        assert_eq!(again.state, DeliveryState::Pending, "{state:?}");
        assert!(again.due_at.is_some(), "the sweeper finds it if the message is lost");
        assert_eq!(store.sent().len(), 1);
    }
}

#[tokio::test]
async fn redeliver_during_attempt_is_recorded_and_counted() {
    let store = Memory::new();
    let job = stored_job(&store);
    let mut delivery = stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::Pending);
    let lease = Lease { id: LeaseId::new(), until: Timestamp::now() + DAY };
    delivery.begin_attempt(lease, Timestamp::now(), TimeScale::REAL, 0.5);
    store.put_delivery(&delivery);
    json_of(redeliver(&store, by("acme"), &job, &delivery.id.to_string()).await, 202);
    let recorded = current(&store, delivery.id);
    assert_eq!((recorded.redeliver_requested, recorded.lease, store.sent().len()), (true, delivery.lease, 0));
    let (since, until) = (Timestamp::now() - DAY, Timestamp::now() + DAY);
    let all = json!({"since": since.to_string(), "until": until.to_string()});
    assert_eq!(json_of(ask(&store, request(by("acme"), RANGE, &all)).await, 202), json!({"count": 1}));
}

#[tokio::test]
async fn redeliver_unknown_webhook_is_not_found() {
    let store = Memory::new();
    let job = stored_job(&store);
    for id in [WebhookId::new().to_string(), "x".to_owned()] {
        let refused = redeliver(&store, by("acme"), &job, &id).await;
        assert!(matches!(refused, Err(Error::NotFound(Missing::Webhook))), "{refused:?}");
    }
}

#[tokio::test]
async fn redeliver_survives_conflict_and_queue_failure() {
    let store = Memory::new();
    let job = stored_job(&store);
    let delivery = stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::GivenUp);
    store.fail_next("save_delivery", StoreError::Conflict);
    store.fail_next("send_webhook", StoreError::Unavailable("down".into()));
    json_of(redeliver(&store, by("acme"), &job, &delivery.id.to_string()).await, 202);
    assert!(current(&store, delivery.id).due_at.is_some(), "the sweeper sends its message");
}

#[tokio::test]
async fn range_redelivers_own_webhooks_in_that_state() {
    let store = Memory::new();
    let (job, mut other) = (stored_job(&store), testkit::job("p", Timestamp::now()));
    other.client_id = "apex".parse().unwrap();
    store.put_job(&other);
    let failed = stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::GivenUp);
    let delivered = stored_delivery(&store, &job, WebhookEvent::Queued, DeliveryState::Delivered);
    let strangers = stored_delivery(&store, &other, WebhookEvent::Completed, DeliveryState::GivenUp);
    let around = |status: Option<&str>| {
        let (since, until) = (Timestamp::now() - DAY, Timestamp::now() + DAY);
        json!({"since": since.to_string(), "until": until.to_string(), "status": status})
    };
    let range = |body: Value| ask(&store, request(by("acme"), RANGE, &body));
    assert_eq!(json_of(range(around(Some("failed"))).await, 202), json!({"count": 1}));
    assert_eq!(current(&store, failed.id).state, DeliveryState::Pending);
    assert_eq!(json_of(range(around(Some("failed"))).await, 202), json!({"count": 0}));
    assert_eq!(json_of(range(around(None)).await, 202), json!({"count": 2}));
    assert_eq!(current(&store, delivered.id).state, DeliveryState::Pending);
    assert_eq!(current(&store, strangers.id), strangers);
    let before = json!({"since": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z"});
    assert_eq!(json_of(range(before).await, 202), json!({"count": 0}));
}

/// Requests the redelivery of all failed webhooks, and follows the cursors. Returns the count of each answer.
async fn redeliver_failed(store: &Memory, deadline: Timestamp) -> Vec<u64> {
    let (since, until) = (Timestamp::now() - DAY, Timestamp::now() + DAY);
    let mut body = json!({"since": since.to_string(), "until": until.to_string(), "status": "failed"});
    let mut counts = vec![];
    loop {
        let mut request = request(by("acme"), RANGE, &body);
        request.deadline = deadline;
        let done = json_of(ask(store, request).await, 202);
        counts.push(done["count"].as_u64().unwrap());
        match done.get("nextCursor") {
            Some(next) => body["cursor"] = next.clone(),
            None => return counts,
        }
    }
}

#[tokio::test]
async fn range_without_time_is_redelivered_one_by_one() {
    let store = Memory::new();
    let job = stored_job(&store);
    for _ in 0..120 {
        stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::GivenUp);
    }
    let counts = redeliver_failed(&store, Timestamp::now()).await;
    assert_eq!(counts.iter().sum::<u64>(), 120, "each webhook once");
    assert!(counts.len() >= 120, "each request does one: {counts:?}");
    assert!(store.deliveries().iter().all(|delivery| delivery.state == DeliveryState::Pending));
    assert_eq!(store.sent().len(), 120);
}

#[tokio::test]
async fn range_with_time_is_redelivered_at_once() {
    let store = Memory::new();
    let job = stored_job(&store);
    for _ in 0..250 {
        stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::GivenUp);
    }
    assert_eq!(redeliver_failed(&store, Timestamp::now() + DAY).await, [250]);
}

/// A store that loads this many webhooks and is then down.
struct DownAfter<'a>(&'a Memory, AtomicUsize);

#[async_trait]
impl DeliveryStore for DownAfter<'_> {
    async fn load_delivery(&self, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError> {
        let left = self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_err(|_| StoreError::Unavailable("down".into()))?;
        self.0.load_delivery(job, id).await
    }

    async fn save_delivery(&self, delivery: &mut Delivery) -> Result<(), StoreError> {
        self.0.save_delivery(delivery).await
    }
}

#[tokio::test]
async fn range_that_fails_midway_says_where_to_go_on() {
    let store = Memory::new();
    let job = stored_job(&store);
    for _ in 0..50 {
        stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::GivenUp);
    }
    store.make_unreadable(store.deliveries()[3].id);
    let range = |cursor: Value| {
        let (since, until) = (Timestamp::now() - DAY, Timestamp::now() + DAY);
        json!({"since": since.to_string(), "until": until.to_string(), "status": "failed", "cursor": cursor})
    };
    let ask_failing = async |body: &Value, loads: usize| {
        let failing = DownAfter(&store, AtomicUsize::new(loads));
        let deps = Deps {
            jobs: &store,
            batches: &store,
            deliveries: &failing,
            list: &store,
            endpoints: &store,
            queue: &store,
            webhook_url_policy: WebhookUrlPolicy::HttpsOnly,
        };
        handle(&deps, request(by("acme"), RANGE, body)).await
    };
    assert!(ask_failing(&range(json!(null)), 0).await.is_err(), "nothing is done");
    let first = json_of(ask_failing(&range(json!(null)), 20).await, 202);
    assert_eq!(first["count"], 19, "one of them cannot be read");
    let rest =
        json_of(ask(&store, request(by("acme"), RANGE, &range(first["nextCursor"].clone()))).await, 202);
    assert_eq!(rest, json!({"count": 30}));
    for cursor in ["", "x", "AAAA"] {
        let refused = ask(&store, request(by("acme"), RANGE, &range(json!(cursor)))).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{cursor}");
    }
}

#[tokio::test]
async fn list_of_large_attempts_comes_in_pages_below_6_mb() {
    let store = Memory::new();
    let job = stored_job(&store);
    let lease = Lease { id: LeaseId::new(), until: Timestamp::now() };
    // Control characters take seven bytes each in Lambda's response.
    let answer = EndpointResponse::new(500, None, &[1; 2000]);
    let outcome = Outcome { duration: Duration::ZERO, answer: Ok(answer) };
    for _ in 0..20 {
        let mut delivery = stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::Pending);
        for _ in 0..100 {
            delivery.redeliver(Timestamp::now());
            delivery.begin_attempt(lease, Timestamp::now(), TimeScale::REAL, 0.5);
            delivery.record_outcome(&outcome, false, Timestamp::now(), TimeScale::REAL, 0.5);
        }
        store.put_delivery(&delivery);
    }
    let (mut cursor, mut seen, mut pages) = (None::<String>, vec![], 0);
    loop {
        let list = request(by("acme"), LIST, &json!({})).at("jobId", &job.id.to_string());
        let list = match &cursor {
            Some(cursor) => list.asking("cursor", cursor),
            None => list,
        };
        let answer = ask(&store, list).await.unwrap();
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(serde_json::to_string(&body).unwrap().len() < 5_000_000, "{}", body.len());
        let page: Value = serde_json::from_str(&body).unwrap();
        seen.extend(
            page["attempts"].as_array().unwrap().iter().map(|attempt| attempt["webhookId"].to_string()),
        );
        pages += 1;
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert!(pages > 1);
    let expected = store.deliveries().into_iter().flat_map(|one| vec![json!(one.id).to_string(); 100]);
    assert_eq!(seen, expected.collect::<Vec<_>>(), "each attempt once, in order");

    let other = testkit::job("p", Timestamp::now());
    store.put_job(&other);
    for foreign in [cursor_of(&store), "x".to_owned()] {
        let list = request(by("acme"), LIST, &json!({})).at("jobId", &other.id.to_string());
        let refused = ask(&store, list.asking("cursor", &foreign)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{foreign}");
    }
}

/// A cursor of the first delivery's job.
fn cursor_of(store: &Memory) -> String {
    let delivery = store.deliveries().remove(0);
    edge::api::webhooks::cursor::encode((delivery.job_id, delivery.id))
}

/// Stores a disabled endpoint of `client`.
async fn disabled_endpoint(store: &Memory, client: &str) -> WebhookEndpoint {
    let url = testkit::job("p", Timestamp::now()).webhook.unwrap().url;
    let mut endpoint = WebhookEndpoint::new(client.parse().unwrap(), url, Timestamp::now());
    endpoint.record_failure(Timestamp::now() - 6 * DAY, TimeScale::REAL);
    endpoint.record_failure(Timestamp::now(), TimeScale::REAL);
    store.save_endpoint(&mut endpoint).await.unwrap();
    endpoint
}

#[tokio::test]
async fn only_its_client_lists_and_enables_an_endpoint() {
    let store = Memory::new();
    let (own, strangers) = (disabled_endpoint(&store, "acme").await, disabled_endpoint(&store, "apex").await);
    let url = own.url.url().as_str();
    let listed = json_of(ask(&store, request(by("acme"), DISABLED, &json!({}))).await, 200);
    let [shown] = &listed["urls"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((shown["url"].as_str(), shown["offSince"].is_string()), (Some(url), true));
    assert!(shown["nextAttemptAt"].is_string() && shown["failingSince"].is_string());

    store.fail_next("save_endpoint", StoreError::Conflict);
    for _ in 0..2 {
        json_of(ask(&store, request(by("acme"), ENABLE, &json!({"url": url}))).await, 204);
    }
    assert!(!store.load_endpoint(&own.id()).await.unwrap().unwrap().is_disabled());
    assert!(store.load_endpoint(&strangers.id()).await.unwrap().unwrap().is_disabled());
    let listed = json_of(ask(&store, request(by("acme"), DISABLED, &json!({}))).await, 200);
    assert_eq!(listed, json!({"urls": []}));
    // An unknown endpoint counts as enabled.
    json_of(
        ask(&store, request(by("acme"), ENABLE, &json!({"url": "https://elsewhere.example/"}))).await,
        204,
    );
}

#[tokio::test]
async fn user_token_is_forbidden_for_client_wide_endpoints() {
    let store = Memory::new();
    let token = Principal { user: Some(UserId::new()), ..by("acme") };
    for endpoint in [RANGE, ENABLE, DISABLED] {
        let refused = ask(&store, request(token.clone(), endpoint, &json!({}))).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }
}
