//! Keys of the rows of all tables and of the objects of all buckets.

use domain::access::{Caller, ClientId, Endpoint, IdempotencyKey};
use domain::due::Due;
use domain::images::ImageFormat;
use domain::jobs::JobClass;
use domain::primitives::NamedValue as _;
use domain::webhooks::{DeliveryKey, Lane, WebhookEndpointId};
use domain::{BatchId, JobId, KeyId, MessageId, SessionId, Timestamp, UserId, WebhookId};

mod addons;

pub use addons::{
    ADDON, ADDONS, ADDONS_GARBAGE, ADDONS_GENERATION, addon_content, addon_content_piece, addon_contents,
    addon_sort, release_sort,
};

/// Number of shards of the due index: with a single shard, a busy minute would be throttled.
pub const DUE_SHARDS: u8 = 16;
/// The index of due rows; its key is `dueShard`, `dueAt`.
pub const DUE_INDEX: &str = "due";

/// The index by client. On the access table it lists a client's API keys (`clientId`, `id`; it holds no
/// hash). On the jobs table it lists a client's jobs (`listClient`, `pk`; `pk` sorts by age).
pub const CLIENT_INDEX: &str = "client";
/// The index of a client's webhooks (`hookClient`, `sk`; `sk` sorts by the time of the event).
pub const HOOKS_INDEX: &str = "hooks";
/// The index of the jobs of one user of a client (`listUser`, `pk`).
pub const USER_INDEX: &str = "user";

const BATCH: &str = "BATCH#";
const BATCH_ROW: &str = "BATCH";
const JOB: &str = "JOB#";
const JOB_ROW: &str = "JOB";
const HOOK: &str = "HOOK#";
/// Prefix of the partitions of waiting lines.
pub const LINE: &str = "LINE#";
const ENDPOINT: &str = "ENDPOINT#";
const ENDPOINT_ROW: &str = "ENDPOINT";
const KEY: &str = "KEY#";
const SESSION: &str = "SESSION#";
const SESSION_ROW: &str = "SESSION";

/// Returns the partition of a job and of its webhooks.
#[must_use]
pub fn job_partition(id: JobId) -> String {
    format!("{JOB}{id}")
}

#[must_use]
pub const fn job_sort() -> &'static str {
    JOB_ROW
}

/// Returns the job of a partition; `None` if the partition is not a job's.
#[must_use]
pub fn job_of(partition: &str) -> Option<JobId> {
    partition.strip_prefix(JOB)?.parse().ok()
}

#[must_use]
pub fn batch_partition(id: BatchId) -> String {
    format!("{BATCH}{id}")
}

#[must_use]
pub const fn batch_sort() -> &'static str {
    BATCH_ROW
}

/// Returns the partition of a user's jobs in [`USER_INDEX`]. A client id never contains `#`.
#[must_use]
pub fn listed_user(client: &ClientId, user: UserId) -> String {
    format!("{client}#{user}")
}

/// Returns the sort key of a webhook's row. The stream filter in `template.yaml` matches its prefix.
#[must_use]
pub fn webhook_sort(id: WebhookId) -> String {
    format!("{HOOK}{id}")
}

/// Prefix of the sort keys of a job's webhooks.
pub const HOOKS: &str = HOOK;

