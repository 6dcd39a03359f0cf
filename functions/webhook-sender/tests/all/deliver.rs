//! One message, one attempt, and its result on the row.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Timestamp;
use domain::access::SecretSource as _;
use domain::jobs::{WebhookEvent, WebhookUrl, WebhookUrlPolicy};
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryState, DeliveryStore as _, EndpointResponse, SecretVersionStore as _, SecretVersions,
    SigningSecret, TimeScale, WebhookMessage,
};
use testkit::{Memory, Sent};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use url::Url;
use webhook_sender::post::{BODY, HttpPost, Post, Signed, TIMEOUT};
use webhook_sender::{Deps, deliver};
use wiremock::matchers::{header, header_exists, headers, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[derive(Default)]
pub(crate) struct WebhookEndpoint {
    answers: Mutex<Vec<Result<EndpointResponse, String>>>,
    pub(crate) got: Mutex<Vec<Signed>>,
}

#[async_trait]
impl Post for WebhookEndpoint {
    async fn post(&self, _: &Url, webhook: Signed) -> Result<EndpointResponse, String> {
        self.got.lock().unwrap().push(webhook);
        self.answers.lock().unwrap().pop().unwrap_or_else(|| Ok(plain(204)))
    }
}

pub(crate) fn plain(status: u16) -> EndpointResponse {
    EndpointResponse::new(status, None, b"")
}

impl WebhookEndpoint {
    fn answering(answer: Result<u16, String>) -> Self {
        Self { answers: Mutex::new(vec![answer.map(plain)]), ..Self::default() }
    }
}

pub(crate) fn pending(store: &Memory) -> Delivery {
    let job = testkit::job("p", Timestamp::now());
    let mut delivery = job.delivery(WebhookEvent::Queued, Timestamp::now()).unwrap();
    delivery.revision = 1;
    store.put_delivery(&delivery);
    delivery
}

/// A sender whose stores are all this one.
pub(crate) fn deps<'a>(store: &'a Memory, post: &'a dyn Post) -> Deps<'a> {
    Deps {
        deliveries: store,
        endpoints: store,
        hosts: store,
        lines: store,
        secret_versions: store,
        queue: store,
        master_secret: store,
        post,
        images_url: "https://cdn.example".into(),
        lease_margin: Duration::from_secs(30),
        time_scale: TimeScale::REAL,
    }
}

pub(crate) async fn handle(
    store: &Memory,
    post: &dyn Post,
    delivery: &Delivery,
) -> Result<(), domain::Error> {
    let deadline = Timestamp::now() + Duration::from_secs(30);
    deliver::deliver(&deps(store, post), WebhookMessage::about(delivery), deadline).await
}

fn row(store: &Memory) -> Delivery {
    store.deliveries().pop().unwrap()
}

#[tokio::test]
async fn only_a_2xx_response_is_success() {
    for (answer, state) in [
        (Ok(200), DeliveryState::Delivered),
        (Ok(204), DeliveryState::Delivered),
        (Ok(302), DeliveryState::Pending),
        (Ok(404), DeliveryState::Pending),
        (Ok(500), DeliveryState::Pending),
        (Err("no connection".to_owned()), DeliveryState::Pending),
    ] {
        let store = Memory::new();
        let delivery = pending(&store);
        handle(&store, &WebhookEndpoint::answering(answer.clone()), &delivery).await.unwrap();
        assert_eq!(row(&store).state, state, "{answer:?}");
    }
}

#[tokio::test]
async fn failed_attempt_schedules_the_next_on_row_and_queue() {
    let store = Memory::new();
    let delivery = pending(&store);
    handle(&store, &WebhookEndpoint::answering(Ok(500)), &delivery).await.unwrap();
    let row = row(&store);
    let wait = row.not_before.unwrap().since(Timestamp::now());
    assert!((3..=6).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(
        (row.attempts, row.lease, row.due_at),
        (1, None, row.not_before.map(|at| at + Duration::from_secs(30)))
    );
    assert!(matches!(store.sent()[..], [Sent::Webhook(_, delay)] if delay <= Duration::from_secs(6)));
}

#[tokio::test]
async fn duplicate_message_sends_nothing() {
    let store = Memory::new();
    let delivery = pending(&store);
    let endpoint = WebhookEndpoint::default();
    for _ in 0..3 {
        handle(&store, &endpoint, &delivery).await.unwrap();
    }
    assert_eq!(endpoint.got.lock().unwrap().len(), 1);
}

/// Leases the delivery to a sender at `at`, for a minute.
fn lease_at(delivery: &mut Delivery, at: Timestamp) {
    let lease = Lease { id: LeaseId::new(), until: at + Duration::from_secs(60) };
    delivery.begin_attempt(lease, at, TimeScale::REAL, 0.5);
}

#[tokio::test]
async fn leased_webhook_is_not_sent_until_the_lease_lapses() {
    let store = Memory::new();
    let mut delivery = pending(&store);
    lease_at(&mut delivery, Timestamp::now());
    store.put_delivery(&delivery);
    let endpoint = WebhookEndpoint::default();
    handle(&store, &endpoint, &delivery).await.unwrap();
    assert!(endpoint.got.lock().unwrap().is_empty());

    let mut delivery = pending(&store);
    lease_at(&mut delivery, Timestamp::now() - Duration::from_secs(60));
    store.put_delivery(&delivery);
    handle(&store, &endpoint, &delivery).await.unwrap();
    let got = endpoint.got.lock().unwrap();
    assert_eq!(got[0].id, delivery.id.to_string());
}

#[tokio::test]
async fn crash_in_the_last_attempt_allows_one_more() {
    for (answer, state) in [(500, DeliveryState::GivenUp), (204, DeliveryState::Delivered)] {
        let store = Memory::new();
        let mut delivery = pending(&store);
        lease_at(&mut delivery, Timestamp::now() - Duration::from_secs(60));
        delivery.retry_index = 10;
        store.put_delivery(&delivery);
        let (calls, row) = attempt(&store, &delivery, Ok(answer)).await;
        assert_eq!((calls, row.state, row.log.len()), (1, state, 2));
        assert!(row.log[0].error.is_some() && row.log[1].status == Some(answer));
    }
}

#[tokio::test]
async fn webhook_at_the_crash_limit_is_given_up() {
    let store = Memory::new();
    let mut delivery = pending(&store);
    lease_at(&mut delivery, Timestamp::now() - Duration::from_secs(60));
    delivery.crashes = 9;
    store.put_delivery(&delivery);
    let (calls, row) = attempt(&store, &delivery, Ok(204)).await;
    assert_eq!((calls, row.state, row.lease), (0, DeliveryState::GivenUp, None));
}

#[tokio::test]
async fn every_attempt_sends_the_same_id_and_body() {
    let store = Memory::new();
    let delivery = pending(&store);
    let endpoint = WebhookEndpoint::answering(Ok(500));
    handle(&store, &endpoint, &delivery).await.unwrap();
    let mut again = row(&store);
    again.not_before = None;
    store.put_delivery(&again);
    handle(&store, &endpoint, &delivery).await.unwrap();
    let got = endpoint.got.lock().unwrap();
    assert_eq!(got.len(), 2);
    assert_eq!((&got[0].id, &got[0].body), (&got[1].id, &got[1].body));
}

#[tokio::test]
async fn result_write_is_retried() {
    let store = Memory::new();
    let delivery = pending(&store);
    // The first write is the lease; the second one, of the result, fails once.
    struct FailAfterPost<'a>(&'a Memory);
    #[async_trait]
    impl Post for FailAfterPost<'_> {
        async fn post(&self, _: &Url, _: Signed) -> Result<EndpointResponse, String> {
            self.0.fail_next("save_delivery", StoreError::Unavailable("down".into()));
            Ok(plain(200))
        }
    }
    handle(&store, &FailAfterPost(&store), &delivery).await.unwrap();
    assert_eq!(row(&store).state, DeliveryState::Delivered);
}

