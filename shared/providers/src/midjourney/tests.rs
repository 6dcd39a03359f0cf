use std::time::Duration;

use domain::Timestamp;
use domain::request::{Count, Prompt, ProviderChoice, Quality, Size, Style, Word as _};
use serde_json::{Value, json};
use testkit::standin::midjourney::{self as standin, Act, BLUES, Manner, code};
use testkit::standin::server::Reply;
use testkit::{Kept, Logs, image_task};

use super::*;

fn picture(size: Size, count: u8) -> Picture {
    Picture {
        prompt: Prompt::try_from("a red kite over dunes".to_owned()).unwrap(),
        provider: ProviderChoice::Midjourney,
        size,
        count: Count::try_from(count).unwrap(),
        quality: Quality::Standard,
        style: None,
    }
}

/// The provider, with these settings beside the server's own.
fn provider(server: &standin::Midjourney, more: Value) -> Midjourney {
    let mut settings = server.settings();
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Midjourney::new(serde_json::from_value(settings).unwrap()).unwrap()
}

/// A job as the worker carries it from one step to the next.
struct Job {
    task: ImageTask,
    kept: Kept,
    /// What the row says was paid for.
    calls: u32,
}

impl Job {
    fn new(picture: Picture) -> Self {
        let mut task = image_task(picture);
        task.attempt = 0;
        Self { task, kept: Kept::default(), calls: 0 }
    }

    fn of(count: u8) -> Self {
        Self::new(picture(Size::S256, count))
    }

    async fn step(&mut self, provider: &Midjourney) -> Result<Step, ProviderError> {
        if self.task.handle.is_none() {
            self.task.attempt += 1;
        }
        self.calls += provider.calls(&self.task);
        let notes = self.kept.notes().len();
        let step = provider.generate(&self.task, &self.kept).await;
        if self.kept.notes().len() > notes {
            self.task.handle = self.kept.notes().pop();
        }
        let kept = self.kept.images();
        self.task.missing.retain(|index| !kept.iter().any(|(kept, _)| kept == index));
        if !matches!(step, Ok(Step::AskAgain { .. })) {
            self.task.handle = None;
        }
        for secret in ["canary", "kite", "dunes"] {
            assert!(!format!("{step:?}").contains(secret), "{step:?}");
        }
        step
    }

    /// Goes on until the provider is done or has failed.
    async fn end(&mut self, provider: &Midjourney) -> Result<(), ProviderError> {
        for _ in 0..20 {
            if let Step::Finished(_) = self.step(provider).await? {
                return Ok(());
            }
        }
        panic!("not done after 20 steps");
    }

    async fn fails(&mut self, provider: &Midjourney) -> (FaultOf, Reason, bool) {
        let error = self.end(provider).await.unwrap_err();
        assert!(self.kept.images().is_empty(), "nothing was to be delivered");
        (error.fault, error.reason, error.maybe_paid)
    }

    /// The blue of each image in its middle, which tells what it was cut out of, and their sizes.
    fn shown(&self) -> Vec<(u8, (u32, u32), u8)> {
        let shown = |(index, image): (u8, GeneratedImage)| {
            let picture = image::load_from_memory(&image.bytes).unwrap().into_rgb8();
            let (width, height) = picture.dimensions();
            (index, (width, height), picture.get_pixel(width / 2, height / 2).0[2])
        };
        let mut shown: Vec<_> = self.kept.images().into_iter().map(shown).collect();
        shown.sort();
        shown
    }
}

