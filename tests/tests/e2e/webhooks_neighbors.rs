//! Two clients whose webhooks go to the same host, on a cloud of their own: one client's path there hangs. The
//! jobs are saved as ended, in the same transaction as a worker's last one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::dynamodb::JobsTable;
use domain::Timestamp;
use domain::jobs::{JobStore as _, WebhookEvent, WebhookTarget, WebhookUrl, WebhookUrlPolicy};
use domain::webhooks::Delivery;
use futures_util::{StreamExt as _, stream};
use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::moody::{Mood, Moody};
use serde_json::Value;

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
    let end = |_| end_job(jobs, "client-b", &bad);
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
    assert!(slowest < ALLOWED, "{slowest:?}");
    assert!(calls.len() * 10 <= CALLS_BEFORE * WINDOW.as_secs() as usize, "{a_second} calls a second");
}