/// Requests a redelivery while the webhook is being sent.
struct RedeliverDuringPost<'a>(&'a Memory, u16);

#[async_trait]
impl Post for RedeliverDuringPost<'_> {
    async fn post(&self, _: &Url, _: Signed) -> Result<EndpointResponse, String> {
        let mut row = row(self.0);
        assert!(!row.redeliver(Timestamp::now()));
        self.0.save_delivery(&mut row).await.unwrap();
        Ok(plain(self.1))
    }
}

#[tokio::test]
async fn redeliver_during_attempt_retries_unless_it_succeeds() {
    for (status, state) in [(500, DeliveryState::Pending), (204, DeliveryState::Delivered)] {
        let store = Memory::new();
        let mut delivery = pending(&store);
        delivery.retry_index = 9;
        store.put_delivery(&delivery);
        handle(&store, &RedeliverDuringPost(&store, status), &delivery).await.unwrap();
        let row = row(&store);
        assert_eq!((row.state, row.lease, row.redeliver_requested), (state, None, false));
        assert_eq!(row.log[0].status, Some(status), "the attempt's outcome is kept");
        if state == DeliveryState::Pending {
            assert!(matches!(store.sent()[..], [Sent::Webhook(_, Duration::ZERO)]), "{:?}", store.sent());
            assert_eq!(
                attempt(&store, &delivery, Ok(500)).await.1.retry_index,
                1,
                "from the start of the schedule"
            );
        }
    }
}