#[tokio::test]
async fn one_grid_gives_the_images_of_every_count() {
    for count in 1..=4 {
        let server = standin::Midjourney::start().await;
        let provider = provider(&server, json!({"pricePerJob": 0.03}));
        let mut job = Job::of(count);
        job.end(&provider).await.unwrap();
        let expected: Vec<_> =
            (0..count).map(|index| (index, (256, 256), BLUES[usize::from(index)])).collect();
        assert_eq!(job.shown(), expected);
        assert_eq!((server.paid().len(), job.calls), (1, 1));
        assert_eq!(server.refusals(), Vec::<String>::new());
        let images = job.kept.images();
        assert_eq!(images.iter().map(|(_, image)| image.origin.cost_micros).sum::<u64>(), 30_000);
        let origin = &images[0].1.origin;
        assert_eq!((origin.provider.as_str(), origin.model.as_str()), ("midjourney", "midjourney-8.1"));
        assert_eq!(origin.revised_prompt.as_deref(), Some("a red kite over dunes --ar 1:1 --v 8.1"));
        assert_eq!(job.kept.progress(), [31]);
    }
}

#[tokio::test]
async fn every_size_comes_out_of_its_ratio() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    for size in Size::ALL {
        let mut job = Job::new(picture(*size, 1));
        job.end(&provider).await.unwrap();
        assert_eq!(job.shown(), [(0, size.pixels(), BLUES[0])], "{size:?}");
    }
    let ratios: Vec<_> = server
        .prompts()
        .iter()
        .map(|prompt| prompt.split("--ar ").nth(1).unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(ratios, ["1:1", "1:1", "1:1", "7:4", "4:7", "16:9", "9:16"]);
}

#[tokio::test]
async fn qualities_and_styles_are_said_in_the_words_of_the_version() {
    let server = standin::Midjourney::start().await;
    let mut fine = picture(Size::Wide1024, 1);
    fine.quality = Quality::Hd;
    fine.style = Some(Style::Natural);
    let plain = "a red kite over dunes --ar 16:9";
    for (settings, expected) in [
        (json!({}), "--hd --raw --s 50 --v 8.1"),
        (json!({"version": "7", "speed": "fast"}), "--q 2 --raw --s 50 --v 7 --fast"),
        (json!({"speed": "relax", "flags": {"hd": "", "natural": "--s 50"}}), "--s 50 --v 8.1 --relax"),
    ] {
        let mut job = Job::new(fine.clone());
        job.step(&provider(&server, settings)).await.unwrap();
        assert_eq!(server.prompts().last(), Some(&format!("{plain} {expected}")));
    }
    let version_6: Settings =
        serde_json::from_value(json!({"baseUrl": "http://x", "version": "6.1"})).unwrap();
    assert_eq!(
        (version_6.flags().hd.as_str(), version_6.flags().natural.as_str()),
        ("", "--style raw --s 50")
    );
    assert_eq!(server.refusals(), Vec::<String>::new());
}

#[tokio::test]
async fn flags_and_addresses_of_the_users_never_get_there() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut wish = picture(Size::S256, 1);
    wish.prompt =
        Prompt::try_from("https://evil.example/a.png a {red,blue} kite --repeat 40".to_owned()).unwrap();
    Job::new(wish.clone()).step(&provider).await.unwrap();
    assert_eq!(server.prompts(), ["a (red,blue) kite --ar 1:1 --v 8.1"]);

    wish.prompt = Prompt::try_from("--repeat 40".to_owned()).unwrap();
    assert!(provider.fits(&wish).is_err());
    let told = Job::new(wish).fails(&provider).await;
    assert_eq!(told, (FaultOf::Caller, Reason::InvalidRequest, false));
    assert_eq!(server.paid().len(), 1);
}

#[tokio::test]
async fn enlarged_pictures_are_paid_for_one_by_one_and_counted_so() {
    for manner in [Manner::Novicezk, Manner::Trueai] {
        let server = standin::Midjourney::start().await;
        server.manner(manner);
        let provider = provider(&server, json!({"upscale": true, "pricePerJob": 0.01}));
        let mut job = Job::of(2);
        job.end(&provider).await.unwrap();
        // Larger than asked for: the worker makes them fit.
        let expected = [(0, (1024, 1024), BLUES[0]), (1, (1024, 1024), BLUES[1])];
        assert_eq!(job.shown(), expected);
        assert_eq!((server.paid().len(), job.calls), (3, 3));
        let cost: u64 = job.kept.images().iter().map(|(_, image)| image.origin.cost_micros).sum();
        assert_eq!(cost, 30_000);
        assert_eq!(server.refusals(), Vec::<String>::new());

        // All four are the grid: one job.
        let mut job = Job::of(4);
        job.end(&provider).await.unwrap();
        assert_eq!((server.paid().len(), job.calls, job.kept.images().len()), (4, 1, 4));
    }
}

