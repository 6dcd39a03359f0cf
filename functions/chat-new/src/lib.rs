//! `POST /chat/new`: replies in a chat, and accepts the image job that is asked for with it.
//!
//! First comes the reply, then one transaction that stores the session, both messages and the job,
//! then the job's message. So a turn that fails, however it fails, leaves nothing behind.

mod reply;

use std::time::Duration;

use app::jobs::enqueue::enqueue;
use domain::access::{IdempotencyStore, Scope};
use domain::chat::{
    ChatMessage, ChatRequest, HISTORY_LIMIT, Message, RecentMessages, Role, Session, SessionStore, Turn,
    TurnIds, TurnStore,
};
use domain::error::Missing;
use domain::jobs::{
    EstimateStore, GenerateRequest, JobPolicy, JobQueue, JobStore, WebhookEvent, WebhookUrlPolicy,
};
use domain::{Error, Job, JobId, SessionId, Timestamp};
use edge::api::chat::{ChatResponse, session_url};
use edge::http::idempotency::once;
use edge::http::{Answer, Request};
use lambda_http::http::{StatusCode, header};
use providers::CurrentRegistry;
use tracing::info;
use uuid::Uuid;

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Where chats are read.
    pub sessions: &'a dyn SessionStore,
    /// Where their turns are stored.
    pub turns: &'a dyn TurnStore,
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// How long jobs take.
    pub estimates: &'a dyn EstimateStore,
    /// What wakes the worker.
    pub queue: &'a dyn JobQueue,
    /// Who replies.
    pub providers: &'a CurrentRegistry<'a>,
    /// Which `Idempotency-Key`s were used.
    pub idempotency: &'a dyn IdempotencyStore,
    /// How jobs live.
    pub policy: JobPolicy,
    /// How long sessions and messages are kept.
    pub keep_sessions: Duration,
    /// Where webhooks may go.
    pub webhook_url_policy: WebhookUrlPolicy,
}

/// Answers one request.
///
/// # Errors
///
/// As the API's contract has them.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let wanted =
        request.with_header_faults(edge::api::chat::parse(&request.body, deps.webhook_url_policy))?;
    if wanted.image.is_some() {
        // The gate has looked already; this is what holds.
        caller.require(Scope::ImagesWrite)?;
    }
    if !caller.acts_for(wanted.user) {
        return Err(Error::Forbidden("the credential does not act for this userId"));
    }
    once(deps.idempotency, &request, async |seed| turn(deps, &request, wanted, seed).await).await
}

async fn turn(deps: &Deps<'_>, request: &Request, wanted: ChatRequest, seed: Uuid) -> Result<Answer, Error> {
    let client = &request.caller()?.client;
    let ids = TurnIds::from_seed(seed);
    let id = wanted.session.unwrap_or(ids.session);
    let recent = deps.sessions.recent(id, HISTORY_LIMIT).await?;
    let own = recent.as_ref().map(|recent| recent.session.belongs_to(client, wanted.user));
    // A session that this very request began, in a run that died, is its own already.
    if own == Some(false) || (own.is_none() && wanted.session.is_some()) {
        return Err(Error::NotFound(Missing::Session));
    }
    if let Some(said) = said_already(deps, id, recent.as_ref(), ids).await? {
        return again(deps, id, &said).await;
    }

    let content = reply::reply(deps.providers, request, &wanted, recent.as_ref()).await?;
    let now = Timestamp::now();
    let expires_at = now + deps.keep_sessions;
    let image = wanted.image.map(|image| GenerateRequest { session: Some(id), ..image });
    let mut job =
        image.map(|image| Job::accept(ids.job, image, client.clone(), request.trace_id, now, &deps.policy));
    if let Some(job) = &mut job {
        job.set_estimate(app::jobs::estimate::estimated_duration(deps.estimates, &job.picture).await);
    }
    let message = |id, said: ChatMessage, timestamp, job_id: Option<JobId>| Message {
        id,
        role: said.role,
        content: said.content,
        timestamp,
        job_id,
        expires_at,
    };
    let prompt = ChatMessage { role: Role::User, content: (&wanted.prompt).into() };
    let reply = ChatMessage { role: Role::Assistant, content };
    let begins = recent.is_none();
    let turn = Turn {
        session: match recent {
            Some(RecentMessages { session, .. }) => Session { expires_at, ..session },
            None => Session {
                id,
                client_id: client.clone(),
                user_id: wanted.user,
                created_at: request.now,
                expires_at,
            },
        },
        begins,
        prompt: message(ids.prompt, prompt, request.now, None),
        reply: message(ids.reply, reply, now, job.as_ref().map(|job| job.id)),
    };
    let owed = job.as_ref().and_then(|job| job.delivery(WebhookEvent::Queued, now));
    match deps.turns.save_turn(&turn, job.as_mut().map(|job| (job, owed.as_ref()))).await {
        Ok(()) => {}
        // Either another run of this very request was faster, or this one's answer was lost: what is
        // stored is the answer. The job's message, if it never went, is the sweeper's to send.
        Err(error) => match deps.sessions.message(id, ids.reply).await {
            Ok(Some(said)) => return again(deps, id, &said).await,
            Ok(None) | Err(_) => return Err(error.into()),
        },
    }
    if let Some(job) = &mut job {
        enqueue(deps.queue, deps.jobs, job, now).await;
        info!(jobId = %job.id, client = %job.client_id, status = job.status.as_str(), "job accepted");
    }
    answer(id, &turn.reply, job.as_ref())
}

/// The reply that an earlier run of this request has stored.
async fn said_already(
    deps: &Deps<'_>,
    id: SessionId,
    recent: Option<&RecentMessages>,
    ids: TurnIds,
) -> Result<Option<Message>, Error> {
    let Some(recent) = recent else { return Ok(None) };
    if let Some(said) = recent.messages.iter().find(|message| message.id == ids.reply) {
        return Ok(Some(said.clone()));
    }
    // Ids are in the order of time: only if all that was read is newer can it lie further back.
    match recent.messages.first() {
        Some(oldest) if oldest.id.uuid() > ids.reply.uuid() => {
            Ok(deps.sessions.message(id, ids.reply).await?)
        }
        Some(_) | None => Ok(None),
    }
}

/// The answer that an earlier run would have given. The message of its job, if it never went, is the
/// sweeper's to send.
async fn again(deps: &Deps<'_>, id: SessionId, said: &Message) -> Result<Answer, Error> {
    let job = match said.job_id {
        Some(job) => {
            Some(deps.jobs.load(job).await?.ok_or_else(|| Error::internal("the job of a turn is gone"))?)
        }
        None => None,
    };
    answer(id, said, job.as_ref())
}

fn answer(id: SessionId, reply: &Message, job: Option<&Job>) -> Result<Answer, Error> {
    let answer = Answer::json(StatusCode::CREATED, &ChatResponse::new(id, reply, job))?;
    Ok(answer.with(header::LOCATION, &session_url(id)))
}