/// Returns a bound for webhook sort keys: it sorts before every webhook whose event happened at `at` or later
/// and after every earlier one. This works because a version 7 UUID begins with its time in Unix ms.
#[must_use]
pub fn webhook_time(at: Timestamp) -> String {
    let millis = u64::try_from(at.millis()).unwrap_or(0) & 0xffff_ffff_ffff;
    format!("{HOOK}{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// Returns the webhook of a row's keys; `None` if the row is not a webhook.
#[must_use]
pub fn webhook_of(partition: &str, sort: &str) -> Option<DeliveryKey> {
    Some((job_of(partition)?, sort.strip_prefix(HOOK)?.parse().ok()?))
}

/// Returns the partition of a webhook endpoint. A client id never contains `#`.
#[must_use]
pub fn endpoint_partition(id: &WebhookEndpointId) -> String {
    format!("{ENDPOINT}{}#{}", id.client, id.digest)
}

#[must_use]
pub const fn endpoint_sort() -> &'static str {
    ENDPOINT_ROW
}

fn endpoint_of(partition: &str) -> Option<WebhookEndpointId> {
    let (client, digest) = partition.strip_prefix(ENDPOINT)?.split_once('#')?;
    Some(WebhookEndpointId { client: client.parse().ok()?, digest: digest.to_owned() })
}

/// Returns the shard of the due index for a webhook endpoint.
#[must_use]
pub fn endpoint_due_shard(id: &WebhookEndpointId) -> String {
    // The first two hex digits of a hash are evenly distributed.
    let byte = id.digest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    shard(byte.unwrap_or(0) % DUE_SHARDS)
}

/// Returns the shard of the due index for webhooks that are held until their endpoint is enabled again. The
/// sweeper does not read this shard.
#[must_use]
pub fn held_shard(id: &WebhookEndpointId) -> String {
    format!("held#{}#{}", id.client, id.digest)
}

/// Identifies a row of the jobs table by its keys; `None` if the keys match no type of row that can be due.
#[must_use]
pub fn parse(partition: &str, sort: &str) -> Option<Due> {
    if sort == BATCH_ROW {
        return Some(Due::Batch(partition.strip_prefix(BATCH)?.parse().ok()?));
    }
    if sort == ENDPOINT_ROW {
        return Some(Due::WebhookEndpoint(endpoint_of(partition)?));
    }
    let job = job_of(partition)?;
    if sort == JOB_ROW {
        return Some(Due::Job(job));
    }
    Some(Due::Delivery(job, sort.strip_prefix(HOOK)?.parse().ok()?))
}

/// Returns the keys of a due row: the inverse of [`parse`].
#[must_use]
pub fn due_row(due: &Due) -> (String, String) {
    match due {
        Due::Job(id) => (job_partition(*id), JOB_ROW.to_owned()),
        Due::Delivery(job, id) => (job_partition(*job), webhook_sort(*id)),
        Due::Batch(id) => (batch_partition(*id), BATCH_ROW.to_owned()),
        Due::WebhookEndpoint(id) => (endpoint_partition(id), ENDPOINT_ROW.to_owned()),
    }
}

/// Returns the shard of the due index for a job and its webhooks.
#[must_use]
pub fn due_shard(job: JobId) -> String {
    // The last byte of a version 7 UUID is random; the first bytes are the time.
    shard(job.uuid().as_bytes()[15] % DUE_SHARDS)
}

/// Returns the shard of the due index for a batch.
#[must_use]
pub fn batch_due_shard(batch: BatchId) -> String {
    // In the last byte of a batch id only one bit varies: the other bits number the jobs of the batch.
    shard(batch.uuid().as_bytes()[14] % DUE_SHARDS)
}

#[must_use]
pub fn shard(number: u8) -> String {
    format!("due#{number}")
}

#[must_use]
pub fn api_key_partition(id: KeyId) -> String {
    format!("{KEY}{id}")
}

/// Returns the partition of a client's settings: its rate limits and its webhook secret versions.
#[must_use]
pub fn client_partition(client: &ClientId) -> String {
    format!("CLIENT#{client}")
}

/// Returns the attribute of a client's row that holds its rate limit for an endpoint.
#[must_use]
pub fn limit_attribute(endpoint: Endpoint) -> String {
    format!("limit:{}", endpoint.as_str())
}

/// Returns the partition of the counter of a caller's requests to an endpoint.
#[must_use]
pub fn limit_partition(caller: &Caller, endpoint: Endpoint) -> String {
    format!("LIMIT#{caller}#{}", endpoint.as_str())
}

/// Returns the partition of the concurrency permits for a webhook host.
#[must_use]
pub fn host_partition(host: &str) -> String {
    format!("HOST#{host}")
}

/// Returns the partition of a waiting line for the permits of a webhook host. `template.yaml` names its prefix
/// in the permissions of the function `webhook-sender`.
#[must_use]
pub fn line_partition(host: &str, lane: &Lane) -> String {
    format!("{LINE}{host}#{lane}")
}

/// Returns the sort key of a delivery in a waiting line. It sorts by the time of the event; the prefix in the
/// stream filter never matches it.
#[must_use]
pub fn line_sort(happened_at: Timestamp, job: JobId, webhook: WebhookId) -> String {
    format!("{:013}#{job}#{webhook}", happened_at.millis().max(0))
}

/// Returns the partition of a caller's long-poll permits.
#[must_use]
pub fn long_poll_partition(caller: &Caller) -> String {
    format!("WAITS#{caller}")
}

/// Returns the partition of the long-poll permits of all callers together. No caller has this name.
#[must_use]
pub const fn all_long_polls_partition() -> &'static str {
    "WAITS"
}

/// Returns the partition of a caller's idempotency record.
#[must_use]
pub fn idempotency_partition(key: &IdempotencyKey) -> String {
    format!("IDEMPOTENCY#{}", key.digest())
}

#[must_use]
pub const fn idempotency_sort() -> &'static str {
    "IDEMPOTENCY"
}

/// Returns the partition of the measured durations of a job class.
#[must_use]
pub fn estimate_partition(class: JobClass) -> String {
    format!("ESTIMATE#{}", class.name())
}

#[must_use]
pub const fn estimate_sort() -> &'static str {
    "ESTIMATE"
}

/// The partition of the provider statuses. `template.yaml` names it in the permissions of the function
/// `health`.
pub const PROVIDERS: &str = "PROVIDERS";

/// The partition of the provider capacities.
pub(crate) const CAPACITY: &str = "CAPACITY";

/// The partition of the model deprecations that vendors announced. `template.yaml` names it in the
/// permissions of the function `health`.
pub const DEPRECATIONS: &str = "DEPRECATIONS";

/// Returns the partition of a chat session and its messages.
#[must_use]
pub fn session_partition(id: SessionId) -> String {
    format!("{SESSION}{id}")
}

/// Returns the sort key of a session's own row. It sorts after all message keys, so that one query in
/// descending order reads the session and its latest messages.
#[must_use]
pub const fn session_sort() -> &'static str {
    SESSION_ROW
}

