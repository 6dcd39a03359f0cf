//! What a test has told the stand-in to do, and what it remembers.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};

use crate::standin::server::{Asked, Reply};

/// What it does instead of the request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends this answer, and does nothing else.
    Answer(Reply),
    /// Carries out the request, which is paid for, but sends this answer.
    Spoil(Reply),
    /// Carries out the request, but its answer never arrives.
    Silence,
    /// Carries out the request, but stalls in the middle of its answer.
    Stall,
    /// Carries out the request, but closes the connection in the middle of its answer.
    BreakOff,
    /// Images: URLs, whatever was requested.
    ByUrl,
    /// Images: URLs that have expired.
    ByLapsedUrl,
    /// Images: this URL.
    ByForeignUrl(String),
    /// Images: URLs that answer with this status for so many times before they have the image.
    ByLaggingUrl(u16, usize),
    /// Images: this item instead, made from the image in base64.
    Item(fn(&str) -> Value),
    /// Images: this answer instead, made from the whole one.
    Wrapped(fn(&Value) -> Reply),
    /// Images: one, however many are requested.
    OneOfSeveral,
    /// Images: the last item without content.
    EmptyLast,
    /// Images: one less than requested.
    OneLess,
    /// Images: none.
    None,
    /// Images: items without content.
    EmptyItems,
    /// Images: invalid base64.
    BadBase64,
    /// Images: base64 of something else.
    NoPicture,
    /// Images: of this size in pixels.
    Sized(u32, u32),
    /// Images: JPEG, whatever was requested.
    Jpeg,
    /// Images: no usage in the answer.
    NoUsage,
    /// Chats: a refusal in its own field.
    Refusal,
    /// Chats: no reply, because reasoning used up the tokens.
    Thought,
    /// Chats: half a reply, with this finish reason.
    Cut(&'static str),
    /// Chats: no finish reason, as Ollama may send.
    NoFinish,
}

impl Act {
    /// An answer with this status and this `error`.
    #[must_use]
    pub fn error(status: u16, error: &Value) -> Self {
        Self::Answer(Reply::json(status, &json!({ "error": error })))
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) next: VecDeque<Act>,
    pub(super) always: Option<Act>,
    pub(super) upon: Vec<(String, usize, Act)>,
    pub(super) withdrawn: BTreeSet<String>,
    pub(super) list: Option<Reply>,
    pub(super) requests: Vec<Value>,
    pub(super) refusals: Vec<String>,
    pub(super) fetches: Vec<Asked>,
    pub(super) pictures: Vec<Vec<u8>>,
    pub(super) unavailable: usize,
    pub(super) paid_calls: usize,
    pub(super) paid_pictures: usize,
}

/// The error of an invalid request.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) error: Value,
}

/// A refusal in OpenAI's form.
pub(super) fn refusal(
    status: u16,
    kind: &str,
    code: Option<&str>,
    param: Option<&str>,
    message: &str,
) -> Refusal {
    Refusal { status, error: json!({"message": message, "type": kind, "param": param, "code": code}) }
}

pub(super) fn invalid(code: Option<&str>, param: Option<&str>, message: &str) -> Refusal {
    refusal(400, "invalid_request_error", code, param, message)
}

/// The answer with the end that a test wants.
pub(super) fn with_end(reply: Reply, act: Option<Act>) -> Reply {
    match act {
        Some(Act::Spoil(reply)) => reply,
        Some(Act::Silence) => Reply::never(),
        Some(Act::Stall) => reply.stalling(),
        Some(Act::BreakOff) => reply.cut(),
        _ => reply,
    }
}

/// The test's instruction for this prompt, if there is one.
pub(super) fn act(state: &mut State, prompt: &str) -> Option<Act> {
    let upon = state.upon.iter_mut().find(|(words, times, _)| *times > 0 && prompt.contains(words.as_str()));
    if let Some((_, times, act)) = upon {
        *times -= 1;
        return Some(act.clone());
    }
    state.next.pop_front().or_else(|| state.always.clone())
}
