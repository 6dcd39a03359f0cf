//! `PATCH /admin/addons/{addonId}/status` and `DELETE /admin/addons/{addonId}`.

use std::collections::BTreeSet;

use app::addons::changes::{broken_pages, dependants, left_alone};
use app::addons::library::Library;
use domain::addons::{AddonId, Garbage, Standing};
use domain::error::Missing;
use domain::primitives::NamedValue as _;
use domain::primitives::source::new_uuid;
use domain::store::StoreError;
use domain::{Error, FieldError};
use edge::api::addons::metadata::AddonMetadata;
use edge::api::addons::status::parse;
use edge::http::{Answer, Request};
use http::StatusCode;
use tracing::info;

use crate::{Deps, MAX_CONFLICTS, garbage};

pub(crate) async fn status(deps: &Deps<'_>, request: &Request, id: &AddonId) -> Result<Answer, Error> {
    let change = parse(&request.body)?;
    let standing = Standing {
        status: change.status,
        updated_at: request.now,
        reason: change.reason,
        deprecation_message: change.deprecation_message,
    };
    let version = change.version.as_ref();
    for _ in 0..MAX_CONFLICTS {
        let before = Library::new(deps.registry.load().await?);
        let mut addon = before.catalog.addon(id).ok_or(Error::NotFound(Missing::Addon))?.clone();
        if version.is_some_and(|version| addon.version(version).is_none()) {
            return Err(Error::NotFound(Missing::Addon));
        }
        addon.set_status(version, &standing);
        let mut catalog = before.catalog.clone();
        catalog.addons.insert(id.clone(), addon.clone());
        let after = Library::new(catalog);
        let lost: BTreeSet<_> =
            left_alone(&after, id).difference(&left_alone(&before, id)).cloned().collect();
        if !lost.is_empty() {
            return Err(in_use(id, &lost));
        }
        let broken = broken_pages(&before, &after, id);
        if !broken.is_empty() {
            // What becomes usable can break a page too: it may be too large, or clash with others.
            return Err(if standing.status.is_chosen() {
                let fault = |message: String| FieldError::new("status", message);
                Error::Invalid(broken.into_iter().map(fault).collect())
            } else {
                Error::AddonInUse(format!("other active addons depend on {id}: {}", broken.join("; ")))
            });
        }
        match deps.registry.change(before.catalog.generation, &addon, None, request.now).await {
            Ok(_) => {
                let by = &request.caller()?.caller;
                info!(addon = %id, version = version.map(ToString::to_string).as_deref(), status = standing.status.as_str(), %by, "status changed");
                let shown = version.and_then(|version| addon.version(version)).or_else(|| addon.face());
                let (release, standing) =
                    shown.ok_or_else(|| Error::internal("an addon without versions"))?;
                return Answer::json(StatusCode::OK, &AddonMetadata::new(release, standing));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

pub(crate) async fn delete(deps: &Deps<'_>, request: &Request, id: &AddonId) -> Result<Answer, Error> {
    for _ in 0..MAX_CONFLICTS {
        let catalog = deps.registry.load().await?;
        let mut addon = catalog.addon(id).ok_or(Error::NotFound(Missing::Addon))?.clone();
        let dependants = dependants(&catalog, id);
        if !dependants.is_empty() {
            return Err(in_use(id, &dependants));
        }
        let publications = addon.delete(request.now).into_iter().collect();
        let garbage = Garbage { id: new_uuid(), publications };
        match deps.registry.change(catalog.generation, &addon, Some(&garbage), request.now).await {
            Ok(_) => {
                info!(addon = %id, by = %request.caller()?.caller, "addon deleted");
                garbage::sweep(deps, request.now).await;
                return Ok(Answer::empty(StatusCode::NO_CONTENT));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

fn in_use(id: &AddonId, by: &BTreeSet<AddonId>) -> Error {
    let names: Vec<_> = by.iter().map(AddonId::as_str).collect();
    Error::AddonInUse(format!("other active addons depend on {id}: {}", names.join(", ")))
}
