//! `POST /chat/new`: replies in a chat session, and accepts the image job that the request may ask for.
//!
//! The provider replies first. Then one transaction stores the session, both messages and the job, and only
//! then the job's message is sent. So a turn that fails at any step stores nothing.

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
use http::{StatusCode, header};
use providers::CurrentRegistry;
use tracing::info;
use uuid::Uuid;

pub struct Deps<'a> {
    pub sessions: &'a dyn SessionStore,
    pub turns: &'a dyn TurnStore,
    pub jobs: &'a dyn JobStore,
    pub estimates: &'a dyn EstimateStore,
    pub queue: &'a dyn JobQueue,
    pub providers: &'a CurrentRegistry<'a>,
    pub idempotency: &'a dyn IdempotencyStore,
    pub policy: JobPolicy,
    /// The retention of sessions and messages, counted from the latest turn.
    pub keep_sessions: Duration,
    pub webhook_url_policy: WebhookUrlPolicy,
}

/// Answers one request.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let wanted =
        request.with_header_faults(edge::api::chat::parse(&request.body, deps.webhook_url_policy))?;
    if wanted.image.is_some() {
        // The middleware has checked this too, but only this check is authoritative.
        caller.require(Scope::ImagesWrite)?;
    }
    caller.require_user(wanted.user)?;
    once(deps.idempotency, &request, async |seed| turn(deps, &request, wanted, seed).await).await
}

async fn turn(deps: &Deps<'_>, request: &Request, wanted: ChatRequest, seed: Uuid) -> Result<Answer, Error> {
    let client = &request.caller()?.client;
    let ids = TurnIds::from_seed(seed);
    let id = wanted.session.unwrap_or(ids.session);
    let recent = deps.sessions.recent(id, HISTORY_LIMIT).await?;
    let own = recent.as_ref().map(|recent| recent.session.belongs_to(client, wanted.user));
    // A session that an earlier, crashed run of this same request began belongs to the caller already.
    if own == Some(false) || (own.is_none() && wanted.session.is_some()) {
        return Err(Error::NotFound(Missing::Session));
    }
    if let Some(stored) = stored_reply(deps, id, recent.as_ref(), ids).await? {
        return replay(deps, id, &stored).await;
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
    let message = |id, text: ChatMessage, timestamp, job_id: Option<JobId>| Message {
        id,
        role: text.role,
        content: text.content,
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
    let delivery = job.as_ref().and_then(|job| job.delivery(WebhookEvent::Queued, now));
    match deps.turns.save_turn(&turn, job.as_mut().map(|job| (job, delivery.as_ref()))).await {
        Ok(()) => {}
        // Either another run of this same request was faster, or the store's answer to this one was lost:
        // the stored reply is the answer. If the job's message was never sent, the sweeper sends it.
        Err(error) => match deps.sessions.message(id, ids.reply).await {
            Ok(Some(stored)) => return replay(deps, id, &stored).await,
            Ok(None) | Err(_) => return Err(error.into()),
        },
    }
    if let Some(job) = &mut job {
        enqueue(deps.queue, deps.jobs, job, now).await;
        info!(jobId = %job.id, client = %job.client_id, status = job.status.as_str(), "job accepted");
    }
    answer(id, &turn.reply, job.as_ref())
}

/// Returns the reply that an earlier run of this request has stored.
async fn stored_reply(
    deps: &Deps<'_>,
    id: SessionId,
    recent: Option<&RecentMessages>,
    ids: TurnIds,
) -> Result<Option<Message>, Error> {
    let Some(recent) = recent else { return Ok(None) };
    if let Some(stored) = recent.messages.iter().find(|message| message.id == ids.reply) {
        return Ok(Some(stored.clone()));
    }
    // Ids are ordered by time: the reply can be further back only if every message that was read is newer.
    match recent.messages.first() {
        Some(oldest) if oldest.id.uuid() > ids.reply.uuid() => {
            Ok(deps.sessions.message(id, ids.reply).await?)
        }
        Some(_) | None => Ok(None),
    }
}

/// Returns the answer of the earlier run that stored `stored`. If the message of its job was never sent, the
/// sweeper sends it.
async fn replay(deps: &Deps<'_>, id: SessionId, stored: &Message) -> Result<Answer, Error> {
    let job = match stored.job_id {
        Some(job) => {
            Some(deps.jobs.load(job).await?.ok_or_else(|| Error::internal("a turn's job does not exist"))?)
        }
        None => None,
    };
    answer(id, stored, job.as_ref())
}

fn answer(id: SessionId, reply: &Message, job: Option<&Job>) -> Result<Answer, Error> {
    let answer = Answer::json(StatusCode::CREATED, &ChatResponse::new(id, reply, job))?;
    Ok(answer.with(header::LOCATION, &session_url(id)))
}
