//! `PATCH /admin/addons/{addonId}/status` and `DELETE /admin/addons/{addonId}`.

use std::collections::BTreeSet;

use app::addons::changes::{broken_pages, dependants, dependency_faults, left_alone};
use app::addons::library::Library;
use domain::addons::{Addon, AddonId, AddonStatus, Garbage, Release, Standing};
use domain::error::Missing;
use domain::primitives::NamedValue as _;
use domain::primitives::source::new_uuid;
use domain::{Error, FieldError};
use edge::api::addons::metadata::AddonMetadata;
use edge::api::addons::status::parse;
use edge::http::{Answer, Request};
use http::StatusCode;
use tracing::info;

use crate::conflicts::Conflicts;
use crate::{Deps, garbage, invalid};

pub(crate) async fn status(deps: &Deps<'_>, request: &Request, id: &AddonId) -> Result<Answer, Error> {
    let change = parse(&request.body)?;
    let standing = Standing {
        status: change.status,
        updated_at: request.now,
        reason: change.reason,
        deprecation_message: change.deprecation_message,
    };
    let version = change.version.as_ref();
    let mut conflicts = Conflicts::new();
    loop {
        let Some(catalog) = conflicts.resolve(deps.registry.load().await).await? else { continue };
        let before = Library::new(catalog);
        let mut addon = before.catalog.addon(id).ok_or(Error::NotFound(Missing::Addon))?.clone();
        if version.is_some_and(|version| addon.version(version).is_none()) {
            return Err(Error::NotFound(Missing::Addon));
        }
        addon.set_status(version, &standing);
        let after = before.with(&addon);
        let lost: BTreeSet<_> =
            left_alone(&after, id).difference(&left_alone(&before, id)).cloned().collect();
        if !lost.is_empty() {
            return Err(in_use(id, &lost));
        }
        let lacking = before.catalog.addon(id).map(|addon| lacking(addon, &after)).unwrap_or_default();
        if !lacking.is_empty() {
            return Err(Error::Invalid(lacking));
        }
        let broken = broken_pages(&before, &after, id);
        if !broken.is_empty() {
            // What becomes usable can break a page too: it may be too large, or clash with others.
            return Err(if standing.status.is_chosen() {
                invalid("status", broken)
            } else {
                Error::AddonInUse(format!("other active addons depend on {id}: {}", broken.join("; ")))
            });
        }
        let changed = deps.registry.change(before.catalog.generation, &addon, None, request.now).await;
        if conflicts.resolve(changed).await?.is_some() {
            let by = &request.caller()?.caller;
            info!(addon = %id, version = version.map(ToString::to_string).as_deref(), status = standing.status.as_str(), %by, "status changed");
            let shown = version.and_then(|version| addon.version(version)).or_else(|| addon.face());
            let (release, standing) = shown.ok_or_else(|| Error::internal("an addon without versions"))?;
            return Answer::json(StatusCode::OK, &AddonMetadata::new(release, standing));
        }
    }
}

/// Returns what versions lack that become active: another addon may have gone while they were not.
fn lacking(before: &Addon, after: &Library) -> Vec<FieldError> {
    let Some(addon) = after.catalog.addon(&before.id) else { return Vec::new() };
    let active = addon.versions().filter(|(_, standing)| standing.status == AddonStatus::Active);
    let was_active =
        |version| before.version(version).is_some_and(|(_, standing)| standing.status == AddonStatus::Active);
    let fault = |release: &Release, fault: FieldError| {
        FieldError::new("status", format!("{}: {}: {}", release.version, fault.path, fault.message))
    };
    active
        .filter(|(release, _)| !was_active(&release.version))
        .flat_map(|(release, _)| {
            dependency_faults(after, release).into_iter().map(move |one| fault(release, one))
        })
        .collect()
}

pub(crate) async fn delete(deps: &Deps<'_>, request: &Request, id: &AddonId) -> Result<Answer, Error> {
    let mut conflicts = Conflicts::new();
    loop {
        let Some(catalog) = conflicts.resolve(deps.registry.load().await).await? else { continue };
        let before = Library::new(catalog);
        let mut addon = before.catalog.addon(id).ok_or(Error::NotFound(Missing::Addon))?.clone();
        let dependants = dependants(&before.catalog, id);
        if !dependants.is_empty() {
            return Err(in_use(id, &dependants));
        }
        let publications = addon.delete(request.now).into_iter().collect();
        // Other addons may have newer versions without it, which may be too large.
        let broken = broken_pages(&before, &before.with(&addon), id);
        if !broken.is_empty() {
            return Err(invalid("", broken));
        }
        let garbage = Garbage { id: new_uuid(), publications };
        let changed =
            deps.registry.change(before.catalog.generation, &addon, Some(&garbage), request.now).await;
        if conflicts.resolve(changed).await?.is_some() {
            info!(addon = %id, by = %request.caller()?.caller, "addon deleted");
            garbage::sweep(deps, request.now).await;
            return Ok(Answer::empty(StatusCode::NO_CONTENT));
        }
    }
}

fn in_use(id: &AddonId, by: &BTreeSet<AddonId>) -> Error {
    let names: Vec<_> = by.iter().map(AddonId::as_str).collect();
    Error::AddonInUse(format!("other active addons depend on {id}: {}", names.join(", ")))
}
