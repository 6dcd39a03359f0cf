//! The guarded way out: every HTTP request that is not to AWS.
//!
//! A URL that a stranger chose (a webhook's, a picture's) must not lead into the operator's network.
//! What decides is the very address that is connected to: names are resolved once, by a resolver that
//! gives the connector permitted addresses only, so no second answer of a name server can slip in
//! between check and connection. Addresses that are written out never reach a resolver; those are
//! checked in the URL.
//!
//! No client here believes a proxy of the environment or follows a redirect by itself.

mod body;
mod client;
mod download;
mod guard;
mod names;
mod problem;
mod retry;

pub use body::{beginning, json, whole};
pub use client::{Client, Timeouts};
pub use download::{Base, Downloader, Limits};
pub use guard::{Reach, Refused};
pub use names::Names;
pub use problem::Problem;
pub use reqwest::{Method, RequestBuilder, Response, StatusCode, header, multipart};
pub use retry::{decimal_retry_after, retry_after};
