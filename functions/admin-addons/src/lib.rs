//! `/admin/addons`: publishes, changes and deletes addons.
//!
//! Every change is made for the generation of the catalog that it was checked against. If another change was made in
//! between, it is checked again.

mod built;
mod change;
mod conflicts;
mod garbage;
mod publish;
mod release;

use addon_build::OldestChrome;
use domain::access::{IdempotencyStore, SecretSource};
use domain::addons::{AddonContentStore, AddonId, AddonRegistry};
use domain::error::Missing;
use domain::{Error, FieldError};
use edge::http::{Answer, Request};

pub struct Deps<'a> {
    pub registry: &'a dyn AddonRegistry,
    pub contents: &'a dyn AddonContentStore,
    pub keys: &'a dyn SecretSource,
    pub idempotency: &'a dyn IdempotencyStore,
    /// The oldest browser that must be able to run what is published.
    pub oldest: OldestChrome,
}

/// Answers one request.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    match request.route.method {
        "POST" => publish::addon(deps, &request).await,
        "PUT" => publish::version(deps, &request, addon_id(&request)?).await,
        "PATCH" => change::status(deps, &request, &addon_id(&request)?).await,
        "DELETE" => change::delete(deps, &request, &addon_id(&request)?).await,
        method => Err(Error::internal(format!("no endpoint of /admin/addons takes {method}"))),
    }
}

/// Returns the id in the path. One that cannot be an id is one of no addon.
fn addon_id(request: &Request) -> Result<AddonId, Error> {
    let id = request.path_parameter("addonId").and_then(|id| id.parse().ok());
    id.ok_or(Error::NotFound(Missing::Addon))
}

/// The error of a change that these messages speak against.
fn invalid(path: &str, messages: Vec<String>) -> Error {
    Error::Invalid(messages.into_iter().map(|message| FieldError::new(path, message)).collect())
}
