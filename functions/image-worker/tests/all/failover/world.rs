//! Providers with scripted behavior, and a worker that calls them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::images::{ImageOrigin, Picture};
use domain::jobs::{JobMessage, JobPolicy};
use domain::providers::{
    CapacityLimits, CapacityStore as _, ErrorClass, Finished, GeneratedImage, ImageProvider, ImageSink,
    ImageTask, ProviderError, Reason, Step, Unsupported, WaitReason,
};
use domain::{Error, Job, JobId, Timestamp};
use image_worker::{Deps, handle};
use providers::{CurrentRegistry, Registry};
use testkit::Memory;

pub(crate) const MARGIN: Duration = Duration::from_secs(30);

/// What a provider of these tests does when it is called.
#[derive(Clone)]
pub(crate) enum Does {
    Draws,
    DrawsOne,
    /// Draws one image a call, and asks for the rest at once.
    IgnoresCount,
    Fails(ErrorClass, Reason),
    /// Draws so many images, then fails.
    DrawsThenFails(usize, ErrorClass, Reason),
    /// One call brings so many images, and if it brings any, a second one for the rest nothing of use.
    BringsThenNothing(usize, Reason),
    Limits(Duration),
    WorksOn,
    /// Its picture is at a host that the operator has to allow.
    AwaitsAllowance,
    /// Reports this progress in percent, with its task still pending.
    ComesTo(u8),
    NotesAndVanishes,
    NotesAndDraws,
    /// Has a pending task, and needs another paid call.
    WantsMore,
    Vanishes,
    /// Delivers one unusable image, then refuses.
    GarblesAndRefuses,
    Garbles,
}

pub(crate) type Happening = Box<dyn Fn() + Send>;

#[derive(Clone)]
pub(crate) struct Acting {
    pub(crate) name: &'static str,
    pub(crate) does: Arc<Mutex<Does>>,
    pub(crate) asked: Arc<AtomicU32>,
    pub(crate) bounds: Option<CapacityLimits>,
    pub(crate) able: bool,
    /// What happens between the lease and the call.
    pub(crate) meanwhile: Arc<Mutex<Option<Happening>>>,
}

impl Acting {
    pub(crate) fn new(name: &'static str, does: Does) -> Self {
        let bounds = Some(CapacityLimits { max_concurrent: 2, images_per_minute: None });
        Self {
            name,
            does: Arc::new(Mutex::new(does)),
            asked: Arc::default(),
            bounds,
            able: true,
            meanwhile: Arc::default(),
        }
    }

    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn now_does(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }
}

async fn draw(name: &str, indexes: &[u8], sink: &dyn ImageSink) -> Result<(), ProviderError> {
    for &index in indexes {
        let origin =
            ImageOrigin { provider: name.into(), model: "m".into(), cost_micros: 5, ..Default::default() };
        sink.image(index, GeneratedImage { bytes: testkit::an_image(256, 256).into(), origin }).await?;
    }
    Ok(())
}

async fn garble(name: &str, sink: &dyn ImageSink) -> Result<(), ProviderError> {
    let origin = ImageOrigin { provider: name.into(), ..Default::default() };
    Ok(sink.image(0, GeneratedImage { bytes: "garbled".into(), origin }).await?)
}

