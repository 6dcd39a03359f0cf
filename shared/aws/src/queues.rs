//! The SQS queues of jobs and of webhooks.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::access::ClientId;
use domain::jobs::{JobMessage, JobQueue};
use domain::primitives::{NamedValue as _, Priority};
use domain::store::{MAX_QUEUE_DELAY, StoreError};
use domain::webhooks::{WebhookMessage, WebhookQueue};
use domain::{Job, JobId};
use serde::Serialize;

use crate::errors::{rejected_call, unavailable, unusable};

/// The URLs of the job queues, one for each priority.
#[derive(Debug, Clone)]
pub struct JobQueueUrls {
    pub high: String,
    pub normal: String,
    pub low: String,
}

impl JobQueueUrls {
    /// Reads the URLs from the environment variables that `template.yaml` sets.
    ///
    /// # Errors
    ///
    /// If a variable is missing.
    pub fn from_env() -> Result<Self, std::env::VarError> {
        let url = |name: &str| std::env::var(name);
        Ok(Self {
            high: url("HIGH_QUEUE_URL")?,
            normal: url("NORMAL_QUEUE_URL")?,
            low: url("LOW_QUEUE_URL")?,
        })
    }
}

/// The most messages of one SendMessageBatch call (a limit of SQS).
const BATCH: usize = 10;

/// The job queues, one for each priority.
#[derive(Debug, Clone)]
pub struct JobQueues {
    client: Client,
    urls: JobQueueUrls,
}

impl JobQueues {
    #[must_use]
    pub const fn new(client: Client, urls: JobQueueUrls) -> Self {
        Self { client, urls }
    }

    const fn url(&self, priority: Priority) -> &String {
        match priority {
            Priority::High => &self.urls.high,
            Priority::Normal => &self.urls.normal,
            Priority::Low => &self.urls.low,
        }
    }

    /// Sends the messages of at most [`BATCH`] jobs to one queue. Returns the jobs whose message was not
    /// sent, with the error.
    async fn send_chunk(&self, url: &str, jobs: Vec<&Job>) -> Vec<(JobId, StoreError)> {
        let all_failed = |error: StoreError| jobs.iter().map(|job| (job.id, error.clone())).collect();
        let entries = jobs.iter().enumerate().map(|(index, job)| {
            let body = serde_json::to_string(&JobMessage::about(job));
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(body.map_err(|error| unusable("SendMessageBatch", error))?)
                .message_group_id(job.client_id.to_string());
            entry.build().map_err(|error| unusable("SendMessageBatch", error))
        });
        let entries = match entries.collect::<Result<Vec<_>, _>>() {
            Ok(entries) => entries,
            Err(error) => return all_failed(error),
        };
        let sent = self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await;
        match sent {
            Ok(answer) => answer
                .failed()
                .iter()
                .filter_map(|failed| {
                    let job = jobs.get(failed.id().parse::<usize>().ok()?)?;
                    Some((
                        job.id,
                        rejected_call(
                            "SendMessageBatch",
                            failed.code(),
                            failed.message().unwrap_or("no message"),
                        ),
                    ))
                })
                .collect(),
            Err(error) => all_failed(unavailable("SendMessageBatch", error)),
        }
    }
}

#[derive(Debug, Clone)]
pub struct WebhooksQueue {
    client: Client,
    url: String,
}

impl WebhooksQueue {
    #[must_use]
    pub const fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }
}

async fn send(
    client: &Client,
    url: &str,
    message: &(impl Serialize + Sync),
    group: &ClientId,
    delay: Duration,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(message).map_err(|error| unusable("SendMessage", error))?;
    // Rounded up: a message that arrives too early is acknowledged without an effect, and is then gone.
    let seconds = delay.min(MAX_QUEUE_DELAY).as_millis().div_ceil(1000);
    client
        .send_message()
        .queue_url(url)
        .message_body(body)
        .message_group_id(group.to_string())
        .set_delay_seconds(i32::try_from(seconds).ok().filter(|seconds| *seconds > 0))
        .send()
        .await
        .map_err(|error| unavailable("SendMessage", error))?;
    Ok(())
}

#[async_trait]
impl JobQueue for JobQueues {
    async fn send(
        &self,
        message: &JobMessage,
        priority: Priority,
        client: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError> {
        let url = self.url(priority);
        // On a standard queue the message group does not order messages. It keeps the many jobs of one client
        // from delaying the few jobs of another (SQS fair queues).
        send(&self.client, url, message, client, delay).await
    }

    async fn send_many(&self, jobs: &[Job]) -> Vec<(JobId, StoreError)> {
        let calls = Priority::ALL.iter().flat_map(|priority| {
            let selected: Vec<_> = jobs.iter().filter(|job| job.priority == *priority).collect();
            selected
                .chunks(BATCH)
                .map(|chunk| self.send_chunk(self.url(*priority), chunk.to_vec()))
                .collect::<Vec<_>>()
        });
        futures_util::future::join_all(calls).await.into_iter().flatten().collect()
    }
}

#[async_trait]
impl WebhookQueue for WebhooksQueue {
    async fn send_webhook(
        &self,
        message: &WebhookMessage,
        client: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError> {
        // The message group keeps an endpoint that hangs from delaying the webhooks of other clients (SQS
        // fair queues).
        send(&self.client, &self.url, message, client, delay).await
    }
}
