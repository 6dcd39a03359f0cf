//! Images behind URLs that are late, gone, or on other hosts.

use domain::Timestamp;
use domain::providers::{ErrorClass, Reason, WaitReason};
use testkit::Logs;
use testkit::standin::openai::Act;
use testkit::standin::{Encoding, Reply, Server, painted};

use super::*;

fn local() -> Value {
    json!({"models": {"gpt_image": "flux.1-schnell"}, "dialect": "local"})
}

/// A job at the provider, with the state that the worker keeps between steps.
struct Job {
    openai: OpenAi,
    task: ImageTask,
    kept: Kept,
}

impl Job {
    fn new(stand_in: &StandIn, settings: &Value, count: u8) -> Self {
        let openai = provider(&stand_in.base_url(), settings);
        Self { openai, task: image_task(square(count)), kept: Kept::default() }
    }

    async fn step(&mut self) -> Result<Step, ProviderError> {
        let before = self.kept.notes().len();
        let step = self.openai.generate(&self.task, &self.kept).await;
        if let Some(note) = self.kept.notes().get(before..).and_then(<[String]>::last) {
            self.task.handle = Some(note.clone());
        }
        self.task.missing.retain(|index| self.kept.images().iter().all(|(kept, _)| kept != index));
        if let Ok(Step::Pending { .. }) = step {
            assert_eq!(self.openai.max_paid_calls(&self.task), 0);
        }
        step
    }

    async fn waits(&mut self) {
        let step = self.step().await;
        assert!(matches!(step, Ok(Step::Pending { .. })), "{step:?}");
    }

    /// Makes the checkpoint so many seconds older.
    fn age(&mut self, seconds: i64) {
        let mut checkpoint: Value = serde_json::from_str(self.task.handle.as_deref().unwrap()).unwrap();
        checkpoint["since"] = json!(checkpoint["since"].as_i64().unwrap() - seconds * 1000);
        self.task.handle = Some(checkpoint.to_string());
    }
}

#[tokio::test]
async fn url_that_is_not_there_yet_is_tried_again_for_a_minute() {
    for status in [401, 403, 404, 410, 200, 500, 503, 429, 301] {
        let stand_in = StandIn::start().await;
        let mut job = Job::new(stand_in.next(Act::ByLaggingUrl(status, 2)), &local(), 1);
        job.waits().await;
        job.waits().await;
        let step = job.step().await;
        assert!(matches!(step, Ok(Step::Finished(_))), "{status}: {step:?}");
        assert_eq!((job.kept.images().len(), stand_in.paid_calls()), (1, 1), "{status}");
    }
}

#[tokio::test]
async fn url_that_is_still_gone_after_a_minute_fails_without_another_paid_call() {
    let stand_in = StandIn::start().await;
    let mut job = Job::new(stand_in.next(Act::ByLapsedUrl), &local(), 1);
    job.waits().await;
    job.age(58);
    job.waits().await;
    job.age(3);
    let failure = job.step().await.unwrap_err();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Caller, Reason::BadResponse));
    assert!(failure.possibly_paid && failure.message.contains("403"), "{failure}");
    assert_eq!((stand_in.paid_calls(), stand_in.fetches().len()), (1, 3));
}

#[tokio::test]
async fn service_that_fails_at_the_url_is_tried_for_an_hour() {
    let stand_in = StandIn::start().await;
    let mut job = Job::new(stand_in.next(Act::ByLaggingUrl(502, 9)), &local(), 1);
    job.waits().await;
    job.age(3590);
    job.waits().await;
    job.age(20);
    let failure = job.step().await.unwrap_err();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Provider, Reason::NoAnswer));
}