#[async_trait]
impl ImageProvider for Acting {
    fn name(&self) -> &'static str {
        self.name
    }

    fn supports(&self, _: &Picture) -> Result<(), Unsupported> {
        if self.able { Ok(()) } else { Err(Unsupported::because("not this")) }
    }

    fn max_paid_calls(&self, task: &ImageTask) -> u32 {
        if let Some(happens) = self.meanwhile.lock().unwrap().take() {
            happens();
        }
        match (&task.handle, &*self.does.lock().unwrap()) {
            (None, Does::BringsThenNothing(..)) => 1,
            (None, Does::IgnoresCount) if !task.one_per_call => 1,
            (None, _) => u32::try_from(task.missing.len()).unwrap(),
            (Some(_), Does::WantsMore) => 1,
            (Some(_), _) => 0,
        }
    }

    fn capacity_limits(&self) -> Option<CapacityLimits> {
        self.bounds
    }

    async fn generate(&self, task: &ImageTask, sink: &dyn ImageSink) -> Result<Step, ProviderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let does = self.does.lock().unwrap().clone();
        match does {
            Does::Draws => draw(self.name, &task.missing, sink).await?,
            Does::DrawsOne => draw(self.name, &task.missing[..1], sink).await?,
            Does::IgnoresCount => {
                let (first, rest) = task.missing.split_at(1);
                draw(self.name, first, sink).await?;
                if !task.one_per_call {
                    sink.more_calls(rest.len() as u32, true).await?;
                }
                draw(self.name, rest, sink).await?;
            }
            Does::Fails(class, reason) => {
                let failure = ProviderError::new(class, reason, "scripted failure");
                let paid = matches!(reason, Reason::NoImage | Reason::BadResponse | Reason::GatewayTimeout);
                return Err(if paid { failure.possibly_paid() } else { failure });
            }
            Does::DrawsThenFails(images, class, reason) => {
                draw(self.name, &task.missing[..images.min(task.missing.len())], sink).await?;
                let kind = domain::images::WarningKind::Violence;
                let severity = domain::images::Severity::High;
                let warning = domain::images::ContentWarning { kind, severity, confidence: 1.0 };
                let warnings = if reason == Reason::Moderated { vec![warning] } else { Vec::new() };
                return Err(ProviderError::new(class, reason, "scripted failure").warnings(warnings));
            }
            Does::BringsThenNothing(images, reason) => {
                let rest = task.missing.len() - 1;
                if rest > 0 {
                    draw(self.name, &task.missing[..images], sink).await?;
                    sink.more_calls(1, false).await?;
                }
                return Err(ProviderError::new(ErrorClass::Provider, reason, "of no use").possibly_paid());
            }
            Does::Limits(after) => {
                let limited = ProviderError::new(ErrorClass::Capacity, Reason::RateLimited, "slowly");
                return Err(limited.retry_after(after));
            }
            Does::WorksOn => {
                sink.checkpoint("task 7").await?;
                return Ok(Step::Pending { poll_after: Duration::from_secs(4) });
            }
            Does::AwaitsAllowance => {
                sink.checkpoint("a URL").await?;
                sink.waits_for(WaitReason::Account);
                return Ok(Step::Pending { poll_after: Duration::from_secs(20) });
            }
            Does::ComesTo(percent) => {
                sink.checkpoint("task 7").await?;
                sink.progress(percent).await?;
                return Ok(Step::Pending { poll_after: Duration::from_secs(4) });
            }
            Does::NotesAndVanishes => {
                sink.checkpoint("task 7").await?;
                std::future::pending().await
            }
            Does::NotesAndDraws | Does::WantsMore => {
                sink.checkpoint("task 7").await?;
                draw(self.name, &task.missing, sink).await?;
            }
            Does::GarblesAndRefuses => {
                _ = garble(self.name, sink).await;
                return Err(ProviderError::new(ErrorClass::Caller, Reason::Moderated, "not this"));
            }
            Does::Garbles => garble(self.name, sink).await?,
            Does::Vanishes => std::future::pending().await,
        }
        Ok(Step::Finished(Finished::default()))
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<Memory>,
    pub(crate) registry: CurrentRegistry<'static>,
}

impl World {
    pub(crate) fn of(providers: &[&Acting]) -> Self {
        let images =
            providers.iter().map(|acting| Box::new((*acting).clone()) as Box<dyn ImageProvider>).collect();
        let order = providers.iter().map(|acting| acting.name.to_owned()).collect();
        let registry = Registry::new(images, None, Some(order));
        Self { store: Arc::default(), registry: CurrentRegistry::fixed(registry) }
    }

    pub(crate) fn job(&self, change: impl FnOnce(&mut Job)) -> Job {
        let mut job = testkit::job("a kite", Timestamp::now());
        change(&mut job);
        self.store.put_job(&job);
        job
    }

    /// The same, with the providers of a document.
    pub(crate) fn with_document(document: &'static testkit::KeptSecret) -> Self {
        Self { store: Arc::default(), registry: CurrentRegistry::new(document) }
    }

    /// Sends one message about the job to a worker whose function ends after `time`.
    pub(crate) async fn message(&self, job: &Job, time: Duration) -> Result<Job, Error> {
        let deps = Deps {
            jobs: &*self.store,
            queue: &*self.store,
            images: &*self.store,
            providers: &self.registry,
            capacity: &*self.store,
            estimates: &*self.store,
            provider_statuses: &*self.store,
            policy: JobPolicy::default(),
            lease_margin: MARGIN,
        };
        handle(&deps, JobMessage::about(job), Timestamp::now() + time).await?;
        Ok(self.store.job(job.id).unwrap())
    }

    pub(crate) async fn work_for(&self, job: &Job, time: Duration) -> Job {
        self.message(job, time).await.unwrap()
    }

    pub(crate) async fn work(&self, job: &Job) -> Job {
        self.work_for(job, Duration::from_secs(60)).await
    }

    /// Runs the job again as if the retry times of the job and its providers had passed.
    pub(crate) async fn work_again(&self, job: &Job) -> Job {
        let mut row = self.store.job(job.id).unwrap();
        row.not_before = None;
        for failure in row.provider_attempts.iter_mut().filter_map(|attempt| attempt.failure.as_mut()) {
            failure.not_before = None;
        }
        self.store.put_job(&row);
        self.work(job).await
    }

    /// Gives every permit of the provider to other jobs.
    pub(crate) async fn fill(&self, provider: &Acting) {
        let mut capacity = self.store.load_capacity(provider.name).await.unwrap();
        for _ in 0..provider.bounds.unwrap().max_concurrent {
            capacity.extend(JobId::new(), Timestamp::now(), Timestamp::now() + MARGIN);
        }
        self.store.save_capacity(&mut capacity).await.unwrap();
    }
}

pub(crate) fn reasons(job: &Job) -> Vec<(&str, Reason)> {
    job.failed_attempts().map(|(attempt, failure)| (attempt.provider.as_str(), failure.reason)).collect()
}
