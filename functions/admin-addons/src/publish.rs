//! `POST /admin/addons` and `PUT /admin/addons/{addonId}`.

use addons::key_set::KeySet;
use addons::signature::SigningKey;
use app::addons::changes::{broken_pages, dependency_faults};
use app::addons::library::Library;
use app::addons::warnings::warnings;
use domain::addons::{Addon, AddonId, PublicationId, Release};
use domain::error::Missing;
use domain::primitives::NamedValue as _;
use domain::primitives::source::new_uuid;
use domain::store::StoreError;
use domain::{Error, Timestamp};
use edge::api::addons::faults::Faults;
use edge::api::addons::metadata::AddonMetadata;
use edge::api::addons::patterns::pattern_faults;
use edge::api::addons::publication::{Publication, Publishing, content_of, parse};
use edge::http::{Answer, Request, idempotency};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use tracing::info;
use uuid::Uuid;

use crate::built::{Forms, build, forms};
use crate::conflicts::Conflicts;
use crate::release::{complete, draft, inherit, too_much};
use crate::{Deps, garbage, invalid};

/// How many objects are stored side by side.
const CONCURRENCY: usize = 8;

pub(crate) async fn addon(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    let publication = request.with_header_faults(parsed(deps, request, Publishing::Addon))?;
    let keys = signing_keys(deps, request.now).await?;
    idempotency::once(deps.idempotency, request, async |seed| {
        // A repeated run makes the same ids, and so finds what the first one has published.
        let id = publication.id.clone().unwrap_or_else(|| AddonId::from_uuid(seed));
        publish(deps, request, publication, id, seed, Publishing::Addon, &keys).await
    })
    .await
}

pub(crate) async fn version(deps: &Deps<'_>, request: &Request, id: AddonId) -> Result<Answer, Error> {
    let publication = parsed(deps, request, Publishing::Version)?;
    let keys = signing_keys(deps, request.now).await?;
    publish(deps, request, publication, id, new_uuid(), Publishing::Version, &keys).await
}

/// Parses the body. If it has faults, those of its content are named with them.
fn parsed(deps: &Deps<'_>, request: &Request, publishing: Publishing) -> Result<Publication, Error> {
    let mut faults = Faults::default();
    match faults.take(parse(&request.body, publishing)) {
        Some(publication) => return Ok(publication),
        None => {
            if let Some((kind, content)) = content_of(&request.body) {
                // The name is only for the map, which nobody sees.
                let id = AddonId::from_uuid(Uuid::nil());
                faults.extend(build(&content, &id, kind, deps.oldest).err().into_iter().flatten());
            }
        }
    }
    faults.finish()?;
    Err(Error::internal("a fault was found, but not kept"))
}

/// Returns the keys to sign with. What is not signed would run in no extension that has the operator's key.
async fn signing_keys(deps: &Deps<'_>, now: Timestamp) -> Result<Vec<SigningKey>, Error> {
    let secret = deps.keys.read().await?;
    let keys = KeySet::parse(secret.expose()).map_err(Error::internal)?.signing_keys(now.millis());
    if !keys.is_empty() {
        return Ok(keys);
    }
    // It may have been made a moment ago.
    let secret = deps.keys.refresh().await?;
    let keys = KeySet::parse(secret.expose()).map_err(Error::internal)?.signing_keys(now.millis());
    if keys.is_empty() {
        let message =
            "this deployment has no key to sign addons with: make one with `semantest addons keys create`";
        return Err(Error::NotReady(message.into()));
    }
    Ok(keys)
}