#[tokio::test]
async fn sender_that_lost_its_lease_writes_nothing() {
    struct LeasedDuringPost<'a>(&'a Memory);
    #[async_trait]
    impl Post for LeasedDuringPost<'_> {
        async fn post(&self, _: &Url, _: Signed) -> Result<EndpointResponse, String> {
            let mut row = row(self.0);
            lease_at(&mut row, Timestamp::now());
            self.0.save_delivery(&mut row).await.unwrap();
            Ok(plain(500))
        }
    }
    let store = Memory::new();
    let delivery = pending(&store);
    handle(&store, &LeasedDuringPost(&store), &delivery).await.unwrap();
    let row = row(&store);
    assert!(row.lease.is_some() && row.log[1].status.is_none(), "{row:?}");
}

#[tokio::test]
async fn unsigned_webhook_counts_no_attempt() {
    let store = Memory::new();
    let delivery = pending(&store);
    store.fail_next("read", StoreError::Unavailable("down".into()));
    assert!(handle(&store, &WebhookEndpoint::default(), &delivery).await.is_err());
    assert_eq!(row(&store).attempts, 0);
}

/// Handles one message; returns how often the endpoint was called, and the row afterwards.
pub(crate) async fn attempt(
    store: &Memory,
    delivery: &Delivery,
    answer: Result<u16, String>,
) -> (usize, Delivery) {
    let endpoint = WebhookEndpoint::answering(answer);
    handle(store, &endpoint, delivery).await.unwrap();
    let calls = endpoint.got.lock().unwrap().len();
    (calls, store.deliveries().into_iter().find(|row| row.id == delivery.id).unwrap())
}

#[tokio::test]
async fn host_permit_is_released_after_every_outcome() {
    for answer in [Ok(200), Ok(500), Err("no connection".to_owned())] {
        let store = Memory::new();
        let delivery = pending(&store);
        attempt(&store, &delivery, answer).await;
        let host = store.host("example.com:443");
        assert!(host.held.is_empty() && host.slow.is_empty(), "{host:?}");
    }
    // The lease cannot be written after the permit was acquired.
    let store = Memory::new();
    let delivery = pending(&store);
    store.fail_next("save_delivery", StoreError::Unavailable("down".into()));
    assert!(handle(&store, &WebhookEndpoint::default(), &delivery).await.is_err());
    assert!(store.host("example.com:443").held.is_empty());
}

#[tokio::test]
async fn status_410_ends_the_attempts() {
    let store = Memory::new();
    let delivery = pending(&store);
    let (calls, row) = attempt(&store, &delivery, Ok(410)).await;
    assert_eq!((calls, row.state, store.sent().len()), (1, DeliveryState::GivenUp, 0));
}

/// An endpoint all of whose attempts have failed for five days, up to now.
fn failing(delivery: &Delivery) -> domain::webhooks::WebhookEndpoint {
    let now = Timestamp::now();
    let mut endpoint =
        domain::webhooks::WebhookEndpoint::new(delivery.client_id.clone(), delivery.url.clone(), now);
    endpoint.record_failure(now - Duration::from_secs(5 * 24 * 3600), TimeScale::REAL);
    endpoint.revision = 1;
    endpoint
}