#[tokio::test]
async fn picture_that_is_cut_off_at_its_url_is_looked_at_again() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    for (encoding, comes) in [(Encoding::Png, true), (Encoding::Jpeg, true), (Encoding::Png, false)] {
        let looks = AtomicUsize::new(0);
        let storage = Server::start(move |_| {
            let picture = painted(1024, 1024, 7, encoding);
            let whole = comes && looks.fetch_add(1, Ordering::Relaxed) >= 2;
            Reply::new(200, "image/png", &picture[..if whole { picture.len() } else { picture.len() / 2 }])
        })
        .await;
        let stand_in = StandIn::start().await;
        let mut settings = local();
        settings["picturesFrom"] = json!(["127.0.0.1"]);
        let act = Act::ByForeignUrl(format!("{}/p.png", storage.url()));
        let mut job = Job::new(stand_in.next(act), &settings, 1);
        job.waits().await;
        job.waits().await;
        if comes {
            job.step().await.unwrap();
            assert_eq!(job.kept.images().len(), 1, "{encoding:?}");
        } else {
            job.age(61);
            assert!(job.step().await.unwrap_err().is_useless_answer());
        }
        assert_eq!(stand_in.paid_calls(), 1, "{encoding:?}");
    }
}

/// A server on another port that has a picture, also behind a redirect.
async fn storage() -> Server {
    Server::start(|asked| match asked.path.as_str() {
        "/p.png" if asked.header("authorization").is_none() => {
            Reply::new(200, "image/png", painted(1024, 1024, 7, Encoding::Png))
        }
        _ => Reply::html(400),
    })
    .await
}

#[tokio::test]
async fn url_on_a_listed_host_is_fetched_without_the_key() {
    let (stand_in, storage) = (StandIn::start().await, storage().await);
    let host = storage.url().trim_start_matches("http://");
    for listed in [host, "127.0.0.1"] {
        let mut settings = local();
        settings["picturesFrom"] = json!([listed]);
        let url = format!("{}/p.png", storage.url());
        let (kept, made) = make(stand_in.next(Act::ByForeignUrl(url)), &settings, square(1)).await;
        assert!(matches!(made, Ok(Step::Finished(_))), "{listed}: {made:?}");
        assert_eq!(kept.images().len(), 1);
    }
}

#[tokio::test]
async fn url_on_an_unlisted_host_waits_for_the_operator_and_alarms() {
    let (stand_in, storage) = (StandIn::start().await, storage().await);
    let host = storage.url().trim_start_matches("http://");
    let url = format!("{}/p.png", storage.url());
    let logs = Logs::begin();
    let mut job = Job::new(stand_in.next(Act::ByForeignUrl(url)), &local(), 1);
    job.waits().await;
    assert_eq!(job.kept.waits(), [WaitReason::Account]);
    let alarms = logs.with("alarm", "provider_account");
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0]["host"], host);
    assert!(alarms[0]["message"].as_str().unwrap().contains("picturesFrom"), "{alarms:?}");
    // An operator who never allows it: the job fails, and no other image is paid for.
    job.age(3601);
    let failure = job.step().await.unwrap_err();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Caller, Reason::BadResponse));
    assert!(failure.message.contains("picturesFrom") && !failure.message.contains(host), "{failure}");
    // One who allows it: the same image.
    let mut settings = local();
    settings["picturesFrom"] = json!([host]);
    job.openai = provider(&stand_in.base_url(), &settings);
    job.step().await.unwrap();
    assert_eq!((job.kept.images().len(), stand_in.paid_calls()), (1, 1));
}

#[tokio::test]
async fn worker_that_runs_out_of_time_leaves_the_url_to_the_next() {
    let stand_in = StandIn::start().await;
    let mut job = Job::new(stand_in.next(Act::ByLaggingUrl(404, 1)), &local(), 1);
    job.task.deadline = Timestamp::now() + std::time::Duration::from_secs(5);
    job.waits().await;
    job.task.deadline = Timestamp::now() + std::time::Duration::from_secs(60);
    job.step().await.unwrap();
    assert_eq!((job.kept.images().len(), stand_in.paid_calls()), (1, 1));
}
