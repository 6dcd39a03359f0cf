//! `POST /chat/new`: replies in a chat session, and accepts the image job that the request may ask for.

use std::time::Duration;

use aws::access::AuthStores;
use aws::chat::{SessionsTable, Turns};
use aws::dynamodb::JobsTable;
use aws::jobs::EstimatesTable;
use aws::queues::{JobQueueUrls, JobQueues};
use aws::secrets::ManagedSecret;
use chat_new::{Deps, handle};
use edge::http::Middleware;
use providers::{CurrentRegistry, DOCUMENT_TTL};
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("chat-new");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let table: String = config::required("JOBS_TABLE")?;
    let jobs = JobsTable::new(dynamodb.clone(), table.clone());
    let estimates = EstimatesTable::new(dynamodb.clone(), table);
    let sessions = SessionsTable::new(dynamodb, config::required("SESSIONS_TABLE")?);
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
    let document =
        ManagedSecret::new(secrets, config::required("PROVIDERS_SECRET")?).cached_for(DOCUMENT_TTL);
    let deps = Deps {
        sessions: &sessions,
        turns: &Turns { sessions: sessions.clone(), jobs: jobs.clone() },
        jobs: &jobs,
        estimates: &estimates,
        queue: &JobQueues::new(aws_sdk_sqs::Client::new(&sdk), JobQueueUrls::from_env()?),
        providers: &CurrentRegistry::new(&document),
        idempotency: &jobs,
        policy: config::job_policy()?,
        keep_sessions: config::duration("SESSION_RETENTION_DAYS", Duration::from_secs(24 * 3600))?,
        webhook_url_policy: config::webhook_url_policy(),
    };
    edge::http::serve("chat-new", &middleware, |request| handle(&deps, request)).await
}
