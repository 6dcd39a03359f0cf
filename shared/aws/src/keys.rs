//! The key of every row of every table, and of every object of every bucket.

use domain::access::{Caller, ClientId, Endpoint, IdempotencyKey};
use domain::due::Due;
use domain::images::ImageFormat;
use domain::jobs::JobClass;
use domain::primitives::NamedValue as _;
use domain::webhooks::{DeliveryKey, WebhookEndpointId};
use domain::{BatchId, JobId, KeyId, MessageId, SessionId, Timestamp, UserId, WebhookId};

/// How many parts the index of due rows has: in one, a busy minute would be throttled.
pub const DUE_SHARDS: u8 = 16;
/// The index of due rows: `dueShard`, then `dueAt`.
pub const DUE_INDEX: &str = "due";

/// The index by client: of the access table, a client's keys (`clientId`, `id`; it holds no hash); of the
/// jobs table, a client's jobs (`listClient`, then `pk`, which sorts by age).
pub const CLIENT_INDEX: &str = "client";
/// The index of a client's webhooks: `hookClient`, then `sk`, which sorts by the time of the event.
pub const HOOKS_INDEX: &str = "hooks";
/// The index of the jobs of a client's user: `listUser`, then `pk`.
pub const USER_INDEX: &str = "user";

const BATCH: &str = "BATCH#";
const BATCH_ROW: &str = "BATCH";
const JOB: &str = "JOB#";
const JOB_ROW: &str = "JOB";
const HOOK: &str = "HOOK#";
const ENDPOINT: &str = "ENDPOINT#";
const ENDPOINT_ROW: &str = "ENDPOINT";
const KEY: &str = "KEY#";
const SESSION: &str = "SESSION#";
const SESSION_ROW: &str = "SESSION";

/// The partition of a job and of the webhooks that tell of it.
#[must_use]
pub fn job_partition(id: JobId) -> String {
    format!("{JOB}{id}")
}

/// The sort key of a job's own row.
#[must_use]
pub const fn job_sort() -> &'static str {
    JOB_ROW
}

/// The job whose partition this is.
#[must_use]
pub fn job_of(partition: &str) -> Option<JobId> {
    partition.strip_prefix(JOB)?.parse().ok()
}

/// The partition of a batch.
#[must_use]
pub fn batch_partition(id: BatchId) -> String {
    format!("{BATCH}{id}")
}

/// The sort key of a batch's row.
#[must_use]
pub const fn batch_sort() -> &'static str {
    BATCH_ROW
}

/// What the jobs of a client's user have in common in the index of them. No client's name has a `#`.
#[must_use]
pub fn listed_user(client: &ClientId, user: UserId) -> String {
    format!("{client}#{user}")
}

/// The sort key of a webhook's row. The template's stream filter looks for its beginning.
#[must_use]
pub fn webhook_sort(id: WebhookId) -> String {
    format!("{HOOK}{id}")
}

/// What the sort keys of all webhooks of a job begin with.
pub const HOOKS: &str = HOOK;