/// Prefix of the sort keys of a session's messages.
pub const MESSAGES: &str = "MSG#";

#[must_use]
pub fn message_sort(id: MessageId) -> String {
    format!("{MESSAGES}{id}")
}

/// Prefix of the keys of all images. The CloudFront distribution serves only this prefix.
pub const IMAGES: &str = "images/";

/// Returns the prefix of the keys of a job's images.
#[must_use]
pub fn image_prefix(storage_prefix: &str) -> String {
    format!("{IMAGES}{storage_prefix}/")
}

/// Returns the key of a job's image, without the file extension.
#[must_use]
pub fn image_stem(storage_prefix: &str, index: u8) -> String {
    format!("{IMAGES}{storage_prefix}/{index}.")
}

#[must_use]
pub fn image(storage_prefix: &str, index: u8, format: ImageFormat) -> String {
    format!("{}{}", image_stem(storage_prefix, index), format.as_str())
}

#[must_use]
pub fn thumbnail(storage_prefix: &str, index: u8, format: ImageFormat) -> String {
    format!("{IMAGES}{storage_prefix}/{index}-256.{}", format.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn parse_row_keys_returns_the_due_item() {
        let (job, webhook) = (JobId::new(), WebhookId::new());
        assert_eq!(parse(&job_partition(job), job_sort()), Some(Due::Job(job)));
        assert_eq!(parse(&job_partition(job), &webhook_sort(webhook)), Some(Due::Delivery(job, webhook)));
        let batch = BatchId::new();
        assert_eq!(parse(&batch_partition(batch), batch_sort()), Some(Due::Batch(batch)));
        assert_eq!(parse(&job_partition(job), batch_sort()), None);
        let endpoint = WebhookEndpointId { client: "acme".parse().unwrap(), digest: "ab".repeat(32) };
        let partition = endpoint_partition(&endpoint);
        assert_eq!(parse(&partition, endpoint_sort()), Some(Due::WebhookEndpoint(endpoint)));
        let webhook_row = Due::Delivery(job, webhook);
        for due in
            [Due::Job(job), webhook_row, Due::Batch(batch), parse(&partition, endpoint_sort()).unwrap()]
        {
            let (partition, sort) = due_row(&due);
            assert_eq!(parse(&partition, &sort), Some(due));
        }
        assert_eq!(parse("ENDPOINT#acme", endpoint_sort()), None);
        assert_eq!(parse("JOB#x", "JOB"), None);
        assert_eq!(parse(&job_partition(job), "OTHER"), None);
        assert_eq!(parse("KEY#1", "JOB"), None);
    }

    #[test]
    fn webhook_time_bounds_the_sort_keys_of_its_millisecond() {
        let webhook = WebhookId::new();
        let (seconds, nanos) = webhook.uuid().get_timestamp().unwrap().to_unix();
        let millis = i64::try_from(seconds).unwrap() * 1000 + i64::from(nanos / 1_000_000);
        let at = |millis| webhook_time(Timestamp::from_millis(millis));
        let key = webhook_sort(webhook);
        assert!(at(millis) <= key && key < at(millis + 1) && at(millis - 1) < key);
    }

    #[test]
    fn waiting_line_sorts_by_the_time_of_the_event() {
        let sort = |millis: i64| line_sort(Timestamp::from_millis(millis), JobId::new(), WebhookId::new());
        assert!(sort(999) < sort(1000) && sort(999_999_999_999) < sort(1_000_000_000_000));
        assert!(!sort(1000).starts_with(HOOK), "the stream wakes nobody for it");
        assert_eq!(parse("LINE#h:443#00000000000000001", &sort(1000)), None);
    }

    #[test]
    fn session_row_sorts_after_its_messages() {
        let (first, second) = (MessageId::new(), MessageId::new());
        let (first, second) = (message_sort(first), message_sort(second));
        assert!(first < second && second.as_str() < session_sort());
    }

    #[test]
    fn due_shards_spread_jobs_and_batches() {
        let shards: BTreeSet<_> = (0..500).map(|_| due_shard(JobId::new())).collect();
        assert_eq!(shards.len(), usize::from(DUE_SHARDS));
        let batches = || (0..500).map(|_| BatchId::made_from(JobId::new().uuid()));
        let shards: BTreeSet<_> = batches().map(batch_due_shard).collect();
        assert_eq!(shards.len(), usize::from(DUE_SHARDS));
        let shards: BTreeSet<_> = batches()
            .take(1)
            .flat_map(|batch| (0..100).map(move |index| due_shard(batch.job(index))))
            .collect();
        assert_eq!(shards.len(), usize::from(DUE_SHARDS));
    }

    #[test]
    fn image_stem_does_not_match_a_thumbnail() {
        let stem = image_stem("p", 1);
        assert!(image("p", 1, ImageFormat::Png).starts_with(&stem));
        assert!(!thumbnail("p", 1, ImageFormat::Png).starts_with(&stem));
        assert!(!image("p", 11, ImageFormat::Png).starts_with(&stem));
    }
}
