//! Which callers see and redeliver which webhooks, and how endpoints are enabled.

use std::time::Duration;

use domain::access::{Principal, Scope};
use domain::error::Missing;
use domain::jobs::{WebhookEvent, WebhookUrlPolicy};
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{Delivery, DeliveryState, TimeScale, WebhookEndpoint, WebhookEndpointStore as _};
use domain::{Error, Job, Timestamp, UserId, WebhookId};
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

#[tokio::test]
async fn range_at_deadline_returns_where_to_continue() {
    let store = Memory::new();
    let job = stored_job(&store);
    let start = Timestamp::now();
    for _ in 0..250 {
        stored_delivery(&store, &job, WebhookEvent::Completed, DeliveryState::GivenUp);
    }
    let (mut since, mut count, mut calls) = (start - DAY, 0, 0);
    loop {
        let body = json!({"since": since.to_string(), "until": (Timestamp::now() + DAY).to_string(), "status": "failed"});
        let mut request = request(by("acme"), RANGE, &body);
        request.deadline = Timestamp::now();
        let done = json_of(ask(&store, request).await, 202);
        count += done["count"].as_u64().unwrap();
        calls += 1;
        match done["next"].as_str() {
            Some(next) => since = next.parse().unwrap(),
            None => break,
        }
    }
    assert_eq!(count, 250, "each webhook once");
    assert!((1..=3).contains(&calls), "{calls}");
    assert!(store.deliveries().iter().all(|delivery| delivery.state == DeliveryState::Pending));
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