#[tokio::test]
async fn endpoint_failing_for_five_days_is_disabled_and_held() {
    let store = Memory::new();
    let first = pending(&store);
    store.put_endpoint(&failing(&first));
    let (calls, row) = attempt(&store, &first, Ok(500)).await;
    assert_eq!((calls, row.held, row.state), (1, true, DeliveryState::Pending));
    assert!(store.endpoints()[0].is_disabled());

    let second = pending(&store);
    let (calls, row) = attempt(&store, &second, Ok(200)).await;
    assert_eq!((calls, row.held, row.attempts), (0, true, 0), "its probe is not due");

    let mut redelivered = row;
    assert!(redelivered.redeliver(Timestamp::now()));
    store.put_delivery(&redelivered);
    let (calls, row) = attempt(&store, &second, Ok(200)).await;
    assert_eq!((calls, row.state), (1, DeliveryState::Delivered), "a redelivery bypasses the hold");
    assert!(!store.endpoints()[0].is_disabled(), "the first success enables it");
    assert!(store.endpoints()[0].due_at.is_some(), "and the sweep releases the others");
}

/// A webhook that is held for an endpoint whose daily probe is due.
pub(crate) fn held(store: &Memory) -> Delivery {
    let mut delivery = pending(store);
    let (now, day) = (Timestamp::now(), Duration::from_secs(24 * 3600));
    let mut endpoint =
        domain::webhooks::WebhookEndpoint::new(delivery.client_id.clone(), delivery.url.clone(), now);
    endpoint.record_failure(now - 6 * day, TimeScale::REAL);
    endpoint.record_failure(now - day, TimeScale::REAL);
    endpoint.revision = 1;
    assert!(endpoint.is_disabled());
    store.put_endpoint(&endpoint);
    delivery.hold(Timestamp::now());
    store.put_delivery(&delivery);
    delivery
}

#[tokio::test]
async fn disabled_endpoint_gets_one_probe_a_day() {
    let store = Memory::new();
    let delivery = held(&store);
    let (calls, row) = attempt(&store, &delivery, Ok(500)).await;
    assert_eq!((calls, row.held, row.attempts), (1, true, 1));
    let (calls, _) = attempt(&store, &delivery, Ok(500)).await;
    assert_eq!((calls, store.host("example.com:443").held.len()), (0, 0), "and no permit is held");
    let next = store.endpoints()[0].probe_at().unwrap().since(Timestamp::now());
    assert!(next > Duration::from_secs(23 * 3600), "{next:?}");
}

#[tokio::test]
async fn success_resets_the_failures_of_an_endpoint() {
    let store = Memory::new();
    let delivery = pending(&store);
    store.put_endpoint(&failing(&delivery));
    attempt(&store, &delivery, Ok(200)).await;
    assert_eq!(store.endpoints()[0].failing_since, None);
    let healthy = Memory::new();
    let delivery = pending(&healthy);
    attempt(&healthy, &delivery, Ok(200)).await;
    assert!(healthy.endpoints().is_empty(), "a healthy endpoint has no row");
}

#[tokio::test]
async fn current_and_previous_secret_version_both_sign() {
    let store = Memory::new();
    let delivery = pending(&store);
    let first = SecretVersions::default();
    let second = first.rotated(Timestamp::now(), Duration::from_secs(60));
    store.replace_secret_versions(&delivery.client_id, &first, &second).await.unwrap();
    let endpoint = WebhookEndpoint::default();
    handle(&store, &endpoint, &delivery).await.unwrap();
    let master = store.read().await.unwrap();
    let got = endpoint.got.lock().unwrap();
    let at = Timestamp::from_millis(got[0].timestamp.parse::<i64>().unwrap() * 1000);
    let sign = |version| {
        SigningSecret::derive(&master, &delivery.client_id, version).sign(delivery.id, at, &got[0].body)
    };
    assert_eq!(got[0].signature, format!("{} {}", sign(2), sign(1)));
}

fn signed() -> Signed {
    Signed { id: "i".into(), timestamp: "1".into(), signature: "v1,x".into(), body: b"{}".to_vec() }
}

