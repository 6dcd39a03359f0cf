//! `automatic` with failing providers: which providers get how many requests, and at what cost.

use std::collections::BTreeMap;
use std::slice;
use std::time::{Duration, Instant};

use domain::Job;
use domain::providers::Reason;
use futures_util::stream::{self, StreamExt as _};
use semantest_tests::cloud::{Cloud, eventually};
use serde_json::{Value, json};
use testkit::standin::automatic1111::Automatic1111;
use testkit::standin::openai::{self, Act, OpenAi};
use testkit::standin::stability::{Stability, problem};

use crate::Round;

/// The capacity of each provider, in concurrent calls.
const AT_ONCE: usize = 3;

/// A cloud of its own with the providers of `automatic`, in order.
struct World {
    cloud: Cloud,
    openai: OpenAi,
    stability: Stability,
    own: Automatic1111,
}

impl World {
    async fn start() -> Self {
        Self::bearing(AT_ONCE, ["openai", "stability", "stable_diffusion"]).await
    }

    /// The same, where each provider bears so many calls at a time, and they are asked in this order.
    async fn bearing(max_concurrent: usize, order: [&str; 3]) -> Self {
        let openai = OpenAi::start().await;
        let stability = Stability::start("sk-canary-stability-automatic").await;
        let own = Automatic1111::start("semantest", "canary-automatic").await;
        let with = |mut settings: Value| {
            settings["concurrency"] = max_concurrent.into();
            settings
        };
        let document = json!({
            "openai": with(json!({"apiKey": openai::KEY, "baseUrl": openai.base_url()})),
            "stability": with(stability.settings()),
            "stableDiffusion": with(own.settings()),
            "order": order,
        });
        let cloud = Cloud::start_with(Some(&document)).await;
        Self { cloud, openai, stability, own }
    }

