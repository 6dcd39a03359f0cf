//! Many webhooks at endpoints that fail and hang, on a cloud of their own with a fast webhook time scale.
//! Most jobs are saved as ended, in the same transaction as a worker's last one. The jobs that test the
//! choice of events are made through the API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::dynamodb::JobsTable;
use domain::jobs::{JobStore as _, WebhookEvent, WebhookTarget, WebhookUrl, WebhookUrlPolicy};
use domain::webhooks::{
    Delivery, DeliveryList as _, DeliveryStore as _, TimeScale, WebhookEndpoint, WebhookEndpointId,
    WebhookEndpointStore as _,
};
use domain::{Job, Timestamp};
use futures_util::{StreamExt as _, stream};
use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::moody::{Mood, Moody};
use serde_json::json;

use crate::Round;

/// At this scale five minutes take 0.2 s, a day takes one minute, and three days take three minutes.
const TIME_SCALE: u32 = 1500;

/// A cancelled job and its pending webhook.
fn cancelled(url: &str) -> (Job, Option<Delivery>) {
    let mut job = testkit::job("a kite", Timestamp::now());
    job.revision = 0;
    job.client_id = "local".parse().unwrap();
    let url = WebhookUrl::parse(url, WebhookUrlPolicy::AllowLoopbackHttp).unwrap();
    job.webhook = Some(WebhookTarget { url, events: vec![WebhookEvent::Cancelled] });
    let now = Timestamp::now();
    job.cancel(now).unwrap();
    let owed = job.delivery(WebhookEvent::Cancelled, now);
    (job, owed)
}

/// Saves `count` ended jobs concurrently, with these endpoints in turn, and returns the pending webhooks.
async fn end_jobs(jobs: &JobsTable, urls: &[&str], count: usize) -> Vec<Delivery> {
    let end = |number: usize| async move {
        let (mut job, owed) = cancelled(urls[number % urls.len()]);
        jobs.save(&mut job, owed.as_ref()).await.unwrap();
        owed.unwrap()
    };
    stream::iter(0..count).map(end).buffer_unordered(16).collect().await
}

/// A job id and an event.
type Told = (String, String);

/// Makes jobs through the API that subscribe to every subset of these events, or to the default; half of
/// the jobs are refused. Returns, once all have ended, the webhooks that the endpoints must get.
async fn make_jobs(cloud: &Cloud, urls: &[&str]) -> BTreeSet<Told> {
    const EVENTS: [&str; 4] = ["job.queued", "job.started", "job.completed", "job.failed"];
    let make = |number: usize| async move {
        let (choice, refused) = (number / 2, number % 2 == 1);
        let chosen = |event: &usize| choice >> event & 1 == 1;
        let mut wanted: Vec<_> = (0..EVENTS.len()).filter(chosen).map(|event| EVENTS[event]).collect();
        let prompt = if refused { "[[refuse]] a kite" } else { "a kite" };
        let mut body = json!({"prompt": prompt, "webhookUrl": urls[number % urls.len()]});
        if wanted.is_empty() {
            wanted = vec!["job.completed", "job.failed", "job.cancelled"];
        } else {
            body["webhookEvents"] = json!(wanted);
        }
        let job = cloud.generate(body).await["jobId"].as_str().unwrap().to_owned();
        cloud.ended(&job).await;
        let happens = ["job.queued", "job.started", if refused { "job.failed" } else { "job.completed" }];
        let told = happens.into_iter().filter(|event| wanted.contains(event));
        told.map(|event| (job.clone(), event.to_owned())).collect::<Vec<_>>()
    };
    let all: Vec<_> = stream::iter(0..32).map(make).buffer_unordered(16).collect().await;
    all.concat().into_iter().collect()
}

pub(crate) fn alone(round: &mut Round<'_>) {
    round.with_own_cloud("bad_webhook_endpoints_delay_and_lose_nothing", || async move {
        let cloud = Arc::new(Cloud::start_hurried(TIME_SCALE).await);
        a_hanging_receiver_delays_no_other(&cloud).await;
        a_thousand_all_arrive_and_each_is_accepted_once(&cloud).await;
        a_url_is_switched_off_and_on(&cloud).await;
        let left = Arc::into_inner(cloud).unwrap().stop().await;
        assert!(left.is_empty(), "{left:?}");
    });
}

async fn a_hanging_receiver_delays_no_other(cloud: &Cloud) {
    let hanging = Moody::start(Mood::Hanging).await;
    let healthy = Moody::start(Mood::Fine).await;
    let jobs = cloud.jobs();
    end_jobs(&jobs, &[hanging.url()], 100).await;
    eventually("the first of them hangs", async || (!hanging.met().is_empty()).then_some(())).await;
    let began = Instant::now();
    end_jobs(&jobs, &[healthy.url()], 50).await;
    eventually("all at the healthy one arrive", async || (healthy.accepted() == 50).then_some(())).await;
    let ended: Vec<_> = hanging.met().into_values().filter_map(|met| met.first_end).collect();
    assert!(ended.is_empty(), "{} hanging tries ended before, after {:?}", ended.len(), began.elapsed());
    let max_concurrent = hanging.met().len();
    assert!((1..=10).contains(&max_concurrent), "{max_concurrent} requests at a time to one host");
    hanging.recover();
    eventually("what has hung or waited arrives", async || {
        cloud.sweep().await;
        (hanging.accepted() == 100).then_some(())
    })
    .await;
}

