//! The HTTP layer that all endpoints share: routing, credentials, limits, CORS, errors, conditional requests.

pub(crate) mod answer;
pub mod content_coding;
pub mod cors;
pub(crate) mod error_response;
pub mod etag;
pub(crate) mod event;
pub mod idempotency;
pub mod json_body;
pub mod json_text;
pub(crate) mod middleware;
pub mod precondition;
pub mod prefer;
pub(crate) mod reply;
pub(crate) mod request;
pub mod routes;
pub(crate) mod serve;

pub use answer::Answer;
pub use event::Event;
pub use middleware::Middleware;
pub use reply::Reply;
pub use request::{IDEMPOTENCY_KEY, Request};
pub use routes::BODY_LIMIT;
pub use serve::{respond, serve};