/// Before the sort key of every webhook whose event happened at `at` or later, and after that of every
/// earlier one: a version 7 UUID begins with its time.
#[must_use]
pub fn webhook_time(at: Timestamp) -> String {
    let millis = u64::try_from(at.millis()).unwrap_or(0) & 0xffff_ffff_ffff;
    format!("{HOOK}{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// The webhook whose keys these are.
#[must_use]
pub fn webhook_of(partition: &str, sort: &str) -> Option<DeliveryKey> {
    Some((job_of(partition)?, sort.strip_prefix(HOOK)?.parse().ok()?))
}

/// The partition of what is known of a client's URL. No client's name has a `#`.
#[must_use]
pub fn endpoint_partition(id: &WebhookEndpointId) -> String {
    format!("{ENDPOINT}{}#{}", id.client, id.digest)
}

/// The sort key of what is known of a client's URL.
#[must_use]
pub const fn endpoint_sort() -> &'static str {
    ENDPOINT_ROW
}

fn endpoint_of(partition: &str) -> Option<WebhookEndpointId> {
    let (client, digest) = partition.strip_prefix(ENDPOINT)?.split_once('#')?;
    Some(WebhookEndpointId { client: client.parse().ok()?, digest: digest.to_owned() })
}

/// The part of the due index that a client's URL is in.
#[must_use]
pub fn endpoint_due_shard(id: &WebhookEndpointId) -> String {
    // Two hex digits of a hash.
    let byte = id.digest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    shard(byte.unwrap_or(0) % DUE_SHARDS)
}

/// The part of the due index in which webhooks lie that are parked until their URL is on again. No
/// sweep looks for what is due there.
#[must_use]
pub fn held_shard(id: &WebhookEndpointId) -> String {
    format!("held#{}#{}", id.client, id.digest)
}

/// What a row of the jobs table is, by its keys.
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

/// The part of the due index that a job and its webhooks are in.
#[must_use]
pub fn due_shard(job: JobId) -> String {
    // The last byte of a version 7 UUID is random; the first ones are the time.
    shard(job.uuid().as_bytes()[15] % DUE_SHARDS)
}

/// The part of the due index that a batch is in.
#[must_use]
pub fn batch_due_shard(batch: BatchId) -> String {
    // Of the last byte all bits but one are zero: they tell its jobs apart.
    shard(batch.uuid().as_bytes()[14] % DUE_SHARDS)
}

/// The name of one part of the due index.
#[must_use]
pub fn shard(number: u8) -> String {
    format!("due#{number}")
}

/// The partition of an API key.
#[must_use]
pub fn api_key_partition(id: KeyId) -> String {
    format!("{KEY}{id}")
}

/// The row of what is set for a client.
#[must_use]
pub fn client_partition(client: &ClientId) -> String {
    format!("CLIENT#{client}")
}

/// The attribute of a client's row that holds its limit of an endpoint.
#[must_use]
pub fn limit_attribute(endpoint: Endpoint) -> String {
    format!("limit:{}", endpoint.as_str())
}

/// The row that counts a caller's requests to an endpoint.
#[must_use]
pub fn limit_partition(caller: &Caller, endpoint: Endpoint) -> String {
    format!("LIMIT#{caller}#{}", endpoint.as_str())
}

/// The row of the places for requests to a host.
#[must_use]
pub fn host_partition(host: &str) -> String {
    format!("HOST#{host}")
}

/// The row of a caller's places to wait.
#[must_use]
pub fn long_poll_partition(caller: &Caller) -> String {
    format!("WAITS#{caller}")
}

/// The partition of a caller's `Idempotency-Key`.
#[must_use]
pub fn idempotency_partition(key: &IdempotencyKey) -> String {
    format!("IDEMPOTENCY#{}", key.digest())
}

/// The sort key of an `Idempotency-Key`'s row.
#[must_use]
pub const fn idempotency_sort() -> &'static str {
    "IDEMPOTENCY"
}

/// The partition of what jobs of a kind took.
#[must_use]
pub fn estimate_partition(kind: JobClass) -> String {
    format!("ESTIMATE#{}", kind.name())
}

/// The sort key of what jobs of a kind took.
#[must_use]
pub const fn estimate_sort() -> &'static str {
    "ESTIMATE"
}

/// The partition of what was last seen of the providers. The template names it to the function `health`.
pub const PROVIDERS: &str = "PROVIDERS";

/// The partition of what is under way at the providers.
pub(crate) const CAPACITY: &str = "CAPACITY";

/// The partition of what makers said about the end of their models. The template names it to the function
/// `health`.
pub const DEPRECATIONS: &str = "DEPRECATIONS";

/// The partition of a chat session and of its messages.
#[must_use]
pub fn session_partition(id: SessionId) -> String {
    format!("{SESSION}{id}")
}

/// The sort key of a session's own row. It comes after those of all messages, so that one query
/// backwards reads the session and what was said last.
#[must_use]
pub const fn session_sort() -> &'static str {
    SESSION_ROW
}

/// What the sort keys of a session's messages begin with.
pub const MESSAGES: &str = "MSG#";

