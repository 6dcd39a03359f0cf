//! One message, one try, and what it leaves on the row.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Timestamp;
use domain::access::SecretSource as _;
use domain::jobs::{WebhookEvent, WebhookUrl, WebhookUrlPolicy};
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryState, DeliveryStore as _, EndpointResponse, HostPermitStore as _,
    SecretVersionStore as _, SecretVersions, SigningSecret, TimeScale, WebhookMessage,
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
struct WebhookEndpoint {
    answers: Mutex<Vec<Result<EndpointResponse, String>>>,
    got: Mutex<Vec<Signed>>,
}

#[async_trait]
impl Post for WebhookEndpoint {
    async fn post(&self, _: &Url, webhook: Signed) -> Result<EndpointResponse, String> {
        self.got.lock().unwrap().push(webhook);
        self.answers.lock().unwrap().pop().unwrap_or_else(|| Ok(plain(204)))
    }
}

fn plain(status: u16) -> EndpointResponse {
    EndpointResponse::new(status, None, b"")
}

impl WebhookEndpoint {
    fn answering(answer: Result<u16, String>) -> Self {
        Self { answers: Mutex::new(vec![answer.map(plain)]), ..Self::default() }
    }
}

fn owed(store: &Memory) -> Delivery {
    let job = testkit::job("p", Timestamp::now());
    let mut delivery = job.delivery(WebhookEvent::Queued, Timestamp::now()).unwrap();
    delivery.revision = 1;
    store.put_delivery(&delivery);
    delivery
}

async fn handle(store: &Memory, post: &dyn Post, delivery: &Delivery) -> Result<(), domain::Error> {
    let deps = Deps {
        deliveries: store,
        endpoints: store,
        hosts: store,
        secret_versions: store,
        queue: store,
        master_secret: store,
        post,
        images_url: "https://cdn.example".into(),
        lease_margin: Duration::from_secs(30),
        time_scale: TimeScale::REAL,
    };
    deliver::deliver(&deps, WebhookMessage::about(delivery), Timestamp::now() + Duration::from_secs(30)).await
}

fn row(store: &Memory) -> Delivery {
    store.deliveries().pop().unwrap()
}

#[tokio::test]
async fn two_hundreds_are_success_and_nothing_else() {
    for (answer, state) in [
        (Ok(200), DeliveryState::Delivered),
        (Ok(204), DeliveryState::Delivered),
        (Ok(302), DeliveryState::Pending),
        (Ok(404), DeliveryState::Pending),
        (Ok(500), DeliveryState::Pending),
        (Err("no connection".to_owned()), DeliveryState::Pending),
    ] {
        let store = Memory::new();
        let delivery = owed(&store);
        handle(&store, &WebhookEndpoint::answering(answer.clone()), &delivery).await.unwrap();
        assert_eq!(row(&store).state, state, "{answer:?}");
    }
}