#[tokio::test]
async fn an_enlargement_that_was_taken_without_a_word_is_not_paid_for_twice() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({"upscale": true}));
    let mut job = Job::of(1);
    while !job.task.handle.as_deref().unwrap_or_default().contains("upscales") {
        job.step(&provider).await.unwrap();
    }
    // There is no room; then the proxy takes it, but its answer is lost: told again, it says 21.
    server.next(Act::Answer(code(23, &Value::Null)));
    server.next(Act::Spoil(code(1, &json!("1")).cut()));
    job.end(&provider).await.unwrap();
    assert_eq!(server.paid().len(), 2);
    assert_eq!(job.shown()[0].2, BLUES[0]);
}

#[tokio::test]
async fn an_enlargement_whose_grid_is_gone_fails() {
    for manner in [Manner::Novicezk, Manner::Trueai] {
        let server = standin::Midjourney::start().await;
        server.manner(manner);
        let provider = provider(&server, json!({"upscale": true}));
        let mut job = Job::of(1);
        while !job.task.handle.as_deref().unwrap_or_default().contains("upscales") {
            job.step(&provider).await.unwrap();
        }
        server.forget();
        assert_eq!(job.fails(&provider).await, (FaultOf::Provider, Reason::Failed, false), "{manner:?}");
    }
}

#[tokio::test]
async fn every_code_of_a_submission_is_understood() {
    use {FaultOf as F, Reason as R};
    let id = json!("1730000000000123");
    for (reply, expected) in [
        (code(3, &Value::Null), (F::Operator, R::Permission, false)),
        (code(4, &Value::Null), (F::Caller, R::InvalidRequest, false)),
        (code(5, &Value::Null), (F::Provider, R::BadResponse, true)),
        (code(9, &Value::Null), (F::Provider, R::Failed, false)),
        (code(23, &Value::Null), (F::Capacity, R::Overloaded, false)),
        (code(23, &id), (F::Capacity, R::Overloaded, false)),
        (code(24, &Value::Null), (F::Caller, R::Moderated, false)),
        (code(99, &id), (F::Provider, R::BadResponse, true)),
        (code(1, &Value::Null), (F::Provider, R::BadResponse, true)),
        (code(1, &json!("../../canary")), (F::Provider, R::BadResponse, true)),
        (Reply::json(404, &json!({"code": 3, "result": null})), (F::Operator, R::Permission, false)),
        (Reply::html(404), (F::Operator, R::InvalidRequest, false)),
        (Reply::new(401, "text/plain", ""), (F::Operator, R::Auth, false)),
        (Reply::new(403, "text/plain", "Forbidden"), (F::Operator, R::Auth, false)),
        (
            Reply::json(429, &json!({"code": 5})).header("retry-after", "7"),
            (F::Capacity, R::RateLimited, false),
        ),
        (Reply::json(400, &json!({"code": 5})), (F::Operator, R::InvalidRequest, false)),
        (Reply::html(500), (F::Provider, R::Failed, true)),
        (Reply::html(502), (F::Provider, R::Overloaded, true)),
        (Reply::html(503), (F::Provider, R::Overloaded, true)),
        (Reply::html(200), (F::Provider, R::BadResponse, true)),
        (Reply::new(200, "application/json", ""), (F::Provider, R::BadResponse, true)),
        (Reply::new(200, "application/json", "{\"code\":1,\"resu"), (F::Provider, R::BadResponse, true)),
        (code(1, &id).cut(), (F::Provider, R::NoAnswer, true)),
    ] {
        let server = standin::Midjourney::start().await;
        server.next(Act::Answer(reply.clone()));
        let mut job = Job::of(1);
        assert_eq!(job.fails(&provider(&server, json!({}))).await, expected, "{reply:?}");
        assert_eq!(job.kept.notes(), Vec::<String>::new());
    }
    for taken in [code(22, &id), code(21, &id), code(1, &json!(1_730_000_000_000_123_u64))] {
        let server = standin::Midjourney::start().await;
        server.next(Act::Answer(taken));
        let mut job = Job::of(1);
        let step = job.step(&provider(&server, json!({}))).await.unwrap();
        assert!(matches!(step, Step::AskAgain { after } if after >= Duration::from_secs(3)));
        assert!(job.task.handle.unwrap().contains("1730000000000123"));
    }
}

