//! Webhooks that find no free permit of their host: they wait in a line and are woken.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use domain::jobs::{WebhookUrl, WebhookUrlPolicy};
use domain::store::StoreError;
use domain::webhooks::{
    Acquisition, Delivery, DeliveryState, EndpointResponse, HostLimits, HostPermit, HostPermitStore as _,
    Lane, MessagePurpose, Release, Turn, WebhookMessage,
};
use domain::{Timestamp, WebhookId};
use testkit::{Memory, Sent};
use url::Url;
use webhook_sender::deliver;
use webhook_sender::post::{Post, Signed};

use crate::deliver::{WebhookEndpoint, attempt, deps, held, pending, plain};

const HOST: &str = "example.com:443";

fn lane(delivery: &Delivery) -> Lane {
    Lane::of(&delivery.client_id, delivery.url.url())
}

/// Acquires every permit of the host that the lane may use.
async fn take_all(store: &Memory, lane: &Lane) -> Vec<HostPermit> {
    let (now, mut taken) = (Timestamp::now(), vec![]);
    let until = now + Duration::from_secs(60);
    while let Acquisition::Acquired(permit, _) =
        store.acquire_host_permit(HOST, lane, Turn::Next, now, until).await.unwrap()
    {
        taken.push(permit);
    }
    assert!(!taken.is_empty());
    taken
}

/// Handles a message that was sent.
async fn receive(store: &Memory, post: &dyn Post, message: WebhookMessage) -> Result<(), domain::Error> {
    deliver::deliver(&deps(store, post), message, Timestamp::now() + Duration::from_secs(30)).await
}

fn message(delivery: &Delivery, purpose: MessagePurpose) -> WebhookMessage {
    WebhookMessage::to(delivery, purpose)
}

fn row(store: &Memory, id: WebhookId) -> Delivery {
    store.deliveries().into_iter().find(|row| row.id == id).unwrap()
}

/// The messages that were sent since the first `seen`: which webhook, why, and after what delay.
fn sent(store: &Memory, seen: usize) -> Vec<(WebhookId, MessagePurpose, Duration)> {
    let messages = store.sent().into_iter().skip(seen).map(|sent| match sent {
        Sent::Webhook(WebhookMessage::V1 { webhook_id, purpose, .. }, delay) => (webhook_id, purpose, delay),
        other @ Sent::Job(..) => panic!("{other:?}"),
    });
    messages.collect()
}

fn waiting(store: &Memory, lane: &Lane) -> Vec<WebhookId> {
    store.line(HOST, lane).into_iter().map(|entry| entry.webhook_id).collect()
}

#[tokio::test]
async fn webhook_without_permit_joins_the_line_with_few_calls() {
    let store = Memory::new();
    let first = pending(&store);
    take_all(&store, &lane(&first)).await;
    let seen = store.calls().len();
    let (calls, row) = attempt(&store, &first, Ok(200)).await;
    assert_eq!((calls, row.attempts, row.deferrals, row.lease, row.not_before), (0, 0, 1, None, None));
    let due = row.due_at.unwrap().since(Timestamp::now()).as_secs();
    assert!((595..=600).contains(&due), "the sweeper looks after {due} s");
    assert_eq!(waiting(&store, &lane(&first)), [first.id]);
    let mut used = store.calls()[seen..].to_vec();
    used.sort_unstable();
    let needed = ["acquire_host_permit", "join_line", "load_delivery", "register_line", "save_delivery"];
    let watch = ["send_webhook", "watch_line"];
    assert_eq!(used, [&needed[..], &watch[..]].concat(), "no secret is read for it");

    // The next one leaves the watch to the first.
    let second = pending(&store);
    let seen = store.calls().len();
    attempt(&store, &second, Ok(200)).await;
    let mut used = store.calls()[seen..].to_vec();
    used.sort_unstable();
    assert_eq!(used, needed);
    assert_eq!(waiting(&store, &lane(&first)), [first.id, second.id]);
    attempt(&store, &first, Ok(200)).await;
    assert_eq!(waiting(&store, &lane(&first)), [first.id, second.id], "it keeps its place");
}