#[tokio::test]
async fn a_failed_try_puts_the_next_one_on_the_row_and_on_the_queue() {
    let store = Memory::new();
    let delivery = owed(&store);
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
async fn the_same_message_again_sends_nothing_again() {
    let store = Memory::new();
    let delivery = owed(&store);
    let endpoint = WebhookEndpoint::default();
    for _ in 0..3 {
        handle(&store, &endpoint, &delivery).await.unwrap();
    }
    assert_eq!(endpoint.got.lock().unwrap().len(), 1);
}

/// A sender took it on at `at`, for a minute.
fn taken(delivery: &mut Delivery, at: Timestamp) {
    let lease = Lease { id: LeaseId::new(), until: at + Duration::from_secs(60) };
    delivery.begin_attempt(lease, at, TimeScale::REAL, 0.5);
}

#[tokio::test]
async fn a_claimed_webhook_is_left_to_its_sender_until_the_claim_lapses() {
    let store = Memory::new();
    let mut delivery = owed(&store);
    taken(&mut delivery, Timestamp::now());
    store.put_delivery(&delivery);
    let endpoint = WebhookEndpoint::default();
    handle(&store, &endpoint, &delivery).await.unwrap();
    assert!(endpoint.got.lock().unwrap().is_empty());

    let mut delivery = owed(&store);
    taken(&mut delivery, Timestamp::now() - Duration::from_secs(60));
    store.put_delivery(&delivery);
    handle(&store, &endpoint, &delivery).await.unwrap();
    let got = endpoint.got.lock().unwrap();
    assert_eq!(got[0].id, delivery.id.to_string());
}

#[tokio::test]
async fn a_sender_that_died_at_the_last_try_is_followed_by_another_and_that_ones_answer_counts() {
    for (answer, state) in [(500, DeliveryState::GivenUp), (204, DeliveryState::Delivered)] {
        let store = Memory::new();
        let mut delivery = owed(&store);
        taken(&mut delivery, Timestamp::now() - Duration::from_secs(60));
        delivery.retry_index = 10;
        store.put_delivery(&delivery);
        let (calls, row) = tried(&store, &delivery, Ok(answer)).await;
        assert_eq!((calls, row.state, row.log.len()), (1, state, 2));
        assert!(row.log[0].error.is_some() && row.log[1].status == Some(answer));
    }
}

#[tokio::test]
async fn only_when_senders_have_died_for_three_days_it_is_given_up_without_an_answer() {
    let store = Memory::new();
    let mut delivery = owed(&store);
    taken(&mut delivery, Timestamp::now() - Duration::from_secs(60));
    delivery.crashes = 9;
    store.put_delivery(&delivery);
    let (calls, row) = tried(&store, &delivery, Ok(204)).await;
    assert_eq!((calls, row.state, row.lease), (0, DeliveryState::GivenUp, None));
}

#[tokio::test]
async fn every_try_carries_the_same_id_and_the_same_body() {
    let store = Memory::new();
    let delivery = owed(&store);
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
async fn a_result_that_cannot_be_written_at_once_is_written_later() {
    let store = Memory::new();
    let delivery = owed(&store);
    // The first write is the claim; the second one, of the result, fails once.
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

/// While the webhook is under way, somebody wants it sent again.
struct WantedMeanwhile<'a>(&'a Memory, u16);

#[async_trait]
impl Post for WantedMeanwhile<'_> {
    async fn post(&self, _: &Url, _: Signed) -> Result<EndpointResponse, String> {
        let mut row = row(self.0);
        assert!(!row.redeliver(Timestamp::now()));
        self.0.save_delivery(&mut row).await.unwrap();
        Ok(plain(self.1))
    }
}

#[tokio::test]
async fn who_wants_a_webhook_again_while_it_is_under_way_gets_it_unless_the_try_succeeds() {
    for (status, state) in [(500, DeliveryState::Pending), (204, DeliveryState::Delivered)] {
        let store = Memory::new();
        let mut delivery = owed(&store);
        delivery.retry_index = 9;
        store.put_delivery(&delivery);
        handle(&store, &WantedMeanwhile(&store, status), &delivery).await.unwrap();
        let row = row(&store);
        assert_eq!((row.state, row.lease, row.redeliver_requested), (state, None, false));
        assert_eq!(row.log[0].status, Some(status), "what came of the try is not lost");
        if state == DeliveryState::Pending {
            assert!(matches!(store.sent()[..], [Sent::Webhook(_, Duration::ZERO)]), "{:?}", store.sent());
            assert_eq!(
                tried(&store, &delivery, Ok(500)).await.1.retry_index,
                1,
                "from the foot of the ladder"
            );
        }
    }
}

#[tokio::test]
async fn a_sender_whose_claim_is_another_ones_by_now_writes_nothing() {
    struct TakenMeanwhile<'a>(&'a Memory);
    #[async_trait]
    impl Post for TakenMeanwhile<'_> {
        async fn post(&self, _: &Url, _: Signed) -> Result<EndpointResponse, String> {
            let mut row = row(self.0);
            taken(&mut row, Timestamp::now());
            self.0.save_delivery(&mut row).await.unwrap();
            Ok(plain(500))
        }
    }
    let store = Memory::new();
    let delivery = owed(&store);
    handle(&store, &TakenMeanwhile(&store), &delivery).await.unwrap();
    let row = row(&store);
    assert!(row.lease.is_some() && row.log[1].status.is_none(), "{row:?}");
}

