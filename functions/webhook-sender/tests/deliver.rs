//! One message, one try, and what it leaves on the row.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Timestamp;
use domain::access::SecretSource as _;
use domain::jobs::{WebhookEvent, WebhookReach, WebhookUrl};
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{
    Answer, Delivery, DeliveryState, DeliveryStore as _, Generations, HostPlaces as _,
    SecretGenerations as _, SigningSecret, Tempo, WebhookMessage,
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
struct Receiver {
    answers: Mutex<Vec<Result<Answer, String>>>,
    got: Mutex<Vec<Signed>>,
}

#[async_trait]
impl Post for Receiver {
    async fn post(&self, _: &Url, webhook: Signed) -> Result<Answer, String> {
        self.got.lock().unwrap().push(webhook);
        self.answers.lock().unwrap().pop().unwrap_or_else(|| Ok(plain(204)))
    }
}

fn plain(status: u16) -> Answer {
    Answer::new(status, None, b"")
}

impl Receiver {
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
        receivers: store,
        hosts: store,
        generations: store,
        queue: store,
        master_secret: store,
        post,
        images_url: "https://cdn.example".into(),
        claim_margin: Duration::from_secs(30),
        tempo: Tempo::REAL,
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
        (Ok(302), DeliveryState::Owed),
        (Ok(404), DeliveryState::Owed),
        (Ok(500), DeliveryState::Owed),
        (Err("no connection".to_owned()), DeliveryState::Owed),
    ] {
        let store = Memory::new();
        let delivery = owed(&store);
        handle(&store, &Receiver::answering(answer.clone()), &delivery).await.unwrap();
        assert_eq!(row(&store).state, state, "{answer:?}");
    }
}