async fn a_thousand_all_arrive_and_each_is_accepted_once(cloud: &Cloud) {
    const WRITTEN: usize = 1000;
    let since = Timestamp::now();
    // On one host for all three, the hanging third would hold every concurrency permit.
    let receivers = [
        Moody::start(Mood::Failing).await,
        Moody::start(Mood::Hanging).await,
        Moody::start(Mood::Fine).await,
    ];
    let urls = receivers.each_ref().map(Moody::url);
    let jobs = cloud.jobs();
    let (owed, made) = tokio::join!(end_jobs(&jobs, &urls, WRITTEN), make_jobs(cloud, &urls));
    let written = owed.iter().map(|one| (one.job_id.to_string(), "job.cancelled".to_owned()));
    let told: BTreeSet<Told> = written.chain(made).collect();
    let all = told.len();
    let [failing, hanging, fine] = &receivers;
    eventually("some have failed, some hang, and some have arrived", async || {
        let bad = failing.met().len() > 50 && hanging.met().len() > 5;
        (bad && fine.accepted() > 50).then_some(())
    })
    .await;
    assert_eq!(failing.accepted() + hanging.accepted(), 0);
    receivers.iter().for_each(Moody::recover);
    let started = Instant::now();
    let accepted = || receivers.iter().map(Moody::accepted).sum::<usize>();
    while accepted() < all {
        assert!(started.elapsed() < Duration::from_secs(600), "only {} arrived", accepted());
        cloud.sweep().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let met: BTreeMap<_, _> = receivers.iter().flat_map(Moody::met).collect();
    let arrived: BTreeSet<Told> = met.values().map(|met| (met.job.clone(), met.event.clone())).collect();
    assert_eq!(arrived, told, "none lost, and none for what nobody asked for");
    assert_eq!(met.len(), all, "one id for each");
    for (id, met) in met {
        assert_eq!(met.accepted, 1, "{id}: {met:?}");
    }
    // Waiting for a permit is not an attempt, and every attempt is logged.
    let jobs = &cloud.jobs();
    let rows = stream::iter(&owed).map(|one| jobs.deliveries_of(one.job_id, None));
    let rows: Vec<_> = rows.buffer_unordered(16).map(Result::unwrap).collect().await;
    for row in rows.into_iter().flat_map(|page| page.deliveries) {
        assert_eq!(row.log.len(), row.attempts as usize, "{row:?}");
        assert!(row.log.iter().all(|attempt| attempt.status.is_some() || attempt.error.is_some()), "{row:?}");
    }
    let client = "local".parse().unwrap();
    let until = Timestamp::now() + Duration::from_secs(1);
    let page = jobs.deliveries_between(&client, since, until, None, 2000).await.unwrap();
    assert_eq!(page.keys.len(), all, "the index by time has them all, and no others");
}

async fn a_url_is_switched_off_and_on(cloud: &Cloud) {
    let receiver = Moody::start(Mood::Failing).await;
    let jobs = cloud.jobs();
    let (mut job, owed) = cancelled(receiver.url());
    let owed = owed.unwrap();
    // It has failed for five days, by the hurried clock.
    let long_ago = Timestamp::now() - TimeScale::times(TIME_SCALE).disable_after();
    let mut row = WebhookEndpoint::new(job.client_id.clone(), owed.url.clone(), long_ago);
    row.record_failure(long_ago, TimeScale::times(TIME_SCALE));
    jobs.save_endpoint(&mut row).await.unwrap();
    jobs.save(&mut job, Some(&owed)).await.unwrap();

    let id = WebhookEndpointId::of(&job.client_id, &owed.url);
    let state = async || {
        let delivery = jobs.load_delivery(owed.job_id, owed.id).await.unwrap().unwrap();
        (jobs.load_endpoint(&id).await.unwrap().unwrap().is_disabled(), delivery.held)
    };
    eventually("the URL is switched off", async || (state().await == (true, true)).then_some(())).await;
    assert_eq!(receiver.met().len(), 1);
    let more = end_jobs(&jobs, &[receiver.url()], 5).await;
    eventually("what comes later is kept and not tried", async || {
        let first = jobs.held_deliveries(&id, None, 4).await.unwrap();
        let rest = jobs.held_deliveries(&id, Some(first.next?), 100).await.unwrap();
        let all: BTreeSet<_> =
            [first.keys, rest.keys].concat().into_iter().map(|(job, _)| job.to_string()).collect();
        (all.len() == 1 + more.len()).then_some(())
    })
    .await;
    assert_eq!(receiver.met().values().map(|met| met.came).sum::<usize>(), 1);

    receiver.recover();
    // The sweep sends the daily probe; its success releases all held webhooks.
    eventually("everything arrives", async || {
        cloud.sweep().await;
        (receiver.accepted() == 1 + more.len()).then_some(())
    })
    .await;
    assert!(!state().await.0);
    for (id, met) in receiver.met() {
        assert_eq!(met.accepted, 1, "{id}");
    }
}