#[tokio::test]
async fn a_try_that_cannot_be_signed_is_no_try() {
    let store = Memory::new();
    let delivery = owed(&store);
    store.fail_next("read", StoreError::Unavailable("down".into()));
    assert!(handle(&store, &WebhookEndpoint::default(), &delivery).await.is_err());
    assert_eq!(row(&store).attempts, 0);
}

/// How often the receiver was called, and the row then.
async fn tried(store: &Memory, delivery: &Delivery, answer: Result<u16, String>) -> (usize, Delivery) {
    let endpoint = WebhookEndpoint::answering(answer);
    handle(store, &endpoint, delivery).await.unwrap();
    let calls = endpoint.got.lock().unwrap().len();
    (calls, store.deliveries().into_iter().find(|row| row.id == delivery.id).unwrap())
}

#[tokio::test]
async fn what_finds_no_place_at_its_host_waits_and_that_is_no_try() {
    let store = Memory::new();
    let delivery = owed(&store);
    let until = Timestamp::now() + Duration::from_secs(60);
    for _ in 0..2 {
        store.acquire_host_permit("example.com:443", Timestamp::now(), until).await.unwrap().unwrap();
    }
    let (calls, row) = tried(&store, &delivery, Ok(200)).await;
    assert_eq!((calls, row.attempts, row.deferrals, row.lease), (0, 0, 1, None));
    assert!(row.not_before.is_some());
    assert!(matches!(store.sent()[..], [Sent::Webhook(_, delay)] if delay <= Duration::from_secs(2)));
    assert_eq!(tried(&store, &delivery, Ok(200)).await.0, 0, "too early");
    assert_eq!(store.sent().len(), 1, "one message and no more waits for its turn");
}

#[tokio::test]
async fn a_dot_at_the_end_of_a_hosts_name_gives_it_no_further_places() {
    let store = Memory::new();
    let mut delivery = owed(&store);
    delivery.url = WebhookUrl::parse("https://example.com./hook", WebhookUrlPolicy::HttpsOnly).unwrap();
    store.put_delivery(&delivery);
    let until = Timestamp::now() + Duration::from_secs(60);
    for _ in 0..2 {
        store.acquire_host_permit("example.com:443", Timestamp::now(), until).await.unwrap().unwrap();
    }
    assert_eq!(tried(&store, &delivery, Ok(200)).await.0, 0);
}

#[tokio::test]
async fn the_place_is_given_back_however_the_try_ends() {
    for answer in [Ok(200), Ok(500), Err("no connection".to_owned())] {
        let store = Memory::new();
        let delivery = owed(&store);
        tried(&store, &delivery, answer).await;
        assert_eq!(store.under_way("example.com:443"), (vec![], None));
    }
    // Somebody else was faster to claim it, after the place was taken.
    let store = Memory::new();
    let delivery = owed(&store);
    store.fail_next("save_delivery", StoreError::Unavailable("down".into()));
    assert!(handle(&store, &WebhookEndpoint::default(), &delivery).await.is_err());
    assert_eq!(store.under_way("example.com:443").0, []);
}

#[tokio::test]
async fn no_further_try_comes_after_a_410() {
    let store = Memory::new();
    let delivery = owed(&store);
    let (calls, row) = tried(&store, &delivery, Ok(410)).await;
    assert_eq!((calls, row.state, store.sent().len()), (1, DeliveryState::GivenUp, 0));
}