    /// The number of paid requests at each provider.
    fn paid(&self) -> BTreeMap<&'static str, usize> {
        let own = self.own.asked();
        BTreeMap::from([
            ("openai", self.openai.requests().len()),
            ("stability", self.stability.asked().len()),
            ("stable_diffusion", own.iter().filter(|asked| asked.path == "/sdapi/v1/txt2img").count()),
        ])
    }

    /// The number of paid requests at each provider for one job, by its unique prompt.
    fn paid_for(&self, prompt: &str) -> BTreeMap<&'static str, usize> {
        let (openai, own) = (self.openai.requests(), self.own.made());
        let stability = self.stability.made();
        let ours = |request: &&Value| request["prompt"].as_str() == Some(prompt);
        let paid = [
            ("openai", openai.iter().filter(ours).count()),
            ("stability", stability.iter().filter(|made| made.field("prompt") == Some(prompt)).count()),
            ("stable_diffusion", own.iter().filter(ours).count()),
        ];
        paid.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Waits until all these jobs have ended, and returns their rows.
    async fn ended(&self, jobs: &[String], patience: Duration) -> Vec<Job> {
        self.rows_at_the_end(jobs, patience, false).await
    }

    /// Like [`Self::ended`], running the sweeper once a second.
    async fn ended_by_sweeps(&self, jobs: &[String], patience: Duration) -> Vec<Job> {
        self.rows_at_the_end(jobs, patience, true).await
    }

    async fn rows_at_the_end(&self, jobs: &[String], patience: Duration, sweeping: bool) -> Vec<Job> {
        let begun = Instant::now();
        let (mut left, mut ended) = (jobs.to_vec(), Vec::new());
        loop {
            if sweeping {
                self.cloud.sweep().await;
            }
            // The rows of ended jobs do not change: reading them again would only keep the emulator busy.
            let rows = stream::iter(left).map(async |job| (self.cloud.job(&job).await, job));
            let rows: Vec<_> = rows.buffer_unordered(16).collect().await;
            let (over, open): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(row, _)| row.status.ended());
            ended.extend(over.into_iter().map(|(row, _)| row));
            left = open.into_iter().map(|(_, job)| job).collect();
            if left.is_empty() {
                return ended;
            }
            assert!(begun.elapsed() < patience, "{} jobs have not ended: {:?}", left.len(), self.paid());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// The calls that the rows record, by provider.
fn recorded(rows: &[Job]) -> BTreeMap<&str, usize> {
    let mut calls = BTreeMap::new();
    for one in rows.iter().flat_map(|row| &row.provider_attempts) {
        *calls.entry(one.provider.as_str()).or_default() += one.calls as usize;
    }
    calls
}

/// Tests that keep the whole machine busy.
pub(crate) fn with_many_jobs(round: &mut Round<'_>) {
    round.with_own_cloud("automatic_500_jobs_complete_despite_failing_providers", || async {
        let world = World::start().await;
        world.openai.always(Some(Act::error(500, &json!({"type": "server_error"}))));
        world.own.take(Duration::from_millis(400));
        let begun = Instant::now();
        // Stability refuses fifty of the prompts that it gets.
        for _ in 0..50 {
            world.stability.next(problem(403, "content_moderation", "Your request was flagged."));
        }
        let mut jobs = Vec::new();
        for first in [0, 100, 200, 300, 400] {
            let batch: Vec<_> = (first..first + 100)
                .map(|number| json!({"prompt": format!("kite {number}"), "size": "256x256"}))
                .collect();
            let body = json!({"userId": uuid::Uuid::new_v4(), "jobs": batch});
            let sent =
                world.cloud.api(reqwest::Method::POST, "/images/batch").json(&body).send().await.unwrap();
            assert_eq!(sent.status(), 202);
            let batch: Value = sent.json().await.unwrap();
            let ids = batch["jobs"].as_array().unwrap().iter();
            jobs.extend(ids.map(|job| job["jobId"].as_str().unwrap().to_owned()));
        }
        let rows = world.ended(&jobs, Duration::from_secs(400)).await;

        let mut refused = 0;
        for row in &rows {
            let reasons: Vec<_> =
                row.failed_attempts().map(|(one, failure)| (one.provider.as_str(), failure.reason)).collect();
            let at_stability = reasons.iter().filter(|(provider, _)| *provider == "stability").count();
            if row.status == domain::JobStatus::Failed {
                refused += 1;
                assert_eq!(at_stability, 1, "a refusal is told at once: {reasons:?}");
                assert_eq!(reasons.last(), Some(&("stability", Reason::Moderated)));
            } else {
                assert_eq!(row.status, domain::JobStatus::Completed, "{row:?}");
                assert_eq!(at_stability, 0, "{reasons:?}");
            }
            // A failure counts against a job only if no other provider had capacity at that time.
            let at_openai = reasons.iter().filter(|(provider, _)| *provider == "openai").count();
            assert!(row.failures as usize <= at_openai, "{reasons:?}");
        }
        assert_eq!(refused, 50);
        // Five failures open the circuit breaker, while other calls are in flight; then one job probes at
        // 30 s, 60 s …
        let trials = (begun.elapsed().as_secs() / 30) as usize;
        let paid = world.paid();
        assert!((5..=5 + AT_ONCE - 1 + trials).contains(&paid["openai"]), "{paid:?}");
        assert!(paid["stability"] > 100 && paid["stable_diffusion"] > 10, "{paid:?}");
        assert_eq!(recorded(&rows), paid, "what is recorded is what was paid for");
        assert_eq!(
            rows.iter().map(|row| row.paid_calls as usize).sum::<usize>(),
            paid.values().sum::<usize>()
        );
        assert_eq!(world.cloud.stop().await, Vec::<String>::new());
    });
}

/// Tests with clouds of their own.
pub(crate) fn alone(round: &mut Round<'_>) {
    round.with_own_cloud("paid_calls_are_recorded_when_workers_are_killed", || async {
        const KILLS: usize = 4;
        // The permit of a killed worker stays in use until its lease ends, so there must be others.
        let world = World::bearing(30, ["stability", "openai", "stable_diffusion"]).await;
        // Calls must take long enough for a kill to hit one.
        world.own.take(Duration::from_millis(600));
        let providers = ["gpt_image", "stable_diffusion", "automatic"];
        let job = |number: usize| {
            json!({"prompt": format!("kite {number}."), "size": "256x256", "provider": providers[number % 3]})
        };
        let body = json!({"userId": uuid::Uuid::new_v4(), "jobs": (0..60).map(job).collect::<Vec<_>>()});
        let sent = world.cloud.api(reqwest::Method::POST, "/images/batch").json(&body).send().await.unwrap();
        assert_eq!(sent.status(), 202);
        let batch: Value = sent.json().await.unwrap();
        let jobs = batch["jobs"].as_array().unwrap().iter();
        let jobs: Vec<_> = jobs.map(|job| job["jobId"].as_str().unwrap().to_owned()).collect();
        let mut hit = 0;
        for _ in 0..KILLS {
            let before = world.paid().values().sum::<usize>();
            if before > jobs.len() / 2 {
                // So few jobs are left that all calls may have ended before the next kill.
                break;
            }
            eventually("calls are under way", async || {
                (world.paid().values().sum::<usize>() >= before + 4).then_some(())
            })
            .await;
            hit += usize::from(world.cloud.kill("image-worker").await > 0);
        }
        assert!(hit > 0, "no worker was there to be killed");
        let rows = world.ended_by_sweeps(&jobs, Duration::from_secs(120)).await;

        let mut cut_off = 0;
        for row in &rows {
            assert_eq!(row.status, domain::JobStatus::Completed, "{row:?}");
            assert_eq!(row.paid_calls, row.provider_attempts.iter().map(|one| one.calls).sum::<u32>(), "{row:?}");
            let (arrived, recorded) = (world.paid_for(row.picture.prompt.as_str()), recorded(slice::from_ref(row)));
            let lost: u32 = row.failed_attempts().filter(|(_, failure)| failure.possibly_paid).map(|(one, _)| one.calls).sum();
            // Nothing arrives that is not on the row before; a kill may come between the two.
            let (came, noted) = (arrived.values().sum::<usize>(), recorded.values().sum::<usize>());
            assert!(arrived.iter().all(|(provider, count)| count <= &recorded[provider]), "{arrived:?} {row:?}");
            assert!(noted <= came + lost as usize, "{arrived:?} {row:?}");
            if lost == 0 {
                assert_eq!(arrived, recorded, "{row:?}");
            }
            cut_off += usize::from(lost > 0);
        }
        assert!(cut_off > 0, "no job was hit by any of {hit} kills");
        assert_eq!(world.cloud.stop().await, Vec::<String>::new());
    });

    round.with_own_cloud("call_of_a_killed_worker_is_recorded_as_possibly_paid", || async {
        let world = World::start().await;
        world.openai.next(Act::Silence);
        let job = world.cloud.generate(json!({"prompt": "a kite", "provider": "gpt_image"})).await;
        let job = job["jobId"].as_str().unwrap().to_owned();
        eventually("the provider is asked", async || (world.paid()["openai"] == 1).then_some(())).await;
        world.cloud.kill("image-worker").await;
        let state = world.cloud.ended_by_sweeps(&job).await;
        assert_eq!((&state["status"], &state["attempts"]), (&json!("completed"), &json!(2)), "{state}");
        assert_eq!(state["tried"][0]["reason"], "no_answer", "{state}");
        let row = world.cloud.job(&job).await;
        assert_eq!((row.paid_calls as usize, row.failures), (world.paid()["openai"], 1));
        let failure = row.provider_attempts[0].failure.as_ref().unwrap();
        assert!(failure.possibly_paid && failure.reason == Reason::NoAnswer);
        assert_eq!(world.cloud.stop().await, Vec::<String>::new());
    });
}