#[tokio::test]
async fn http_post_sends_standard_headers_without_redirects() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("webhook-id", "i"))
        .and(header("webhook-timestamp", "1"))
        .and(headers("webhook-signature", vec!["v1", "x"]))
        .and(header("content-type", "application/json"))
        .and(header_exists("user-agent"))
        .respond_with(ResponseTemplate::new(307).insert_header("location", "/elsewhere"))
        .expect(1)
        .mount(&server)
        .await;
    let url = server.uri().parse().unwrap();
    assert_eq!(
        HttpPost::new(WebhookUrlPolicy::AllowLoopbackHttp).unwrap().post(&url, signed()).await,
        Ok(plain(307))
    );
}

#[tokio::test]
async fn retry_after_of_429_and_503_is_obeyed() {
    for (status, counts) in [(429, true), (503, true), (500, false)] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).insert_header("retry-after", "600");
        Mock::given(method("POST")).respond_with(answer).expect(1).mount(&server).await;
        let store = Memory::new();
        let mut delivery = pending(&store);
        delivery.url = WebhookUrl::parse(&server.uri(), WebhookUrlPolicy::AllowLoopbackHttp).unwrap();
        store.put_delivery(&delivery);
        handle(&store, &HttpPost::new(WebhookUrlPolicy::AllowLoopbackHttp).unwrap(), &delivery)
            .await
            .unwrap();
        let row = row(&store);
        assert_eq!(row.log[0].status, Some(status));
        let wait = row.not_before.unwrap().since(Timestamp::now()).as_secs();
        assert!(if counts { (590..=600).contains(&wait) } else { wait <= 6 }, "{status}: {wait} s");
    }
}

/// An endpoint that accepts one webhook and answers it after `answer_after`, or never.
async fn slow(answer_after: Option<Duration>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        match answer_after {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            }
            // The connection stays open as long as this test runs.
            None => std::future::pending().await,
        }
    });
    url
}

#[tokio::test]
async fn endpoint_has_fifteen_seconds_to_answer() {
    let post = HttpPost::new(WebhookUrlPolicy::AllowLoopbackHttp).unwrap();
    let (silent, late) = (slow(None).await, slow(Some(Duration::from_secs(14))).await);
    let began = Instant::now();
    let unanswered = async {
        let problem = post.post(&silent, signed()).await.unwrap_err();
        (problem, began.elapsed().as_secs_f32())
    };
    let ((problem, seconds), answered) = tokio::join!(unanswered, post.post(&late, signed()));
    assert_eq!(answered, Ok(plain(204)));
    assert_eq!(problem, "no answer in time");
    assert!((14.5..20.0).contains(&seconds), "{seconds} s");
}

/// The value of `name` in the part of the template that begins with `part`.
fn in_template(part: &str, name: &str) -> u64 {
    let template = include_str!("../../../../template.yaml");
    let (_, part) = template.split_once(&format!("\n  {part}:\n")).unwrap();
    let (_, value) = part.split_once(&format!(" {name}: ")).unwrap();
    value.lines().next().unwrap().parse().unwrap()
}

#[test]
fn template_fits_the_timeout_and_retains_jobs_for_a_month() {
    let timeout = Duration::from_secs(in_template("WebhookSenderFunction", "Timeout"));
    // The work before and after a request takes some seconds at worst.
    assert!(TIMEOUT + BODY + Duration::from_secs(10) <= timeout, "{timeout:?}");
    assert!(in_template("JobRetentionDays", "MinValue") >= 31);
}

#[tokio::test]
async fn connection_error_does_not_reveal_the_url() {
    let url: Url = "http://127.0.0.1:1/secret-token".parse().unwrap();
    let problem =
        HttpPost::new(WebhookUrlPolicy::AllowLoopbackHttp).unwrap().post(&url, signed()).await.unwrap_err();
    assert!(!problem.contains("secret-token"), "{problem}");
}

#[tokio::test]
async fn https_only_policy_blocks_loopback() {
    let server = MockServer::start().await;
    let post = HttpPost::new(WebhookUrlPolicy::HttpsOnly).unwrap();
    let port = server.address().port();
    for url in [server.uri(), format!("https://127.0.0.1:{port}/"), format!("https://localhost:{port}/")] {
        let problem = post.post(&url.parse().unwrap(), signed()).await.unwrap_err();
        assert!(problem.ends_with("allowed"), "{url}: {problem}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}