#[tokio::test]
async fn what_is_queued_first_comes_out_in_the_end() {
    let server = standin::Midjourney::start().await;
    // The stand-in takes the task, and says that it waits.
    server.next(Act::Spoil(code(22, &json!("1730000000000001"))));
    server.steps(vec![
        json!({"status": "NOT_START", "progress": null}),
        json!({"status": "SUBMITTED", "progress": ""}),
        json!({"status": "IN_PROGRESS", "progress": "abc"}),
        json!({"status": "IN_PROGRESS", "progress": "62%"}),
        json!({"status": "SUCCESS", "progress": "100%"}),
    ]);
    let mut job = Job::of(1);
    job.end(&provider(&server, json!({}))).await.unwrap();
    assert_eq!((job.kept.progress(), job.shown()[0].2), (vec![62], BLUES[0]));
}

#[tokio::test]
async fn a_wrong_secret_is_the_operators() {
    for manner in [Manner::Novicezk, Manner::Trueai] {
        let server = standin::Midjourney::start().await;
        server.manner(manner);
        let provider = provider(&server, json!({"apiSecret": "wrong"}));
        assert_eq!(Job::of(1).fails(&provider).await, (FaultOf::Operator, Reason::Auth, false));
    }
}

#[tokio::test]
async fn a_task_that_fails_says_whose_fault_it_is() {
    use {FaultOf as F, Reason as R};
    for (status, why, expected) in [
        ("FAILURE", "[Banned prompt detected] a red kite", (F::Caller, R::Moderated, false)),
        ("FAILURE", "[Internal Server Error] a red kite", (F::Provider, R::Failed, true)),
        ("FAILED", "Failed to process your command", (F::Provider, R::Failed, true)),
        ("CANCEL", "任务超时", (F::Provider, R::Failed, true)),
        ("FAILURE", "[Subscription required]", (F::Operator, R::QuotaExhausted, false)),
    ] {
        let server = standin::Midjourney::start().await;
        server.steps(vec![json!({"status": status, "progress": "", "failReason": why})]);
        assert_eq!(Job::of(1).fails(&provider(&server, json!({}))).await, expected, "{why}");
    }
}

#[tokio::test]
async fn a_task_that_the_proxy_has_lost_is_told() {
    for manner in [Manner::Novicezk, Manner::Trueai] {
        let server = standin::Midjourney::start().await;
        server.manner(manner);
        let provider = provider(&server, json!({}));
        let mut job = Job::of(1);
        job.step(&provider).await.unwrap();
        server.forget();
        assert_eq!(job.fails(&provider).await, (FaultOf::Provider, Reason::BadResponse, true));
        // The next one looks for it, finds nothing, and pays again.
        job.end(&provider).await.unwrap();
        assert_eq!((server.paid().len(), job.calls, job.kept.images().len()), (2, 2, 1));
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_answer_for_a_while_loses_nothing() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    for reply in [
        Reply::html(502),
        Reply::html(200),
        Reply::new(200, "application/json", "{\"status\":\"SUCC").cut(),
        Reply::json(500, &json!({})),
        Reply::json(200, &json!([])),
        Reply::new(401, "text/plain", ""),
        Reply::json(200, &json!({"status": "MODAL"})),
    ] {
        server.next_fetch(reply.clone());
        assert!(matches!(job.step(&provider).await, Ok(Step::AskAgain { .. })), "{reply:?}");
    }
    job.end(&provider).await.unwrap();
    assert_eq!((server.paid().len(), job.calls, job.kept.images().len()), (1, 1, 1));
}

#[tokio::test]
async fn a_hanging_proxy_holds_the_worker_no_longer_than_it_has_time() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    server.next_fetch(Reply::never());
    job.task.deadline = Timestamp::now() + Duration::from_millis(2500);
    let step = tokio::time::timeout(Duration::from_secs(2), job.step(&provider)).await.unwrap();
    assert!(matches!(step, Ok(Step::AskAgain { .. })));
}

