//! Webhooks that wait for a permit of their host, and those of another client to the same host. The jobs are
//! saved as ended, in the same transaction as a worker's last one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::dynamodb::JobsTable;
use aws::keys;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::jobs::{JobStore as _, WebhookEvent, WebhookTarget, WebhookUrl, WebhookUrlPolicy};
use domain::webhooks::{Delivery, DeliveryState, DeliveryStore as _};
use futures_util::{StreamExt as _, stream};
use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::moody::{Mood, Moody};
use serde_json::{Value, json};

use crate::Round;

/// How many webhooks of the one client hang, or wait until they may: those of two batches of a hundred jobs
/// with three events each.
const HANGING: usize = 600;
/// How many webhooks of the other client follow.
const NEIGHBORS: usize = 20;
/// The time that the issue allows for each of them.
const ALLOWED: Duration = Duration::from_secs(5);
/// For how long the calls to AWS are counted.
const WINDOW: Duration = Duration::from_secs(20);
/// The calls that the sender and the sweeper made in a second of that window when each waiting webhook looked
/// for a permit by itself: about 19 looks with 5 calls each.
const CALLS_BEFORE: usize = 95;

/// The time that the issue allows for one request to redeliver a range.
const REDELIVERY_ALLOWED: Duration = Duration::from_secs(10);

/// Redelivers all webhooks of client `local` since then, and returns how long each request took.
async fn redeliver_all(cloud: &Cloud, since: Timestamp) -> Vec<Duration> {
    let (mut pages, mut count) = (Vec::new(), 0);
    let mut body = json!({"since": since.to_string(), "until": Timestamp::now().to_string()});
    loop {
        let began = Instant::now();
        let request = cloud.api(reqwest::Method::POST, "/webhooks/redeliver").json(&body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        pages.push(began.elapsed());
        count += answer["count"].as_u64().unwrap_or_else(|| panic!("{answer}"));
        match answer.get("nextCursor") {
            Some(next) => body["cursor"] = next.clone(),
            None => break,
        }
    }
    assert_eq!(count, HANGING as u64, "each of them once");
    pages
}

/// Saves a cancelled job of `client` with a webhook to `url`.
async fn end_job(jobs: &JobsTable, client: &str, url: &str) -> Delivery {
    let mut job = testkit::job("a kite", Timestamp::now());
    job.revision = 0;
    job.client_id = client.parse().unwrap();
    let url = WebhookUrl::parse(url, WebhookUrlPolicy::AllowLoopbackHttp).unwrap();
    job.webhook = Some(WebhookTarget { url, events: vec![WebhookEvent::Cancelled] });
    let now = Timestamp::now();
    job.cancel(now).unwrap();
    let delivery = job.delivery(WebhookEvent::Cancelled, now).unwrap();
    jobs.save(&mut job, Some(&delivery)).await.unwrap();
    delivery
}

/// The webhooks that a sender has logged this about.
fn logged(cloud: &Cloud, message: &str) -> BTreeSet<String> {
    let lines = cloud.log("webhook-sender");
    let about = lines.iter().filter(|line| line.contains(message));
    let parsed = about.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter_map(|line| Some(line["webhookId"].as_str()?.to_owned())).collect()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("webhooks_without_a_permit_are_woken_when_one_is_free", |cloud| async move {
        let host = Moody::start(Mood::Hanging).await;
        let jobs = &cloud.jobs();
        let url = host.url();
        let end = |_| end_job(jobs, "client-c", url);
        let all: Vec<_> = stream::iter(0..14).map(end).buffered(1).collect().await;
        eventually("ten hang and four wait", async || {
            let waiting = logged(&cloud, "the host has no free permit");
            let waiting = all.iter().filter(|one| waiting.contains(&one.id.to_string())).count();
            (host.met().len() >= 10 && waiting >= 4).then_some(())
        })
        .await;
        assert!(host.met().len() <= 10, "{} requests at a time", host.met().len());
        host.recover();
        eventually("all of them arrive", async || (host.accepted() == 14).then_some(())).await;
    });

    round.test("row_of_a_newer_release_is_postponed_by_the_sweeper", |cloud| async move {
        let host = Moody::start(Mood::Fine).await;
        let delivery = end_job(&cloud.jobs(), "client-c", host.url()).await;
        eventually("it is delivered", async || {
            let row = cloud.jobs().load_delivery(delivery.job_id, delivery.id).await.unwrap();
            row.is_some_and(|row| row.state == DeliveryState::Delivered).then_some(())
        })
        .await;
        let text = |text: String| AttributeValue::S(text);
        let (pk, sk) = (keys::job_partition(delivery.job_id), keys::webhook_sort(delivery.id));
        let table = cloud.output("JobsTable");
        let update = cloud.dynamodb.update_item().table_name(table).key("pk", text(pk.clone()));
        update
            .key("sk", text(sk.clone()))
            .update_expression("SET #state = :paused, dueAt = :past, dueShard = :shard")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":paused", text("paused".to_owned()))
            .expression_attribute_values(":past", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":shard", text(keys::due_shard(delivery.job_id)))
            .send()
            .await
            .unwrap();
        let row = eventually("it is postponed", async || {
            cloud.sweep().await;
            let get = cloud.dynamodb.get_item().table_name(table).consistent_read(true);
            let row = get.key("pk", text(pk.clone())).key("sk", text(sk.clone())).send().await.unwrap();
            row.item.filter(|row| row.contains_key("postponed"))
        })
        .await;
        let due_at: i64 = row["dueAt"].as_n().unwrap().parse().unwrap();
        assert!(due_at > Timestamp::now().millis() && row["state"] == text("paused".to_owned()), "{row:?}");
        let delete = cloud.dynamodb.delete_item().table_name(table).key("pk", text(pk)).key("sk", text(sk));
        delete.send().await.unwrap();
    });
}

