//! What the chat provider has to say.

use std::time::Duration;

use domain::chat::{ChatMessage, ChatRequest, ChatTask, RecentMessages, Role, Text};
use domain::providers::ErrorClass;
use domain::store::StoreError;
use domain::{Error, Timestamp};
use edge::http::Request;
use providers::CurrentRegistry;
use tracing::{error, warn};

/// How long a provider has. The caller is promised a reply within 25 s, and it is yet to be stored.
const REPLY_TIMEOUT: Duration = Duration::from_secs(23);
/// How long before Lambda ends us it must be there, so that we can still say that it is not.
const MARGIN: Duration = Duration::from_secs(4);

/// The reply to the request, in a session of which `recent` is known.
///
/// # Errors
///
/// [`Error::GenerationFailed`], whatever the provider failed for; [`Error::Unavailable`], if the providers
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
    let asked = async {
        let registry = providers.get().await?;
        registry.chat()?.reply(&task).await
    };
    // A provider keeps the deadline by itself; this is for one that does not.
    let outcome = tokio::time::timeout(task.deadline.since(Timestamp::now()), asked).await;
    let failed = |message: &str| Err(Error::GenerationFailed(message.to_owned()));
    let problem = match outcome {
        Ok(Ok(text)) => match Text::cut(text) {
            Some(text) => return Ok(text),
            None => {
                warn!("the chat provider said nothing");
                return failed("the chat provider said nothing");
            }
        },
        Ok(Err(problem)) => problem,
        Err(_) => {
            warn!("the chat provider did not answer in time");
            return failed("the chat provider did not answer in time");
        }
    };
    match problem.class {
        ErrorClass::Operator => {
            error!(alarm = "provider_account", %problem, "the chat provider's account is in trouble");
            failed("the chat provider cannot be used at present")
        }
        ErrorClass::Internal => Err(StoreError::Unavailable(problem.message).into()),
        ErrorClass::Provider | ErrorClass::Capacity | ErrorClass::Caller => {
            warn!(%problem, "the chat provider failed");
            Err(Error::GenerationFailed(format!("the chat provider failed: {}", problem.message)))
        }
    }
}
