//! `GET /addons`: serves addons, what is told of them, and what the pages of a domain get.

mod cache;
mod compress;
mod content;
mod contents;
mod listing;
mod pages;
mod shelf;
mod signatures;
mod user_scripts;

use domain::Error;
use domain::access::SecretSource;
use domain::addons::{AddonContents, AddonId, AddonReader};
use domain::error::Missing;
use edge::http::{Answer, Request};

use crate::contents::Contents;
use crate::pages::Pages;
use crate::shelf::Shelf;
use crate::signatures::Signatures;

/// What may change of an answer is asked for again after a minute.
pub(crate) const CHANGEABLE: &str = "public, max-age=60";

/// The addons as this function knows them.
pub struct Addons<'a> {
    shelf: Shelf<'a>,
    contents: Contents<'a>,
    signatures: Signatures<'a>,
    pages: Pages,
}

impl<'a> Addons<'a> {
    #[must_use]
    pub fn new(
        reader: &'a dyn AddonReader,
        contents: &'a dyn AddonContents,
        keys: &'a dyn SecretSource,
    ) -> Self {
        Self {
            shelf: Shelf::new(reader),
            contents: Contents::new(contents),
            signatures: Signatures::new(keys),
            pages: Pages::default(),
        }
    }
}

/// Answers one request.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
pub async fn handle(addons: &Addons<'_>, request: Request) -> Result<Answer, Error> {
    match request.route.path {
        "/addons" => listing::list(addons, &request).await,
        "/addons/keys" => listing::keys(addons, &request).await,
        "/addons/{addonId}" => content::content(addons, &request).await,
        "/addons/{addonId}/metadata" => listing::metadata(addons, &request).await,
        "/addons/{addonId}/versions" => listing::versions(addons, &request).await,
        _ => pages::page(addons, &request).await,
    }
}

/// Returns the id in the path. One that cannot be an id is one of no addon.
fn addon_id(request: &Request) -> Result<AddonId, Error> {
    let id = request.path_parameter("addonId").and_then(|id| id.parse().ok());
    id.ok_or(Error::NotFound(Missing::Addon))
}
