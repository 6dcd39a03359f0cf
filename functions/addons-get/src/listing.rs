//! What is told of addons: lists, metadata, versions, keys.

use app::addons::library::{Library, exact};
use app::addons::release_rules::{may_run_on, rules};
use domain::Error;
use domain::addons::{Addon, Release, Standing};
use domain::error::Missing;
use edge::api::addons::metadata::{AddonKeys, AddonListResponse, AddonMetadata, AddonVersionsResponse};
use edge::api::addons::query::{ListQuery, parse_list, parse_version};
use edge::http::{Answer, Request, etag};
use http::{StatusCode, header};
use serde_json::Value;

use crate::{Addons, CHANGEABLE, addon_id};

pub(crate) async fn list(addons: &Addons<'_>, request: &Request) -> Result<Answer, Error> {
    let query = parse_list(|name| request.query(name))?;
    let library = addons.shelf.present().await?;
    let found: Vec<_> = library.catalog.addons.values().filter_map(|addon| chosen(addon, &query)).collect();
    let start = (query.page - 1).saturating_mul(query.page_size).min(found.len());
    let end = start.saturating_add(query.page_size).min(found.len());
    let list = AddonListResponse {
        addons: found[start..end]
            .iter()
            .map(|(release, standing)| AddonMetadata::new(release, standing))
            .collect(),
        total: found.len(),
        page: query.page,
        page_size: query.page_size,
        has_more: end < found.len(),
    };
    changeable(request, Answer::json(StatusCode::OK, &list)?)
}

/// Returns the version that stands for the addon in a list; `None` if the addon is not in it.
fn chosen<'a>(addon: &'a Addon, query: &ListQuery) -> Option<(&'a Release, &'a Standing)> {
    let (release, standing) = match query.status {
        Some(status) => addon.newest(&[status])?,
        None => addon.face()?,
    };
    let has_type = query.kind.is_none_or(|kind| kind == release.kind);
    let is_on = query.domain.as_ref().is_none_or(|domain| {
        let has_place = release.domain_patterns.is_some() && may_run_on(release, domain);
        has_place || rules(release).iter().any(|rule| rule.matches_host(domain))
    });
    (has_type && is_on).then_some((release, standing))
}

pub(crate) async fn metadata(addons: &Addons<'_>, request: &Request) -> Result<Answer, Error> {
    let id = addon_id(request)?;
    let wanted = parse_version(request.query("version"))?;
    let library = addons.shelf.present().await?;
    let library: &Library = &library;
    let addon = library.catalog.addon(&id).ok_or(Error::NotFound(Missing::Addon))?;
    let found = match &wanted {
        None => addon.face(),
        // What is inactive is not served, but it is told of.
        Some(range) => match exact(range) {
            Some(version) => addon.version(&version),
            None => library.find(&id, Some(range)),
        },
    };
    let (release, standing) = found.ok_or(Error::NotFound(Missing::Addon))?;
    changeable(request, Answer::json(StatusCode::OK, &AddonMetadata::new(release, standing))?)
}

pub(crate) async fn versions(addons: &Addons<'_>, request: &Request) -> Result<Answer, Error> {
    let id = addon_id(request)?;
    let library = addons.shelf.present().await?;
    let addon = library.catalog.addon(&id).ok_or(Error::NotFound(Missing::Addon))?;
    changeable(request, Answer::json(StatusCode::OK, &AddonVersionsResponse::new(addon))?)
}

pub(crate) async fn keys(addons: &Addons<'_>, request: &Request) -> Result<Answer, Error> {
    let keys = addons.signatures.keys().await?;
    let keys = AddonKeys { keys: keys.public(request.now).into_iter().map(Into::into).collect() };
    changeable(request, Answer::json(StatusCode::OK, &keys)?)
}

/// Adds what every answer has that may change.
fn changeable(request: &Request, answer: Answer) -> Result<Answer, Error> {
    debug_assert!(serde_json::from_slice::<Value>(&answer.body).is_ok(), "the body is JSON");
    let answer = answer.with(header::CACHE_CONTROL, CHANGEABLE).with(header::VARY, "Accept-Encoding");
    Ok(etag::conditional(answer, &request.headers))
}
