//! Operations of chat sessions.

use domain::jobs::WebhookUrlPolicy::HttpsOnly;
use serde_json::json;

use super::bodies::ChatBody;
use super::examples::example_job;
use super::operation::{Answer, Operation};
use super::parts::{SESSION, USER};
use super::problems::Problem;
use super::schemas::Schemas;
use crate::api::chat::{ChatResponse, SessionResponse};
use crate::http::routes::Route;

const MESSAGE: &str = "0190b8a0-0000-7000-8000-000000000006";

pub(super) fn operation(route: &Route, schemas: &mut Schemas) -> Option<Operation> {
    Some(match (route.method, route.path) {
        ("POST", "/chat/new") => say(schemas),
        ("GET", "/chat/{sessionId}") => read(schemas),
        _ => return None,
    })
}

fn say(schemas: &mut Schemas) -> Operation {
    let plain = json!({"userId": USER, "prompt": "What makes a good lighthouse?"});
    let drawn = json!({
        "userId": USER, "prompt": "Now draw one at dusk.",
        "imageGeneration": {"size": "1024x576", "style": "vivid"},
        "chatContext": {
            "previousMessages": [{"role": "user", "content": "I like lighthouses."}],
            "temperature": 0.4, "maxTokens": 200,
        },
    });
    let example = json!({
        "sessionId": SESSION, "messageId": MESSAGE,
        "chatResponse": {
            "content": "A tall one.", "role": "assistant", "timestamp": "2026-10-01T12:00:01.000Z",
        },
        "imageGenerationJob": example_job(),
    });
    let said = Answer::json(201, "The reply, and the image job.", schemas.answer::<ChatResponse>(), example)
        .link("session", "getChatSession", "sessionId", "/sessionId")
        .link("job", "getImageStatus", "jobId", "/imageGenerationJob/jobId");
    Operation::new(
        "Chat",
        "sendChatMessage",
        "Say something, and have it drawn",
        "Without `sessionId` a session begins; with it, that one goes on, and its messages come first. The \
         reply is in the answer, the images come as with any image job. With an image it also needs the scope \
         `images:write`.",
    )
    .body(true, schemas.request::<ChatBody>(), &[("The least", plain), ("With images", drawn)])
    .refuses(crate::api::chat::parse(
        format!(r#"{{"userId":"{USER}","prompt":"","chatContext":{{"temperature":3}}}}"#).as_bytes(),
        HttpsOnly,
    ))
    .answers(said)
    .fails(&[Problem::SessionNotFound, Problem::GenerationFailed])
    .idempotent()
    .calls_back("/imageGeneration/webhookUrl")
}

fn read(schemas: &mut Schemas) -> Operation {
    let example = json!({
        "sessionId": SESSION, "userId": USER, "createdAt": "2026-10-01T12:00:00.000Z",
        "messages": [
            {"id": MESSAGE, "role": "user", "content": "What makes a good lighthouse?",
             "timestamp": "2026-10-01T12:00:00.000Z"},
        ],
    });
    let page = Answer::json(200, "A page of its messages.", schemas.answer::<SessionResponse>(), example);
    Operation::new(
        "Chat",
        "getChatSession",
        "Read a session",
        "Messages are in the order in which they were said. `nextCursor` is there as long as there are more.",
    )
    .takes(&["limit", "cursor"])
    .answers(page)
    .fails(&[Problem::Invalid, Problem::SessionNotFound])
    .refuses(crate::api::chat::page_of(Some("0"), Some("x")))
}