/// The sort key of a message.
#[must_use]
pub fn message_sort(id: MessageId) -> String {
    format!("{MESSAGES}{id}")
}

/// Where all images lie; the distribution serves nothing else.
pub const IMAGES: &str = "images/";

/// What the keys of all images of a job begin with.
#[must_use]
pub fn image_prefix(storage_prefix: &str) -> String {
    format!("{IMAGES}{storage_prefix}/")
}

/// The key of a job's image, without the ending that tells its format.
#[must_use]
pub fn image_stem(storage_prefix: &str, index: u8) -> String {
    format!("{IMAGES}{storage_prefix}/{index}.")
}

/// The key of a job's image.
#[must_use]
pub fn image(storage_prefix: &str, index: u8, format: ImageFormat) -> String {
    format!("{}{}", image_stem(storage_prefix, index), format.as_str())
}

/// The key of the thumbnail of a job's image.
#[must_use]
pub fn thumbnail(storage_prefix: &str, index: u8, format: ImageFormat) -> String {
    format!("{IMAGES}{storage_prefix}/{index}-256.{}", format.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_row_is_known_by_its_keys() {
        let (job, webhook) = (JobId::new(), WebhookId::new());
        assert_eq!(parse(&job_partition(job), job_sort()), Some(Due::Job(job)));
        assert_eq!(parse(&job_partition(job), &webhook_sort(webhook)), Some(Due::Delivery(job, webhook)));
        let batch = BatchId::new();
        assert_eq!(parse(&batch_partition(batch), batch_sort()), Some(Due::Batch(batch)));
        assert_eq!(parse(&job_partition(job), batch_sort()), None);
        let endpoint = WebhookEndpointId { client: "acme".parse().unwrap(), digest: "ab".repeat(32) };
        let partition = endpoint_partition(&endpoint);
        assert_eq!(parse(&partition, endpoint_sort()), Some(Due::WebhookEndpoint(endpoint)));
        assert_eq!(parse("ENDPOINT#acme", endpoint_sort()), None);
        assert_eq!(parse("JOB#x", "JOB"), None);
        assert_eq!(parse(&job_partition(job), "OTHER"), None);
        assert_eq!(parse("KEY#1", "JOB"), None);
    }

    #[test]
    fn webhooks_sort_by_their_time() {
        let webhook = WebhookId::new();
        let (seconds, nanos) = webhook.uuid().get_timestamp().unwrap().to_unix();
        let millis = i64::try_from(seconds).unwrap() * 1000 + i64::from(nanos / 1_000_000);
        let at = |millis| webhook_time(Timestamp::from_millis(millis));
        let key = webhook_sort(webhook);
        assert!(at(millis) <= key && key < at(millis + 1) && at(millis - 1) < key);
    }

    #[test]
    fn a_session_comes_after_its_messages_and_they_in_their_order() {
        let (first, second) = (MessageId::new(), MessageId::new());
        let (first, second) = (message_sort(first), message_sort(second));
        assert!(first < second && second.as_str() < session_sort());
    }

    #[test]
    fn the_due_index_spreads_jobs_and_batches() {
        let shards: BTreeSet<_> = (0..500).map(|_| due_shard(JobId::new())).collect();
        assert_eq!(shards.len(), usize::from(DUE_SHARDS));
        let batches = || (0..500).map(|_| BatchId::made_from(JobId::new().uuid()));
        let shards: BTreeSet<_> = batches().map(batch_due_shard).collect();
        assert_eq!(shards.len(), usize::from(DUE_SHARDS));
        let shards: BTreeSet<_> =
            batches().take(1).flat_map(|one| (0..100).map(move |index| due_shard(one.job(index)))).collect();
        assert_eq!(shards.len(), usize::from(DUE_SHARDS));
    }

    #[test]
    fn a_thumbnail_is_not_taken_for_its_image() {
        let stem = image_stem("p", 1);
        assert!(image("p", 1, ImageFormat::Png).starts_with(&stem));
        assert!(!thumbnail("p", 1, ImageFormat::Png).starts_with(&stem));
        assert!(!image("p", 11, ImageFormat::Png).starts_with(&stem));
    }
}