#[tokio::test]
async fn what_takes_too_long_is_given_up_and_still_collected_when_it_is_done() {
    let server = standin::Midjourney::start().await;
    server.steps(vec![json!({"status": "MODAL"})]);
    let provider = provider(&server, json!({"timeoutSeconds": 1}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    job.step(&provider).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(job.fails(&provider).await, (FaultOf::Provider, Reason::Timeout, true));

    // It hangs on, and nobody waits for it a second time.
    server.age(60_000);
    server.steps(standin::steps());
    job.end(&provider).await.unwrap();
    assert_eq!((server.paid().len(), job.calls), (2, 2));

    // One that is done by the time that somebody looks is taken.
    let mut late = Job::of(2);
    late.task.attempt = 1;
    job.kept = Kept::default();
    late.end(&provider).await.unwrap();
    assert_eq!((server.paid().len(), late.calls, late.kept.images().len()), (2, 0, 2));
}

#[tokio::test]
async fn a_worker_that_died_before_its_note_is_followed_by_one_that_finds_the_task() {
    for upscale in [false, true] {
        let server = standin::Midjourney::start().await;
        let provider = provider(&server, json!({"upscale": upscale}));
        // The proxy takes it, but the answer is lost.
        server.next(Act::Spoil(Reply::html(502)));
        let mut job = Job::of(1);
        assert_eq!(job.fails(&provider).await, (FaultOf::Provider, Reason::Overloaded, true));
        job.end(&provider).await.unwrap();
        let paid = if upscale { 2 } else { 1 };
        assert_eq!((server.paid().len(), job.calls as usize, job.shown()[0].2), (paid, paid, BLUES[0]));
        assert_eq!(server.paid().iter().filter(|paid| paid.body["prompt"].is_string()).count(), 1);
    }
}

#[tokio::test]
async fn a_worker_that_died_on_its_second_try_is_followed_by_one_that_finds_the_task() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    server.next(Act::Answer(code(9, &Value::Null)));
    let mut job = Job::of(1);
    assert_eq!(job.fails(&provider).await, (FaultOf::Provider, Reason::Failed, false));
    // Nothing is found, so that a new one may be paid for. The proxy takes it, and the worker dies.
    job.step(&provider).await.unwrap();
    server.next(Act::Spoil(Reply::never()));
    let died = tokio::time::timeout(Duration::from_millis(500), job.step(&provider)).await;
    assert!(died.is_err(), "{died:?}");
    job.task.handle = job.kept.notes().pop();
    job.end(&provider).await.unwrap();
    assert_eq!((server.paid().len(), job.calls, job.shown()[0].2), (1, 2, BLUES[0]));
}

#[tokio::test]
async fn another_jobs_tasks_are_not_taken() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    Job::of(1).end(&provider).await.unwrap();
    let mut other = Job::of(1);
    other.task.job = domain::JobId::new();
    other.task.attempt = 1;
    other.end(&provider).await.unwrap();
    assert_eq!((server.paid().len(), other.calls), (2, 1));
}