#[tokio::test]
async fn released_permit_wakes_the_first_in_the_line() {
    let store = Memory::new();
    let (first, second) = (pending(&store), pending(&store));
    let lane = lane(&first);
    let held = take_all(&store, &lane).await;
    let third = pending(&store);
    for delivery in [&first, &second, &third] {
        attempt(&store, delivery, Ok(200)).await;
    }
    store.release_host_permit(HOST, held[0], &Release::default()).await.unwrap();
    let seen = store.sent().len();
    let endpoint = WebhookEndpoint::default();
    receive(&store, &endpoint, message(&first, MessagePurpose::Turn)).await.unwrap();
    assert_eq!(row(&store, first.id).state, DeliveryState::Delivered);
    // Nobody has taken `first` out of its line in this test.
    assert_eq!(sent(&store, seen), [(first.id, MessagePurpose::Turn, Duration::ZERO)]);
    let seen = store.sent().len();
    receive(&store, &endpoint, message(&first, MessagePurpose::Turn)).await.unwrap();
    assert_eq!(
        sent(&store, seen),
        [(second.id, MessagePurpose::Turn, Duration::ZERO)],
        "it passes its turn on"
    );
    let seen = store.sent().len();
    receive(&store, &endpoint, message(&second, MessagePurpose::Turn)).await.unwrap();
    assert_eq!(sent(&store, seen), [(third.id, MessagePurpose::Turn, Duration::ZERO)]);
    receive(&store, &endpoint, message(&third, MessagePurpose::Turn)).await.unwrap();
    assert!(store.host(HOST).lines.is_empty(), "the empty line is closed");
    assert_eq!(endpoint.got.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn newcomer_does_not_overtake_those_that_wait() {
    let store = Memory::new();
    let (first, newcomer) = (pending(&store), pending(&store));
    let lane = lane(&first);
    let held = take_all(&store, &lane).await;
    attempt(&store, &first, Ok(200)).await;
    // Its holder died before it could wake anybody.
    store.release_host_permit(HOST, held[0], &Release::default()).await.unwrap();
    let seen = store.sent().len();
    assert_eq!(attempt(&store, &newcomer, Ok(200)).await.0, 0);
    assert_eq!(waiting(&store, &lane), [first.id, newcomer.id]);
    end_watch(&store, &lane).await;
    receive(&store, &Failing, message(&first, MessagePurpose::Watch)).await.unwrap();
    let woken: Vec<_> = sent(&store, seen).into_iter().map(|(id, purpose, _)| (id, purpose)).collect();
    assert_eq!(woken, [(first.id, MessagePurpose::Watch), (first.id, MessagePurpose::Turn)]);
}

#[tokio::test]
async fn permit_freed_while_joining_the_line_is_used_at_once() {
    let store = Memory::new();
    let delivery = pending(&store);
    // The line is registered but empty: its last delivery was woken, and nobody has closed it yet.
    store.register_line(HOST, &lane(&delivery), Timestamp::now()).await.unwrap();
    let (calls, row) = attempt(&store, &delivery, Ok(200)).await;
    assert_eq!((calls, row.state), (1, DeliveryState::Delivered));
    assert!(store.host(HOST).lines.is_empty());
    assert!(store.sent().is_empty(), "{:?}", store.sent());
}

#[tokio::test]
async fn watch_wakes_the_line_after_a_lost_wake_up() {
    let store = Memory::new();
    let delivery = pending(&store);
    let lane = lane(&delivery);
    let held = take_all(&store, &lane).await;
    attempt(&store, &delivery, Ok(200)).await;
    let [(watcher, MessagePurpose::Watch, delay)] = sent(&store, 0)[..] else { panic!("{:?}", store.sent()) };
    assert_eq!(watcher, delivery.id);
    assert!((20..40).contains(&delay.as_secs()), "{delay:?}");
    store.release_host_permit(HOST, held[0], &Release::default()).await.unwrap();

    // It comes before the watch is over: another delivery watches, as far as it knows.
    let endpoint = WebhookEndpoint::default();
    receive(&store, &endpoint, message(&delivery, MessagePurpose::Watch)).await.unwrap();
    assert_eq!(store.sent().len(), 1);
    end_watch(&store, &lane).await;
    receive(&store, &endpoint, message(&delivery, MessagePurpose::Watch)).await.unwrap();
    let after: Vec<_> = sent(&store, 1).into_iter().map(|(id, purpose, _)| (id, purpose)).collect();
    assert_eq!(after, [(delivery.id, MessagePurpose::Watch), (delivery.id, MessagePurpose::Turn)]);
    receive(&store, &endpoint, message(&delivery, MessagePurpose::Turn)).await.unwrap();
    assert_eq!(row(&store, delivery.id).state, DeliveryState::Delivered);
    end_watch(&store, &lane).await;
    let seen = store.sent().len();
    receive(&store, &endpoint, message(&delivery, MessagePurpose::Watch)).await.unwrap();
    assert_eq!(sent(&store, seen), [], "the line is closed, so the watch ends");
}

/// Lets the watch over a line expire.
async fn end_watch(store: &Memory, lane: &Lane) {
    let later = Timestamp::now() + Duration::from_secs(3600);
    store.watch_line(HOST, lane, later, Timestamp::from_millis(0)).await.unwrap();
}

#[tokio::test]
async fn further_free_permits_wake_further_deliveries() {
    let store = Memory::new();
    store.limit_host(HOST, HostLimits::new(8, 4));
    let all: Vec<_> = (0..5).map(|_| pending(&store)).collect();
    let lane = lane(&all[0]);
    let held = take_all(&store, &lane).await;
    for delivery in &all {
        attempt(&store, delivery, Ok(200)).await;
    }
    // Their holders died: four permits are free, and nobody was woken.
    for permit in held {
        store.release_host_permit(HOST, permit, &Release::default()).await.unwrap();
    }
    let seen = store.sent().len();
    let pass_on = message(&all[0], MessagePurpose::Turn);
    receive(&store, &Failing, pass_on).await.unwrap();
    let woken = sent(&store, seen).into_iter().filter(|one| one.1 == MessagePurpose::Turn).count();
    assert_eq!(woken, 2, "one when its permit was acquired and one when it was released");
}

struct Failing;

#[async_trait]
impl Post for Failing {
    async fn post(&self, _: &Url, _: Signed) -> Result<EndpointResponse, String> {
        Ok(plain(500))
    }
}

/// Gets no answer, which takes five seconds.
struct Slow;

#[async_trait]
impl Post for Slow {
    async fn post(&self, _: &Url, _: Signed) -> Result<EndpointResponse, String> {
        tokio::time::sleep(Duration::from_millis(5050)).await;
        Err("no answer in time".to_owned())
    }
}

fn at_path(store: &Memory, client: &str, path: &str) -> Delivery {
    let mut delivery = pending(store);
    delivery.client_id = client.parse().unwrap();
    let url = format!("https://example.com{path}");
    delivery.url = WebhookUrl::parse(&url, WebhookUrlPolicy::HttpsOnly).unwrap();
    store.put_delivery(&delivery);
    delivery
}

#[tokio::test]
async fn slow_path_of_one_client_slows_no_other_path_or_client() {
    let store = Memory::new();
    store.limit_host(HOST, HostLimits::new(64, 10));
    let bad = at_path(&store, "client-b", "/bad");
    receive(&store, &Slow, message(&bad, MessagePurpose::Attempt)).await.unwrap();
    assert_eq!(store.host(HOST).slow.keys().copied().collect::<Vec<_>>(), [lane(&bad)]);
    assert_eq!(take_all(&store, &lane(&bad)).await.len(), 2);
    let good = at_path(&store, "client-b", "/good");
    assert_eq!(attempt(&store, &good, Ok(200)).await.0, 1);
    let other = at_path(&store, "client-a", "/bad");
    assert_eq!(attempt(&store, &other, Ok(200)).await.0, 1);
    assert_eq!(attempt(&store, &at_path(&store, "client-b", "/bad"), Ok(200)).await.0, 0);
}

#[tokio::test]
async fn many_waiting_webhooks_cost_a_bounded_number_of_calls_each() {
    let store = Memory::new();
    const WEBHOOKS: usize = 200;
    let all: Vec<_> = (0..WEBHOOKS).map(|_| pending(&store)).collect();
    let held = take_all(&store, &lane(&all[0])).await;
    for delivery in &all {
        attempt(&store, delivery, Ok(200)).await;
    }
    let mut seen = store.sent().len();
    let endpoint = WebhookEndpoint::default();
    // The holder of the first permit is done; the other's never is.
    store.release_host_permit(HOST, held[0], &Release::default()).await.unwrap();
    let mut queue = VecDeque::from([message(&all[0], MessagePurpose::Turn)]);
    while let Some(next) = queue.pop_front() {
        receive(&store, &endpoint, next).await.unwrap();
        let new: Vec<_> = store.sent().into_iter().skip(seen).collect();
        seen += new.len();
        queue.extend(new.into_iter().map(|sent| match sent {
            Sent::Webhook(message, _) => message,
            other @ Sent::Job(..) => panic!("{other:?}"),
        }));
    }
    assert_eq!(endpoint.got.lock().unwrap().len(), WEBHOOKS);
    assert!(store.deliveries().iter().all(|row| row.state == DeliveryState::Delivered));
    let order: Vec<_> = endpoint.got.lock().unwrap().iter().map(|signed| signed.id.clone()).collect();
    assert_eq!(order, all.iter().map(|one| one.id.to_string()).collect::<Vec<_>>(), "first in, first out");
    let calls = store.calls().len();
    assert!(calls <= 20 * WEBHOOKS, "{calls} calls for {WEBHOOKS} webhooks");
}

#[tokio::test]
async fn trailing_dot_of_a_host_shares_its_permits() {
    let store = Memory::new();
    let mut delivery = pending(&store);
    delivery.url = WebhookUrl::parse("https://example.com./hook", WebhookUrlPolicy::HttpsOnly).unwrap();
    store.put_delivery(&delivery);
    take_all(&store, &lane(&delivery)).await;
    assert_eq!(attempt(&store, &delivery, Ok(200)).await.0, 0);
}

#[tokio::test]
async fn daily_probe_waits_for_a_host_permit() {
    let store = Memory::new();
    let delivery = held(&store);
    let endpoint = store.endpoints().remove(0);
    let permits = take_all(&store, &lane(&delivery)).await;
    let (calls, row) = attempt(&store, &delivery, Ok(200)).await;
    assert_eq!((calls, row.held, row.due_at), (0, true, delivery.due_at));
    assert_eq!(store.endpoints(), [endpoint], "its probe is not used up");
    store.release_host_permit(HOST, permits[0], &Release::default()).await.unwrap();
    receive(&store, &WebhookEndpoint::default(), message(&delivery, MessagePurpose::Turn)).await.unwrap();
    assert_eq!(store.deliveries()[0].state, DeliveryState::Delivered);
    assert!(!store.endpoints()[0].is_disabled());
}

#[tokio::test]
async fn failure_to_wake_does_not_fail_the_attempt() {
    let store = Memory::new();
    let (first, second) = (pending(&store), pending(&store));
    let held = take_all(&store, &lane(&first)).await;
    attempt(&store, &second, Ok(200)).await;
    store.release_host_permit(HOST, held[0], &Release::default()).await.unwrap();
    for call in ["take_first", "send_webhook"] {
        store.fail_next(call, StoreError::Unavailable("down".into()));
    }
    receive(&store, &WebhookEndpoint::default(), message(&first, MessagePurpose::Turn)).await.unwrap();
    assert_eq!(row(&store, first.id).state, DeliveryState::Delivered);
}