#[tokio::test]
async fn a_failed_try_puts_the_next_one_on_the_row_and_on_the_queue() {
    let store = Memory::new();
    let delivery = owed(&store);
    handle(&store, &Receiver::answering(Ok(500)), &delivery).await.unwrap();
    let row = row(&store);
    let wait = row.not_before.unwrap().since(Timestamp::now());
    assert!((3..=6).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(
        (row.attempts, row.claim, row.due_at),
        (1, None, row.not_before.map(|at| at + Duration::from_secs(30)))
    );
    assert!(matches!(store.sent()[..], [Sent::Webhook(_, delay)] if delay <= Duration::from_secs(6)));
}

#[tokio::test]
async fn the_same_message_again_sends_nothing_again() {
    let store = Memory::new();
    let delivery = owed(&store);
    let receiver = Receiver::default();
    for _ in 0..3 {
        handle(&store, &receiver, &delivery).await.unwrap();
    }
    assert_eq!(receiver.got.lock().unwrap().len(), 1);
}

/// A sender took it on at `at`, for a minute.
fn taken(delivery: &mut Delivery, at: Timestamp) {
    let claim = Lease { id: LeaseId::new(), until: at + Duration::from_secs(60) };
    delivery.take_on(claim, at, Tempo::REAL, 0.5);
}

#[tokio::test]
async fn a_claimed_webhook_is_left_to_its_sender_until_the_claim_lapses() {
    let store = Memory::new();
    let mut delivery = owed(&store);
    taken(&mut delivery, Timestamp::now());
    store.put_delivery(&delivery);
    let receiver = Receiver::default();
    handle(&store, &receiver, &delivery).await.unwrap();
    assert!(receiver.got.lock().unwrap().is_empty());

    let mut delivery = owed(&store);
    taken(&mut delivery, Timestamp::now() - Duration::from_secs(60));
    store.put_delivery(&delivery);
    handle(&store, &receiver, &delivery).await.unwrap();
    let got = receiver.got.lock().unwrap();
    assert_eq!(got[0].id, delivery.id.to_string());
}

#[tokio::test]
async fn a_sender_that_died_at_the_last_try_is_followed_by_another_and_that_ones_answer_counts() {
    for (answer, state) in [(500, DeliveryState::GivenUp), (204, DeliveryState::Delivered)] {
        let store = Memory::new();
        let mut delivery = owed(&store);
        taken(&mut delivery, Timestamp::now() - Duration::from_secs(60));
        delivery.rung = 10;
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
    delivery.lost = 9;
    store.put_delivery(&delivery);
    let (calls, row) = tried(&store, &delivery, Ok(204)).await;
    assert_eq!((calls, row.state, row.claim), (0, DeliveryState::GivenUp, None));
}

#[tokio::test]
async fn every_try_carries_the_same_id_and_the_same_body() {
    let store = Memory::new();
    let delivery = owed(&store);
    let receiver = Receiver::answering(Ok(500));
    handle(&store, &receiver, &delivery).await.unwrap();
    let mut again = row(&store);
    again.not_before = None;
    store.put_delivery(&again);
    handle(&store, &receiver, &delivery).await.unwrap();
    let got = receiver.got.lock().unwrap();
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
        async fn post(&self, _: &Url, _: Signed) -> Result<Answer, String> {
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
    async fn post(&self, _: &Url, _: Signed) -> Result<Answer, String> {
        let mut row = row(self.0);
        assert!(!row.redeliver(Timestamp::now()));
        self.0.save_delivery(&mut row).await.unwrap();
        Ok(plain(self.1))
    }
}

#[tokio::test]
async fn who_wants_a_webhook_again_while_it_is_under_way_gets_it_unless_the_try_succeeds() {
    for (status, state) in [(500, DeliveryState::Owed), (204, DeliveryState::Delivered)] {
        let store = Memory::new();
        let mut delivery = owed(&store);
        delivery.rung = 9;
        store.put_delivery(&delivery);
        handle(&store, &WantedMeanwhile(&store, status), &delivery).await.unwrap();
        let row = row(&store);
        assert_eq!((row.state, row.claim, row.again), (state, None, false));
        assert_eq!(row.log[0].status, Some(status), "what came of the try is not lost");
        if state == DeliveryState::Owed {
            assert!(matches!(store.sent()[..], [Sent::Webhook(_, Duration::ZERO)]), "{:?}", store.sent());
            assert_eq!(tried(&store, &delivery, Ok(500)).await.1.rung, 1, "from the foot of the ladder");
        }
    }
}

#[tokio::test]
async fn a_sender_whose_claim_is_another_ones_by_now_writes_nothing() {
    struct TakenMeanwhile<'a>(&'a Memory);
    #[async_trait]
    impl Post for TakenMeanwhile<'_> {
        async fn post(&self, _: &Url, _: Signed) -> Result<Answer, String> {
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
    assert!(row.claim.is_some() && row.log[1].status.is_none(), "{row:?}");
}

#[tokio::test]
async fn a_try_that_cannot_be_signed_is_no_try() {
    let store = Memory::new();
    let delivery = owed(&store);
    store.fail_next("read", StoreError::Unavailable("down".into()));
    assert!(handle(&store, &Receiver::default(), &delivery).await.is_err());
    assert_eq!(row(&store).attempts, 0);
}

/// How often the receiver was called, and the row then.
async fn tried(store: &Memory, delivery: &Delivery, answer: Result<u16, String>) -> (usize, Delivery) {
    let receiver = Receiver::answering(answer);
    handle(store, &receiver, delivery).await.unwrap();
    let calls = receiver.got.lock().unwrap().len();
    (calls, store.deliveries().into_iter().find(|row| row.id == delivery.id).unwrap())
}

#[tokio::test]
async fn what_finds_no_place_at_its_host_waits_and_that_is_no_try() {
    let store = Memory::new();
    let delivery = owed(&store);
    let until = Timestamp::now() + Duration::from_secs(60);
    for _ in 0..2 {
        store.begin_request("example.com:443", Timestamp::now(), until).await.unwrap().unwrap();
    }
    let (calls, row) = tried(&store, &delivery, Ok(200)).await;
    assert_eq!((calls, row.attempts, row.waits, row.claim), (0, 0, 1, None));
    assert!(row.not_before.is_some());
    assert!(matches!(store.sent()[..], [Sent::Webhook(_, delay)] if delay <= Duration::from_secs(2)));
    assert_eq!(tried(&store, &delivery, Ok(200)).await.0, 0, "too early");
    assert_eq!(store.sent().len(), 1, "one message and no more waits for its turn");
}

#[tokio::test]
async fn a_dot_at_the_end_of_a_hosts_name_gives_it_no_further_places() {
    let store = Memory::new();
    let mut delivery = owed(&store);
    delivery.url = WebhookUrl::parse("https://example.com./hook", WebhookReach::Public).unwrap();
    store.put_delivery(&delivery);
    let until = Timestamp::now() + Duration::from_secs(60);
    for _ in 0..2 {
        store.begin_request("example.com:443", Timestamp::now(), until).await.unwrap().unwrap();
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
    assert!(handle(&store, &Receiver::default(), &delivery).await.is_err());
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
fn failing(delivery: &Delivery) -> domain::webhooks::Receiver {
    let now = Timestamp::now();
    let mut receiver = domain::webhooks::Receiver::new(delivery.client_id.clone(), delivery.url.clone(), now);
    receiver.failed(now - Duration::from_secs(5 * 24 * 3600), Tempo::REAL);
    receiver.revision = 1;
    receiver
}

#[tokio::test]
async fn a_url_that_has_only_failed_for_five_days_is_switched_off_and_keeps_its_events() {
    let store = Memory::new();
    let first = owed(&store);
    store.put_receiver(&failing(&first));
    let (calls, row) = tried(&store, &first, Ok(500)).await;
    assert_eq!((calls, row.parked, row.state), (1, true, DeliveryState::Owed));
    assert!(store.receivers()[0].is_off());

    let second = owed(&store);
    let (calls, row) = tried(&store, &second, Ok(200)).await;
    assert_eq!((calls, row.parked, row.attempts), (0, true, 0), "its day has not come");

    let mut wanted = row;
    assert!(wanted.redeliver(Timestamp::now()));
    store.put_delivery(&wanted);
    let (calls, row) = tried(&store, &second, Ok(200)).await;
    assert_eq!((calls, row.state), (1, DeliveryState::Delivered), "who sends by hand means it");
    assert!(!store.receivers()[0].is_off(), "the first success switches it on");
    assert!(store.receivers()[0].due_at.is_some(), "and the sweep lets the others go");
}

/// A webhook that is parked at a URL whose try of the day has come.
fn parked(store: &Memory) -> Delivery {
    let mut delivery = owed(store);
    let (now, day) = (Timestamp::now(), Duration::from_secs(24 * 3600));
    let mut receiver = domain::webhooks::Receiver::new(delivery.client_id.clone(), delivery.url.clone(), now);
    receiver.failed(now - 6 * day, Tempo::REAL);
    receiver.failed(now - day, Tempo::REAL);
    receiver.revision = 1;
    assert!(receiver.is_off());
    store.put_receiver(&receiver);
    delivery.park(Timestamp::now());
    store.put_delivery(&delivery);
    delivery
}

#[tokio::test]
async fn the_try_of_the_day_waits_for_a_place_and_is_made_then() {
    let store = Memory::new();
    let delivery = parked(&store);
    let receiver = store.receivers().remove(0);
    let until = Timestamp::now() + Duration::from_secs(60);
    let mut places = vec![];
    for _ in 0..2 {
        places.extend(store.begin_request("example.com:443", Timestamp::now(), until).await.unwrap());
    }
    let (calls, row) = tried(&store, &delivery, Ok(200)).await;
    assert_eq!((calls, row.parked, row.waits), (0, true, 1));
    assert_eq!(store.receivers(), [receiver], "its day is not over");
    assert!(matches!(store.sent()[..], [Sent::Webhook(_, delay)] if delay <= Duration::from_secs(2)));

    store.end_request("example.com:443", places[0], None).await.unwrap();
    store.put_delivery(&Delivery { not_before: None, ..row });
    let (calls, row) = tried(&store, &delivery, Ok(200)).await;
    assert_eq!((calls, row.state), (1, DeliveryState::Delivered));
    assert!(!store.receivers()[0].is_off());
}

#[tokio::test]
async fn of_a_url_that_is_off_one_webhook_a_day_is_tried() {
    let store = Memory::new();
    let delivery = parked(&store);
    let (calls, row) = tried(&store, &delivery, Ok(500)).await;
    assert_eq!((calls, row.parked, row.attempts), (1, true, 1));
    let (calls, _) = tried(&store, &delivery, Ok(500)).await;
    assert_eq!((calls, store.under_way("example.com:443").0.len()), (0, 0), "and no place is kept");
    let next = store.receivers()[0].probe_at().unwrap().since(Timestamp::now());
    assert!(next > Duration::from_secs(23 * 3600), "{next:?}");
}

#[tokio::test]
async fn one_success_ends_what_was_counted_against_a_url() {
    let store = Memory::new();
    let delivery = owed(&store);
    store.put_receiver(&failing(&delivery));
    tried(&store, &delivery, Ok(200)).await;
    assert_eq!(store.receivers()[0].failing_since, None);
    let healthy = Memory::new();
    let delivery = owed(&healthy);
    tried(&healthy, &delivery, Ok(200)).await;
    assert!(healthy.receivers().is_empty(), "a URL that does well has no row");
}

#[tokio::test]
async fn a_rotated_secret_and_the_one_before_it_both_sign() {
    let store = Memory::new();
    let delivery = owed(&store);
    let first = Generations::default();
    let second = first.rotated(Timestamp::now(), Duration::from_secs(60));
    store.replace_generations(&delivery.client_id, &first, &second).await.unwrap();
    let receiver = Receiver::default();
    handle(&store, &receiver, &delivery).await.unwrap();
    let master = store.read().await.unwrap();
    let got = receiver.got.lock().unwrap();
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
    assert_eq!(HttpPost::new(WebhookReach::Local).unwrap().post(&url, signed()).await, Ok(plain(307)));
}

#[tokio::test]
async fn a_receiver_that_says_when_to_come_again_is_left_alone_until_then() {
    for (status, counts) in [(429, true), (503, true), (500, false)] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).insert_header("retry-after", "600");
        Mock::given(method("POST")).respond_with(answer).expect(1).mount(&server).await;
        let store = Memory::new();
        let mut delivery = owed(&store);
        delivery.url = WebhookUrl::parse(&server.uri(), WebhookReach::Local).unwrap();
        store.put_delivery(&delivery);
        handle(&store, &HttpPost::new(WebhookReach::Local).unwrap(), &delivery).await.unwrap();
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
    let post = HttpPost::new(WebhookReach::Local).unwrap();
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
    let problem = HttpPost::new(WebhookReach::Local).unwrap().post(&url, signed()).await.unwrap_err();
    assert!(!problem.contains("secret-token"), "{problem}");
}

#[tokio::test]
async fn where_only_public_receivers_are_allowed_nothing_reaches_this_machine() {
    let server = MockServer::start().await;
    let post = HttpPost::new(WebhookReach::Public).unwrap();
    let port = server.address().port();
    for url in [server.uri(), format!("https://127.0.0.1:{port}/"), format!("https://localhost:{port}/")] {
        let problem = post.post(&url.parse().unwrap(), signed()).await.unwrap_err();
        assert!(problem.ends_with("allowed"), "{url}: {problem}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}
