//! `semantest addons publish`.

use anyhow::{Context as _, Error, Result, bail};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::time::sleep;
use uuid::Uuid;

use super::content::{self, has_hash};
use super::fields::Fields;
use super::manage::metadata;
use super::output::print_published;
use crate::cli;
use crate::client::api::{Api, ApiResponse};
use crate::client::error::ApiError;
use crate::client::target::{self, IfStopped};
use crate::output;

/// So often a request is sent, if the server or the network fails.
const MAX_REQUESTS: u32 = 5;

/// What became of a publication.
#[derive(Debug)]
pub(super) enum Published {
    /// It is published, with this metadata.
    New(Value),
    /// It was published before, with this metadata.
    Before(Value),
}

pub(super) async fn run(args: &cli::AddonsPublish) -> Result<()> {
    let content = content::read(&args.file)?;
    let fields = Fields::of(args)?;
    let api = target::resolve_operator(&args.target, IfStopped::Start).await?;
    let published = publish(&api, args, &fields, &content).await;
    match published.map_err(|error| content::with_places(error, &args.file))? {
        Published::New(metadata) => print_published(&metadata, &args.file, args.json),
        Published::Before(metadata) => {
            print_published(&metadata, &args.file, args.json);
            output::note("already published");
            if let Some(status) = fields.given.get("status").filter(|status| **status != metadata["status"]) {
                output::note(format_args!(
                    "its status is {}, not {status}: `semantest addons status` changes it",
                    metadata["status"]
                ));
            }
        }
    }
    Ok(())
}

/// Publishes a further version of an addon, or a new addon if there is none with the id.
pub(super) async fn publish(
    api: &Api,
    args: &cli::AddonsPublish,
    fields: &Fields,
    content: &str,
) -> Result<Published> {
    if let Some(id) = &fields.id {
        let body = fields.version_body(content);
        let path = format!("/admin/addons/{id}");
        match send(|| api.request(Method::PUT, &path).json(&body), api).await {
            Ok(metadata) => return Ok(Published::New(metadata)),
            Err(error) if is(&error, "VERSION_EXISTS") => {
                return published_before(api, id, fields, content, error).await;
            }
            Err(error) if is(&error, "ADDON_NOT_FOUND") => {}
            Err(error) => return Err(error),
        }
    }
    let id = fields.id.clone().unwrap_or_else(|| {
        let id = Uuid::now_v7().to_string();
        // Before the request: should its answer be lost, the same can be published again.
        output::note(format_args!("a new addon with the id {id}; --id {id} publishes its next version"));
        id
    });
    let body = fields.addon_body(&id, content, &args.file);
    let key = Uuid::new_v4().to_string();
    let request = || api.request(Method::POST, "/admin/addons").header("idempotency-key", &key).json(&body);
    match send(request, api).await {
        Ok(metadata) => Ok(Published::New(metadata)),
        // The answer to an earlier request was lost, or another one came first.
        Err(error) if is(&error, "VERSION_EXISTS") => {
            published_before(api, &id, fields, content, error).await
        }
        Err(error) => Err(error),
    }
}

fn is(error: &Error, code: &str) -> bool {
    error.downcast_ref::<ApiError>().is_some_and(|error| error.is(code))
}

/// Sends a request until the server accepts or refuses it. Each may be repeated: a version is published once.
async fn send(request: impl Fn() -> RequestBuilder, api: &Api) -> Result<Value> {
    let mut requests = 1;
    loop {
        match api.send_idempotent(request()).await? {
            ApiResponse::Success(metadata) => return Ok(metadata),
            ApiResponse::RetryAfter(_, error) if requests >= MAX_REQUESTS => return Err(error),
            ApiResponse::RetryAfter(delay, error) => {
                requests += 1;
                output::note(format_args!("not published yet, retrying in {} s: {error:#}", delay.as_secs()));
                sleep(delay).await;
            }
        }
    }
}

/// Tells whether the version that exists is the one that is published here.
async fn published_before(
    api: &Api,
    id: &str,
    fields: &Fields,
    content: &str,
    exists: Error,
) -> Result<Published> {
    let version = &fields.version;
    let published = match metadata(api, id, Some(version)).await {
        Ok(published) => published,
        Err(error) if is(&error, "ADDON_NOT_FOUND") => {
            return Err(exists.context(format!(
                "the version {version} of {id} was deleted; its number cannot be published again"
            )));
        }
        Err(error) => return Err(error.context(format!("{exists}; it cannot be compared with the file"))),
    };
    let hash = published["contentHash"].as_str().context("the metadata have no contentHash")?;
    if !has_hash(content, hash) {
        let own = content::sha256(content);
        // The server removes such a comment before it stores the content, and hashes the rest.
        let unsure = if content.contains("sourceMappingURL=") || content.contains("sourceURL=") {
            ", or without its source map comment it is the same"
        } else {
            ""
        };
        bail!(
            "the version {version} of {id} is published already, with other content{unsure}: publish another \
             version\n  published  sha256 {hash}, {} bytes\n  the file   sha256 {own}, {} bytes",
            published["size"],
            content.len()
        );
    }
    let differences = fields.differences(&published);
    if !differences.is_empty() {
        bail!(
            "the version {version} of {id} is published already, with the same content but another value of {}: \
             publish another version",
            differences.join(", ")
        );
    }
    Ok(Published::Before(published))
}
