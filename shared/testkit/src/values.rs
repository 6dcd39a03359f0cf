//! Default values for tests.

use domain::access::{ApiKey, Caller, KeyRecord, Limits, Principal, Scope};
use domain::images::{Count, Picture, Prompt, ProviderChoice, Quality, Size};
use domain::jobs::{
    BatchRequest, BatchedJob, GenerateRequest, JobPolicy, WebhookEvent, WebhookTarget, WebhookUrl,
    WebhookUrlPolicy,
};
use domain::primitives::Priority;
use domain::providers::ImageTask;
use domain::{Batch, BatchId, Job, JobId, KeyId, Timestamp, TraceId, UserId};

/// Returns a request for one image of 256 by 256 pixels, without a webhook.
#[must_use]
pub fn a_request(prompt: &str) -> GenerateRequest {
    GenerateRequest {
        user: UserId::new(),
        session: None,
        picture: Picture {
            prompt: Prompt::try_from(prompt.to_owned()).expect("a prompt"),
            provider: ProviderChoice::Automatic,
            size: Size::S256,
            count: Count::ONE,
            quality: Quality::Standard,
            style: None,
        },
        priority: Priority::Normal,
        webhook: None,
        metadata: None,
    }
}

/// Returns a provider's task: all images of `picture`, with a deadline in one minute.
#[must_use]
pub fn image_task(picture: Picture) -> ImageTask {
    ImageTask {
        job: JobId::from_uuid(uuid::Uuid::from_u128(0x0190_a000_0000_7000_8000_0000_0000_0001)),
        missing: (0..picture.count.get()).collect(),
        picture,
        attempt: 1,
        deadline: Timestamp::now() + std::time::Duration::from_secs(60),
        user: "a-user".into(),
        handle: None,
        one_per_call: false,
    }
}

/// Returns a job of client `acme`, just accepted, with a webhook for all events but progress.
#[must_use]
pub fn job(prompt: &str, now: Timestamp) -> Job {
    use WebhookEvent as E;
    let url = WebhookUrl::parse("https://example.com/hook", WebhookUrlPolicy::HttpsOnly).expect("a URL");
    let mut request = a_request(prompt);
    request.webhook = Some(WebhookTarget {
        url,
        events: vec![E::Queued, E::Started, E::Completed, E::Failed, E::Cancelled],
    });
    let client = "acme".parse().expect("a client");
    let mut job = Job::accept(JobId::new(), request, client, TraceId::new(), now, &JobPolicy::default());
    job.revision = 1;
    job
}

/// Returns a batch of client `acme` with `jobs` jobs, just accepted, with a webhook for all events but
/// progress.
#[must_use]
pub fn batch(jobs: u8, now: Timestamp) -> Batch {
    let sample = job("kite", now);
    let batched = |index: u8| {
        let GenerateRequest { picture, priority, metadata, .. } = a_request(&format!("kite {index}"));
        BatchedJob { picture, priority, metadata, estimate: None }
    };
    let request = BatchRequest {
        user: sample.user_id,
        jobs: (0..jobs).map(batched).collect(),
        webhook: sample.webhook,
    };
    let id = BatchId::made_from(JobId::new().uuid());
    let mut batch = Batch::accept(id, request, sample.client_id, TraceId::new(), now, &JobPolicy::default());
    batch.revision = 1;
    batch
}

/// Returns a new API key of `client` that never expires, and its record.
#[must_use]
pub fn api_key(client: &str, scopes: &[Scope]) -> (ApiKey, KeyRecord) {
    let key = ApiKey::generate();
    let record = KeyRecord {
        id: key.id(),
        hash: key.hash(),
        client_id: client.parse().expect("a client"),
        name: "test".into(),
        scopes: scopes.to_vec(),
        created_at: Timestamp::from_millis(0),
        expires_at: None,
        revoked_at: None,
    };
    (key, record)
}

/// Returns the principal of a request with an API key of `client`.
#[must_use]
pub fn principal(client: &str, scopes: &[Scope]) -> Principal {
    Principal {
        client: client.parse().expect("a client"),
        scopes: scopes.to_vec(),
        user: None,
        caller: Caller::Key(KeyId::new()),
        limits: Limits::default(),
    }
}

/// Returns a PNG image of one color. Width and height are in pixels.
#[must_use]
pub fn an_image(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(width, height, image::Rgb([200, 120, 40]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("writing to memory succeeds");
    bytes.into_inner()
}
