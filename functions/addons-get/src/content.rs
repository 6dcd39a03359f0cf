//! `GET /addons/{addonId}`: the JavaScript or CSS itself.

use app::addons::library::{Library, exact};
use app::addons::release_rules::may_run_on;
use domain::Error;
use domain::addons::{AddonStatus, AddonType, ContentCoding, Form};
use domain::error::Missing;
use domain::primitives::NamedValue as _;
use edge::api::addons::faults::Faults;
use edge::api::addons::query::{parse_domain, parse_flag, parse_version};
use edge::http::content_coding::Coding;
use edge::http::precondition::{Precondition, Validators, http_date};
use edge::http::{Answer, Request};
use http::{HeaderName, Method, StatusCode, header};

use crate::{Addons, CHANGEABLE, addon_id};

/// An exact version never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// The hexadecimal digits of a hash in an entity tag.
const TAG_DIGITS: usize = 32;

const X_ADDON_ID: HeaderName = HeaderName::from_static("x-addon-id");
const X_ADDON_VERSION: HeaderName = HeaderName::from_static("x-addon-version");
const X_ADDON_TYPE: HeaderName = HeaderName::from_static("x-addon-type");
const X_ADDON_SIGNATURE: HeaderName = HeaderName::from_static("x-addon-signature");
const X_CONTENT_HASH: HeaderName = HeaderName::from_static("x-content-hash");
const X_DEPRECATION_WARNING: HeaderName = HeaderName::from_static("x-deprecation-warning");
const X_TARGET_DOMAIN: &str = "x-target-domain";

pub(crate) async fn content(addons: &Addons<'_>, request: &Request) -> Result<Answer, Error> {
    let id = addon_id(request)?;
    let mut faults = Faults::default();
    let wanted = faults.take(parse_version(request.query("version")));
    let minified = faults.take(parse_flag("minified", request.query("minified"), true));
    // A header with other characters than ASCII is no domain either.
    let by_header = request.headers.get(X_TARGET_DOMAIN).map(|value| value.to_str().unwrap_or_default());
    let by_header = by_header.map(|text| parse_domain("X-Target-Domain", text)).transpose();
    let by_query = request.query("targetDomain").map(|text| parse_domain("targetDomain", text)).transpose();
    let (by_header, by_query) = (faults.take(by_header), faults.take(by_query));
    faults.finish()?;
    let (wanted, minified) = (wanted.flatten(), minified.unwrap_or(true));
    let domains = by_header.flatten().into_iter().chain(by_query.flatten());
    let mut library = addons.shelf.recent().await?;
    if library.find(&id, wanted.as_ref()).is_none() {
        // It may have been published a moment ago.
        library = addons.shelf.present().await?;
    }
    let library: &Library = &library;
    let (release, standing) = library.find(&id, wanted.as_ref()).ok_or(Error::NotFound(Missing::Addon))?;
    if domains.into_iter().any(|domain| !may_run_on(release, &domain)) {
        return Err(Error::DomainNotAllowed);
    }

    let form = if minified { &release.content.minified } else { &release.content.source };
    let coding = Coding::choose(&request.headers, &smaller(form));
    let (ending, stored) = match coding {
        Coding::Identity => ("", ContentCoding::Identity),
        Coding::Gzip => ("-gzip", ContentCoding::Gzip),
        Coding::Brotli => ("-br", ContentCoding::Brotli),
    };
    let etag = format!("\"{}{ending}\"", &form.hash[..TAG_DIGITS.min(form.hash.len())]);
    let is_exact = wanted.as_ref().and_then(exact).is_some();
    let vary = if release.domain_patterns.is_some() {
        "Accept-Encoding, X-Target-Domain"
    } else {
        "Accept-Encoding"
    };
    // What a range means changes with any change of the addon, back to an older version too.
    let addon = library.catalog.addon(&id).filter(|_| !is_exact);
    let last_modified = addon.map_or(release.created_at, |addon| addon.updated_at.max(release.created_at));
    let keys = addons.signatures.keys_that_know(&[release], request.now).await?;
    let mut answer = Answer::empty(StatusCode::OK)
        .with(header::ETAG, &etag)
        .with(header::LAST_MODIFIED, &http_date(last_modified))
        .with(header::CACHE_CONTROL, if is_exact { IMMUTABLE } else { CHANGEABLE })
        .with(header::VARY, vary)
        .with(X_ADDON_ID, id.as_str())
        .with(X_ADDON_VERSION, &release.version.to_string())
        .with(X_ADDON_TYPE, release.kind.as_str())
        .with(X_CONTENT_HASH, &form.hash);
    let signature = keys.of_version(release, form, request.now);
    if !signature.is_empty() {
        answer = answer.with(X_ADDON_SIGNATURE, &signature);
    }
    if standing.status == AddonStatus::Deprecated {
        let message = standing.deprecation_message.clone();
        let message = message.unwrap_or_else(|| format!("{id} {} is deprecated", release.version));
        // A header has visible ASCII characters alone.
        let message: String = message
            .chars()
            .map(|one| if one.is_ascii() && !one.is_ascii_control() { one } else { '?' })
            .collect();
        answer = answer.with(X_DEPRECATION_WARNING, &message);
    }
    match (Validators { etag: &etag, last_modified }).evaluate(&Method::GET, &request.headers) {
        Precondition::Failed => return Err(Error::PreconditionFailed),
        Precondition::NotModified => {
            answer.status = StatusCode::NOT_MODIFIED;
            return Ok(answer);
        }
        Precondition::Holds => {}
    }
    if let Some(name) = coding.name() {
        answer = answer.with(header::CONTENT_ENCODING, name);
    }
    answer = answer.with(header::CONTENT_TYPE, media_type(release.kind));
    answer.body = addons.contents.get(release, form, stored).await?.to_vec();
    Ok(answer)
}

pub(crate) const fn media_type(kind: AddonType) -> &'static str {
    if kind.is_script() { "text/javascript; charset=utf-8" } else { "text/css; charset=utf-8" }
}

/// The codings in which the content is smaller than it is.
fn smaller(form: &Form) -> Vec<Coding> {
    let all = [(Coding::Brotli, form.brotli_bytes), (Coding::Gzip, form.gzip_bytes)];
    all.into_iter().filter(|(_, bytes)| *bytes < form.bytes).map(|(coding, _)| coding).collect()
}