async fn publish(
    deps: &Deps<'_>,
    request: &Request,
    mut publication: Publication,
    id: AddonId,
    run: Uuid,
    publishing: Publishing,
    keys: &[SigningKey],
) -> Result<Answer, Error> {
    let status = publication.status;
    let publication_id = new_uuid();
    let mut stored: Option<Forms> = None;
    let mut parsed = None;
    let mut conflicts = Conflicts::new();
    loop {
        let Some(catalog) = conflicts.resolve(deps.registry.load().await).await? else { continue };
        let before = Library::new(catalog);
        let known = before.catalog.addons.get(&id);
        let is_known = before.catalog.addon(&id).is_some();
        if publishing == Publishing::Version && !is_known {
            return Err(Error::NotFound(Missing::Addon));
        }
        if let Some(addon) = known
            && addon.has_had(&publication.version)
        {
            return published_before(addon, &publication, run);
        }
        let mut faults = Vec::new();
        if let Some(addon) = known {
            faults.extend(inherit(&mut publication, addon));
            // What was inherited must fit what was given.
            let rules = publication.injection_rules.iter().flatten().enumerate();
            faults.extend(pattern_faults(publication.domain_patterns.as_deref(), rules));
        }
        let Some(kind) = publication.kind else {
            return Err(Error::internal("an addon without a type was not refused"));
        };
        let mut release = draft(&publication, &id, kind, (publication_id, run), request.now);
        faults.extend(too_much(&release)?);
        faults.extend(dependency_faults(&before, &release));
        if stored.is_none() && parsed.is_none() {
            match build(&publication.content, &id, kind, deps.oldest) {
                Ok(built) => parsed = Some(built),
                Err(diagnostics) => faults.extend(diagnostics),
            }
        }
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        let forms = match (stored.take(), parsed.take()) {
            (Some(forms), _) => forms,
            (None, Some(built)) => forms(built, &id, kind)?,
            (None, None) => return Err(Error::internal("content without a fault was not built")),
        };
        complete(&mut release, &forms, keys);
        let addon = with_release(known, &release, status);
        let after = before.with(&addon);
        let broken = broken_pages(&before, &after, &id);
        if !broken.is_empty() {
            return Err(invalid("", broken));
        }
        release.warnings.extend(warnings(&before, &after, &release));
        let addon = with_release(known, &release, status);
        if !forms.objects.is_empty() {
            store(deps, publication_id, &forms, request.now).await?;
        }
        let published = deps.registry.publish(before.catalog.generation, &addon, &release, request.now).await;
        match conflicts.resolve(published).await? {
            Some(_) => {
                let (by, version) = (&request.caller()?.caller, &release.version);
                info!(addon = %id, %version, status = status.as_str(), %by, "version published");
                garbage::sweep(deps, request.now).await;
                return answer(&addon, &release);
            }
            // Its objects are stored; they need not be stored again.
            None => stored = Some(Forms { objects: Vec::new(), ..forms }),
        }
    }
}

/// Answers a request for a version that there is: with it, if this very request has published it before.
fn published_before(addon: &Addon, publication: &Publication, run: Uuid) -> Result<Answer, Error> {
    match addon.version(&publication.version) {
        Some((release, _)) if release.run == run => answer(addon, release),
        Some(_) | None => Err(Error::VersionExists),
    }
}

fn with_release(known: Option<&Addon>, release: &Release, status: domain::addons::AddonStatus) -> Addon {
    let mut addon = match known {
        Some(addon) => addon.clone(),
        None => Addon::new(release.addon_id.clone(), release.created_at),
    };
    addon.add(release.clone(), status);
    addon
}

fn answer(addon: &Addon, release: &Release) -> Result<Answer, Error> {
    let Some((release, standing)) = addon.version(&release.version) else {
        return Err(Error::internal("a version that was published is missing"));
    };
    Answer::json(StatusCode::CREATED, &AddonMetadata::new(release, standing))
}

/// Stores the content. Readers do not see it before the version is published.
async fn store(
    deps: &Deps<'_>,
    publication: PublicationId,
    forms: &Forms,
    now: Timestamp,
) -> Result<(), StoreError> {
    deps.registry.begin(publication, now).await?;
    let puts = forms
        .objects
        .iter()
        .map(|(hash, coding, bytes)| deps.contents.put(publication, hash, *coding, bytes.clone()));
    let puts: Vec<_> = puts.collect();
    stream::iter(puts).buffer_unordered(CONCURRENCY).try_collect().await
}