pub(crate) fn alone(round: &mut Round<'_>) {
    round.with_own_cloud("hanging_webhooks_of_one_client_delay_no_other_client", || async move {
        let cloud = Arc::new(Cloud::start().await);
        a_hanging_path_delays_no_other_client(&cloud).await;
        let left = Arc::into_inner(cloud).unwrap().stop().await;
        assert!(left.is_empty(), "{left:?}");
    });
}

async fn a_hanging_path_delays_no_other_client(cloud: &Cloud) {
    let host = Moody::start(Mood::HangingAt("/bad")).await;
    let jobs = &cloud.jobs();
    let (bad, good) = (host.url_of("/bad"), host.url_of("/good"));
    let (since, end) = (Timestamp::now(), |_| end_job(jobs, "local", &bad));
    let hanging: Vec<_> = stream::iter(0..HANGING).map(end).buffer_unordered(16).collect().await;
    eventually("each of them hangs or waits", async || {
        let mut seen = logged(cloud, "the host has no free permit");
        seen.extend(host.met().into_keys());
        hanging.iter().all(|one| seen.contains(&one.id.to_string())).then_some(())
    })
    .await;

    let mut slowest = Duration::ZERO;
    for _ in 0..NEIGHBORS {
        let began = Instant::now();
        let delivery = end_job(jobs, "client-a", &good).await;
        let id = delivery.id.to_string();
        eventually("the other client's webhook arrives", async || {
            host.met().get(&id).is_some_and(|met| met.accepted == 1).then_some(())
        })
        .await;
        slowest = slowest.max(began.elapsed());
    }
    let before = cloud.calls_so_far();
    tokio::time::sleep(WINDOW).await;
    let mut calls = cloud.calls_of("webhook-sender", before);
    calls.extend(cloud.calls_of("sweeper", before));
    let a_second = calls.len() as f64 / WINDOW.as_secs_f64();
    eprintln!("the slowest took {slowest:?}; {a_second} calls a second while {HANGING} wait");
    let pages = redeliver_all(cloud, since).await;
    eprintln!("redelivering {HANGING} took {pages:?}");
    assert!(pages.iter().all(|page| *page < REDELIVERY_ALLOWED), "{pages:?}");
    assert!(slowest < ALLOWED, "{slowest:?}");
    assert!(calls.len() * 10 <= CALLS_BEFORE * WINDOW.as_secs() as usize, "{a_second} calls a second");
}