#[tokio::test]
async fn a_picture_that_is_gone_or_none_is_a_failure_and_does_not_stand_in_the_way() {
    for reply in [
        Reply::html(403),
        Reply::html(404),
        Reply::html(200),
        Reply::new(200, "image/png", ""),
        Reply::new(302, "text/plain", "").header("location", "http://169.254.169.254/latest/meta-data"),
    ] {
        let server = standin::Midjourney::start().await;
        let provider = provider(&server, json!({}));
        server.pictures(Some(reply.clone()));
        let mut job = Job::of(1);
        let told = job.fails(&provider).await;
        assert_eq!(told, (FaultOf::Provider, Reason::BadResponse, true), "{reply:?}");
        // Still gone when somebody looks again: a new one is paid for.
        while server.paid().len() < 2 {
            job.step(&provider).await.unwrap();
        }
        server.pictures(None);
        job.end(&provider).await.unwrap();
        assert_eq!((job.calls, job.kept.images().len()), (2, 1), "{reply:?}");
    }
}

#[tokio::test]
async fn a_picture_that_does_not_come_at_once_is_fetched_again() {
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    job.step(&provider).await.unwrap();
    for reply in [Reply::html(503), Reply::new(200, "image/png", "half a picture").cut()] {
        server.pictures(Some(reply.clone()));
        assert!(matches!(job.step(&provider).await, Ok(Step::AskAgain { .. })), "{reply:?}");
    }
    server.pictures(None);
    job.end(&provider).await.unwrap();
    assert_eq!((server.paid().len(), job.kept.images().len()), (1, 1));
}

#[tokio::test]
async fn a_picture_elsewhere_is_fetched_by_the_guarded_way_only() {
    let server = standin::Midjourney::start().await;
    for url in [
        "http://127.0.0.1:1/a.png",
        "https://10.0.0.1/a.png",
        "http://cdn.example/a.png",
        "file:///etc/passwd",
    ] {
        let done = json!({"status": "SUCCESS", "imageUrl": url});
        server.steps(vec![done]);
        let told = Job::of(1).fails(&provider(&server, json!({}))).await;
        assert_eq!(told, (FaultOf::Provider, Reason::BadResponse, true), "{url}");
    }
    for absent in [json!(null), json!(""), json!("not a URL")] {
        server.steps(vec![json!({"status": "SUCCESS", "imageUrl": absent})]);
        let told = Job::of(1).fails(&provider(&server, json!({}))).await;
        assert_eq!(told, (FaultOf::Provider, Reason::BadResponse, true));
    }
}

#[tokio::test]
async fn the_secret_goes_to_the_proxy_and_to_no_picture() {
    let server = standin::Midjourney::start().await;
    Job::of(1).end(&provider(&server, json!({}))).await.unwrap();
    for asked in server.asked() {
        let is_picture = asked.path.starts_with("/attachments/");
        assert_eq!(asked.header("mj-api-secret").is_none(), is_picture, "{}", asked.path);
    }
    let settings: Settings = serde_json::from_value(server.settings()).unwrap();
    assert!(!format!("{settings:?} {:?}", provider(&server, json!({}))).contains("canary"));
}

#[tokio::test]
async fn a_proxy_that_lists_nothing_does_not_hold_up_a_second_try() {
    // Relays have no list. Nothing can be found there, and what may be lost is told as possibly paid.
    let relay = testkit::standin::Server::start(|asked| {
        if asked.path.ends_with("/list") { Reply::html(404) } else { code(1, &json!("7")) }
    })
    .await;
    let settings = json!({"baseUrl": relay.url()});
    let provider = Midjourney::new(serde_json::from_value(settings).unwrap()).unwrap();
    let mut job = Job::of(1);
    job.task.attempt = 1;
    job.step(&provider).await.unwrap();
    assert_eq!(job.calls, 0);
    job.step(&provider).await.unwrap();
    assert_eq!(job.calls, 1);
}