/// A URL all of whose tries have failed for five days, up to now.
fn failing(delivery: &Delivery) -> domain::webhooks::WebhookEndpoint {
    let now = Timestamp::now();
    let mut endpoint =
        domain::webhooks::WebhookEndpoint::new(delivery.client_id.clone(), delivery.url.clone(), now);
    endpoint.record_failure(now - Duration::from_secs(5 * 24 * 3600), TimeScale::REAL);
    endpoint.revision = 1;
    endpoint
}

#[tokio::test]
async fn a_url_that_has_only_failed_for_five_days_is_switched_off_and_keeps_its_events() {
    let store = Memory::new();
    let first = owed(&store);
    store.put_receiver(&failing(&first));
    let (calls, row) = tried(&store, &first, Ok(500)).await;
    assert_eq!((calls, row.held, row.state), (1, true, DeliveryState::Pending));
    assert!(store.endpoints()[0].is_disabled());

    let second = owed(&store);
    let (calls, row) = tried(&store, &second, Ok(200)).await;
    assert_eq!((calls, row.held, row.attempts), (0, true, 0), "its day has not come");

    let mut wanted = row;
    assert!(wanted.redeliver(Timestamp::now()));
    store.put_delivery(&wanted);
    let (calls, row) = tried(&store, &second, Ok(200)).await;
    assert_eq!((calls, row.state), (1, DeliveryState::Delivered), "who sends by hand means it");
    assert!(!store.endpoints()[0].is_disabled(), "the first success switches it on");
    assert!(store.endpoints()[0].due_at.is_some(), "and the sweep lets the others go");
}

/// A webhook that is parked at a URL whose try of the day has come.
fn held(store: &Memory) -> Delivery {
    let mut delivery = owed(store);
    let (now, day) = (Timestamp::now(), Duration::from_secs(24 * 3600));
    let mut endpoint =
        domain::webhooks::WebhookEndpoint::new(delivery.client_id.clone(), delivery.url.clone(), now);
    endpoint.record_failure(now - 6 * day, TimeScale::REAL);
    endpoint.record_failure(now - day, TimeScale::REAL);
    endpoint.revision = 1;
    assert!(endpoint.is_disabled());
    store.put_receiver(&endpoint);
    delivery.hold(Timestamp::now());
    store.put_delivery(&delivery);
    delivery
}

#[tokio::test]
async fn the_try_of_the_day_waits_for_a_place_and_is_made_then() {
    let store = Memory::new();
    let delivery = held(&store);
    let endpoint = store.endpoints().remove(0);
    let until = Timestamp::now() + Duration::from_secs(60);
    let mut permits = vec![];
    for _ in 0..2 {
        permits.extend(store.acquire_host_permit("example.com:443", Timestamp::now(), until).await.unwrap());
    }
    let (calls, row) = tried(&store, &delivery, Ok(200)).await;
    assert_eq!((calls, row.held, row.deferrals), (0, true, 1));
    assert_eq!(store.endpoints(), [endpoint], "its day is not over");
    assert!(matches!(store.sent()[..], [Sent::Webhook(_, delay)] if delay <= Duration::from_secs(2)));

    store.release_host_permit("example.com:443", permits[0], None).await.unwrap();
    store.put_delivery(&Delivery { not_before: None, ..row });
    let (calls, row) = tried(&store, &delivery, Ok(200)).await;
    assert_eq!((calls, row.state), (1, DeliveryState::Delivered));
    assert!(!store.endpoints()[0].is_disabled());
}

#[tokio::test]
async fn of_a_url_that_is_off_one_webhook_a_day_is_tried() {
    let store = Memory::new();
    let delivery = held(&store);
    let (calls, row) = tried(&store, &delivery, Ok(500)).await;
    assert_eq!((calls, row.held, row.attempts), (1, true, 1));
    let (calls, _) = tried(&store, &delivery, Ok(500)).await;
    assert_eq!((calls, store.under_way("example.com:443").0.len()), (0, 0), "and no place is kept");
    let next = store.endpoints()[0].probe_at().unwrap().since(Timestamp::now());
    assert!(next > Duration::from_secs(23 * 3600), "{next:?}");
}

