//! Gets the reply of the chat provider.

use std::time::Duration;

use domain::chat::{ChatMessage, ChatRequest, ChatTask, RecentMessages, Role, Text};
use domain::providers::{ErrorClass, Severity};
use domain::store::StoreError;
use domain::{Error, Timestamp};
use edge::http::Request;
use providers::CurrentRegistry;
use tracing::{error, warn};

/// How long the provider may take. The API promises a reply within 25 s, and the turn must be stored first.
const REPLY_TIMEOUT: Duration = Duration::from_secs(23);
/// How long before the Lambda timeout the call ends, so that the function can still report the failure.
const MARGIN: Duration = Duration::from_secs(4);

/// Returns the reply to the request. `recent` holds the latest messages of a continued session.
///
/// # Errors
///
/// [`Error::GenerationFailed`] for every failure of the provider; [`Error::Unavailable`] if the providers
/// document could not be read.
pub(crate) async fn reply(
    providers: &CurrentRegistry<'_>,
    request: &Request,
    wanted: &ChatRequest,
    recent: Option<&RecentMessages>,
) -> Result<Text, Error> {
    let mut messages = recent.map(RecentMessages::history).unwrap_or_default();
    messages.extend_from_slice(&wanted.previous);
    messages.push(ChatMessage { role: Role::User, content: (&wanted.prompt).into() });
    let task = ChatTask {
        messages,
        temperature: wanted.temperature,
        max_tokens: wanted.max_tokens,
        deadline: (request.now + REPLY_TIMEOUT).min(request.deadline - MARGIN),
    };
    let call = async {
        let registry = providers.get().await?;
        registry.chat()?.reply(&task).await
    };
    // A provider keeps the deadline by itself; this timeout covers one that does not.
    let outcome = tokio::time::timeout(task.deadline.since(Timestamp::now()), call).await;
    let failed = |message: &str| Err(Error::GenerationFailed(message.to_owned()));
    let problem = match outcome {
        Ok(Ok(text)) => match Text::cut(text) {
            Some(text) => return Ok(text),
            None => {
                warn!("the chat provider returned an empty reply");
                return failed("the chat provider said nothing");
            }
        },
        Ok(Err(problem)) => problem,
        Err(_) => {
            warn!("the chat provider did not answer in time");
            return failed("the chat provider did not answer in time");
        }
    };
    match problem.policy().severity {
        Severity::Alarm => {
            error!(alarm = "provider_account", %problem, "the chat provider rejects the operator's account");
            failed("the chat provider cannot be used at present")
        }
        Severity::Warn | Severity::Info if problem.class == ErrorClass::Internal => {
            Err(StoreError::Unavailable(problem.message.into()).into())
        }
        Severity::Warn | Severity::Info => {
            warn!(%problem, "the chat provider failed");
            Err(Error::GenerationFailed(format!("the chat provider failed: {}", problem.message)))
        }
    }
}