/// A proxy that remembers `more` beside a job's own task, which is done, and how often it was asked for a grid.
async fn long_lived(
    job: String,
    more: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> (testkit::standin::Server, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let submitted = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let count = submitted.clone();
    let server = testkit::standin::Server::start(move |asked| {
        if asked.path.ends_with("/list") {
            let own = json!({
                "id": "17", "action": "IMAGINE", "state": job, "status": "IN_PROGRESS", "submitTime": null,
            });
            return Reply::new(200, "application/json", [b"[", own.to_string().as_bytes(), &more()].concat());
        }
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        code(1, &json!("18"))
    })
    .await;
    (server, submitted)
}

#[tokio::test]
async fn a_task_is_found_in_a_list_of_any_length_and_without_a_time() {
    let mut job = Job::of(1);
    job.task.attempt = 1;
    let more = || {
        let other = json!({"id": "1", "action": "IMAGINE", "state": "x", "prompt": "a dog ".repeat(500)});
        [format!(",{other}").repeat(8000).as_bytes(), b"]"].concat()
    };
    assert!(more().len() > 16 * 1024 * 1024);
    let (server, submitted) = long_lived(job.task.job.to_string(), more).await;
    let settings = json!({"baseUrl": server.url()});
    let provider = Midjourney::new(serde_json::from_value(settings).unwrap()).unwrap();
    job.step(&provider).await.unwrap();
    assert!(job.task.handle.unwrap().contains("17"));
    assert_eq!(submitted.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test]
async fn nothing_is_paid_for_while_a_list_cannot_be_read_to_its_end() {
    for end in [&b""[..], b", {\"id\": \"1\"", b"}"] {
        let mut job = Job::of(1);
        job.task.attempt = 1;
        let (server, submitted) = long_lived(job.task.job.to_string(), move || end.to_vec()).await;
        let settings = json!({"baseUrl": server.url()});
        let provider = Midjourney::new(serde_json::from_value(settings).unwrap()).unwrap();
        for _ in 0..3 {
            assert_eq!(job.fails(&provider).await, (FaultOf::Provider, Reason::BadResponse, false));
        }
        assert_eq!((submitted.load(std::sync::atomic::Ordering::Relaxed), job.calls), (0, 0));
    }
}

#[tokio::test]
async fn an_account_that_shuts_us_out_of_a_task_raises_the_alarm_and_loses_nothing() {
    let logs = Logs::begin();
    let alarms = || logs.with("alarm", "provider_account");
    let server = standin::Midjourney::start().await;
    let provider = provider(&server, json!({}));
    let mut job = Job::of(1);
    job.step(&provider).await.unwrap();
    server.next_fetch(Reply::html(502));
    job.step(&provider).await.unwrap();
    assert_eq!(alarms(), Vec::<Value>::new());
    for status in [401, 402, 403] {
        server.next_fetch(Reply::new(status, "text/plain", ""));
        assert!(matches!(job.step(&provider).await, Ok(Step::AskAgain { .. })));
    }
    assert_eq!(alarms().len(), 3, "{:?}", alarms());
    job.end(&provider).await.unwrap();
    assert_eq!(server.paid().len(), 1);
}

#[tokio::test]
async fn a_grid_that_is_too_large_ends_the_job_and_no_other_is_paid_for() {
    for picture in [huge(), vec![0; pictures::picture::MOST_BYTES + 1]] {
        let server = standin::Midjourney::start().await;
        server.pictures(Some(Reply::new(200, "image/png", picture)));
        let provider = provider(&server, json!({}));
        let mut job = Job::of(1);
        assert_eq!(job.fails(&provider).await, (FaultOf::Caller, Reason::BadResponse, true));
        // Nor if a worker comes once more that knows nothing of it.
        assert_eq!(job.fails(&provider).await, (FaultOf::Caller, Reason::BadResponse, true));
        assert_eq!((server.paid().len(), job.calls), (1, 1));
    }
}

/// A PNG of 8000 by 8000.
fn huge() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(8000, 8000).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn settings_that_would_be_commands_are_refused() {
    for more in [json!({"version": "8 --repeat 40"}), json!({"version": ""}), json!({"pricePerJob": -1.0})] {
        let mut settings = json!({"baseUrl": "http://127.0.0.1:8080"});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert!(Midjourney::new(serde_json::from_value(settings).unwrap()).is_err(), "{more}");
    }
    assert_eq!(Speed::Relax.pause(), Duration::from_secs(15));
}