#[tokio::test]
async fn one_success_ends_what_was_counted_against_a_url() {
    let store = Memory::new();
    let delivery = owed(&store);
    store.put_receiver(&failing(&delivery));
    tried(&store, &delivery, Ok(200)).await;
    assert_eq!(store.endpoints()[0].failing_since, None);
    let healthy = Memory::new();
    let delivery = owed(&healthy);
    tried(&healthy, &delivery, Ok(200)).await;
    assert!(healthy.endpoints().is_empty(), "a URL that does well has no row");
}

#[tokio::test]
async fn a_rotated_secret_and_the_one_before_it_both_sign() {
    let store = Memory::new();
    let delivery = owed(&store);
    let first = SecretVersions::default();
    let second = first.rotated(Timestamp::now(), Duration::from_secs(60));
    store.replace_secret_versions(&delivery.client_id, &first, &second).await.unwrap();
    let endpoint = WebhookEndpoint::default();
    handle(&store, &endpoint, &delivery).await.unwrap();
    let master = store.read().await.unwrap();
    let got = endpoint.got.lock().unwrap();
    let at = Timestamp::from_millis(got[0].timestamp.parse::<i64>().unwrap() * 1000);
    let sign = |generation| {
        SigningSecret::derive(&master, &delivery.client_id, generation).sign(delivery.id, at, &got[0].body)
    };
    assert_eq!(got[0].signature, format!("{} {}", sign(2), sign(1)));
}

fn signed() -> Signed {
    Signed { id: "i".into(), timestamp: "1".into(), signature: "v1,x".into(), body: b"{}".to_vec() }
}

#[tokio::test]
async fn over_http_it_sends_the_standard_headers_and_follows_no_redirect() {
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
async fn a_receiver_that_says_when_to_come_again_is_left_alone_until_then() {
    for (status, counts) in [(429, true), (503, true), (500, false)] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).insert_header("retry-after", "600");
        Mock::given(method("POST")).respond_with(answer).expect(1).mount(&server).await;
        let store = Memory::new();
        let mut delivery = owed(&store);
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

/// A receiver that takes one webhook and answers it after so long, if ever.
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
async fn a_receiver_has_fifteen_seconds_and_no_more() {
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

/// What the template says of `name` in the part that begins with `part`.
fn in_template(part: &str, name: &str) -> u64 {
    let template = include_str!("../../../template.yaml");
    let (_, part) = template.split_once(&format!("\n  {part}:\n")).unwrap();
    let (_, value) = part.split_once(&format!(" {name}: ")).unwrap();
    value.lines().next().unwrap().parse().unwrap()
}

#[test]
fn the_template_leaves_senders_time_for_a_slow_receiver_and_keeps_what_is_owed_for_a_month() {
    let timeout = Duration::from_secs(in_template("WebhookSenderFunction", "Timeout"));
    // What comes before and after a request takes some seconds at the worst.
    assert!(TIMEOUT + BODY + Duration::from_secs(10) <= timeout, "{timeout:?}");
    assert!(in_template("JobRetentionDays", "MinValue") >= 31);
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_told_of_without_its_url() {
    let url: Url = "http://127.0.0.1:1/secret-token".parse().unwrap();
    let problem =
        HttpPost::new(WebhookUrlPolicy::AllowLoopbackHttp).unwrap().post(&url, signed()).await.unwrap_err();
    assert!(!problem.contains("secret-token"), "{problem}");
}

#[tokio::test]
async fn where_only_public_receivers_are_allowed_nothing_reaches_this_machine() {
    let server = MockServer::start().await;
    let post = HttpPost::new(WebhookUrlPolicy::HttpsOnly).unwrap();
    let port = server.address().port();
    for url in [server.uri(), format!("https://127.0.0.1:{port}/"), format!("https://localhost:{port}/")] {
        let problem = post.post(&url.parse().unwrap(), signed()).await.unwrap_err();
        assert!(problem.ends_with("allowed"), "{url}: {problem}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}
