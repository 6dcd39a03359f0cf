//! What the pages of a domain get, in one answer: bundles and user scripts.

use std::sync::{Mutex, MutexGuard, PoisonError};

use addons::bundle::{self, Member};
use app::addons::library::Library;
use app::addons::page::Page;
use bytes::Bytes;
use domain::addons::{AddonType, ContentCoding, Dependency, Generation, Release};
use domain::primitives::{BundleId, sha256_hex};
use domain::{Error, Timestamp};
use edge::api::addons::faults::Faults;
use edge::api::addons::page::{Bundle, BundleAddon, BundleOptions, parse_options};
use edge::api::addons::query::{parse_domain, parse_flag};
use edge::http::content_coding::Coding;
use edge::http::precondition::{Precondition, Validators};
use edge::http::{Answer, Request, etag};
use http::{HeaderName, Method, StatusCode, header};

use crate::cache::ByteCache;
use crate::compress::compress;
use crate::content::media_type;
use crate::signatures::Keys;
use crate::{Addons, CHANGEABLE, user_scripts};

/// The most bytes of answers that are kept.
const LIMIT: usize = 64 * 1024 * 1024;
/// The most bytes that are sent without compression: in base64 they must fit into the 6 MB of a reply.
const PLAIN_LIMIT: usize = 4_400_000;
/// How long a bundle need not be asked for again, at most.
const LIFETIME_MILLIS: i64 = 60 * 60 * 1000;

const X_BUNDLE_ID: HeaderName = HeaderName::from_static("x-bundle-id");

/// What of a domain is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Json(BundleOptions),
    Script,
    ScriptMap,
    Style,
    UserScripts,
}

/// The answers that were put together, for the catalog and the keys of the last one.
pub(crate) struct Pages(Mutex<Built>);

struct Built {
    of: (Generation, String),
    answers: ByteCache<AnswerKey>,
}

/// Domain, kind, hour, coding.
type AnswerKey = (String, Kind, i64, Coding);

impl Default for Pages {
    fn default() -> Self {
        Self(Mutex::new(Built { of: (Generation::default(), String::new()), answers: ByteCache::new(LIMIT) }))
    }
}

impl Pages {
    /// Returns the answers for this catalog and these keys; those for others are dropped.
    fn of(&self, generation: Generation, keys: &str) -> MutexGuard<'_, Built> {
        let mut built = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if built.of.0 != generation || built.of.1 != keys {
            *built = Built { of: (generation, keys.to_owned()), answers: ByteCache::new(LIMIT) };
        }
        built
    }
}

pub(crate) async fn page(addons: &Addons<'_>, request: &Request) -> Result<Answer, Error> {
    let mut faults = Faults::default();
    let domain = faults.take(parse_domain("addonId", request.path_parameter("addonId").unwrap_or_default()));
    let kind = faults.take(kind(request));
    faults.finish()?;
    let (Some(domain), Some(kind)) = (domain, kind) else {
        return Err(Error::internal("a fault was found, but not kept"));
    };
    // Never older than a change that was answered before this request.
    let (library, keys) = (addons.shelf.present().await?, addons.signatures.keys().await?);
    let generation = library.catalog.generation;
    let mut state = keys.state(request.now);
    // Only the bundle says until when it holds.
    let hour = match kind {
        Kind::Json(_) => request.now.millis().div_euclid(LIFETIME_MILLIS),
        Kind::Script | Kind::ScriptMap | Kind::Style | Kind::UserScripts => 0,
    };
    let key = |coding| (domain.clone(), kind, hour, coding);

    let plain = addons.pages.of(generation, &state).answers.get(&key(Coding::Identity));
    let plain = match plain {
        Some(plain) => plain,
        None => {
            let page = library
                .page(&domain)
                .map_err(|fault| Error::internal(format!("no choice of addons for {domain}: {fault}")))?;
            let releases: Vec<&Release> = page.members.iter().map(|member| member.release).collect();
            let keys = addons.signatures.keys_that_know(&releases, request.now).await?;
            state = keys.state(request.now);
            let page = known_alone(page, &keys, request.now);
            let asked = Asked { domain: &domain, kind, now: request.now, hour };
            let built = Bytes::from(build(addons, &library, &page, &keys, asked).await?);
            addons.pages.of(generation, &state).answers.put(key(Coding::Identity), built.clone());
            built
        }
    };
    let vary =
        |answer: Answer| answer.with(header::CACHE_CONTROL, CHANGEABLE).with(header::VARY, "Accept-Encoding");
    if plain.is_empty() {
        return Ok(vary(Answer::empty(StatusCode::NO_CONTENT)));
    }
    let mut coding = Coding::choose(&request.headers, &[Coding::Brotli, Coding::Gzip]);
    if coding == Coding::Identity && plain.len() > PLAIN_LIMIT {
        // Every client that asks for so much can read it.
        coding = Coding::Gzip;
    }
    let tag = etag::of(&plain);
    let tag = match coding.name() {
        Some(name) => format!("{}-{name}\"", tag.trim_end_matches('"')),
        None => tag,
    };
    let mut answer = vary(Answer::empty(StatusCode::OK)).with(header::ETAG, &tag);
    if let Kind::Json(_) = kind {
        answer = answer.with(X_BUNDLE_ID, &bundle_id(&plain).to_string());
    }
    let validators = Validators { etag: &tag, last_modified: generation.since };
    // A POST asks for a bundle as a GET does.
    match validators.evaluate(&Method::GET, &without_dates(request)) {
        Precondition::Failed => return Err(Error::PreconditionFailed),
        Precondition::NotModified => {
            answer.status = StatusCode::NOT_MODIFIED;
            return Ok(answer);
        }
        Precondition::Holds => {}
    }
    let body = match coding {
        Coding::Identity => plain,
        Coding::Gzip | Coding::Brotli => {
            let known = addons.pages.of(generation, &state).answers.get(&key(coding));
            match known {
                Some(known) => known,
                None => {
                    let compressed = Bytes::from(compress(&plain, coding)?);
                    addons.pages.of(generation, &state).answers.put(key(coding), compressed.clone());
                    compressed
                }
            }
        }
    };
    if let Some(name) = coding.name() {
        answer = answer.with(header::CONTENT_ENCODING, name);
    }
    answer = answer.with(
        header::CONTENT_TYPE,
        match kind {
            Kind::Json(_) | Kind::UserScripts | Kind::ScriptMap => "application/json",
            Kind::Script => media_type(AddonType::ContentScript),
            Kind::Style => media_type(AddonType::StyleSheet),
        },
    );
    answer.body = body.to_vec();
    Ok(answer)
}

fn kind(request: &Request) -> Result<Kind, Error> {
    let flag = |name| parse_flag(name, request.query(name), true);
    Ok(match request.route.path.rsplit('/').next() {
        Some("bundle.js") => Kind::Script,
        Some("bundle.js.map") => Kind::ScriptMap,
        Some("bundle.css") => Kind::Style,
        Some("userscripts") => Kind::UserScripts,
        _ if request.route.method == "POST" => Kind::Json(parse_options(&request.body)?),
        _ => {
            let mut faults = Faults::default();
            let styles = faults.take(flag("includeStyles")).unwrap_or_default();
            let dependencies = faults.take(flag("includeDependencies")).unwrap_or_default();
            faults.finish()?;
            Kind::Json(BundleOptions { include_styles: styles, include_dependencies: dependencies })
        }
    })
}

/// These answers have no `Last-Modified`: what a page gets can change without any addon of it being changed.
fn without_dates(request: &Request) -> http::HeaderMap {
    let mut headers = request.headers.clone();
    headers.remove(header::IF_MODIFIED_SINCE);
    headers.remove(header::IF_UNMODIFIED_SINCE);
    headers
}

/// What is asked for, and when.
#[derive(Clone, Copy)]
struct Asked<'a> {
    domain: &'a str,
    kind: Kind,
    now: Timestamp,
    hour: i64,
}

/// Puts an answer together. An empty one is a 204.
async fn build(
    addons: &Addons<'_>,
    library: &Library,
    page: &Page<'_>,
    keys: &Keys,
    asked: Asked<'_>,
) -> Result<Vec<u8>, Error> {
    let Asked { domain, kind, now, hour } = asked;
    if kind == Kind::UserScripts {
        return user_scripts::build(addons, page, keys, domain, now).await;
    }
    let (styles, scripts, dependencies) = match kind {
        Kind::Json(options) => (options.include_styles, true, options.include_dependencies),
        Kind::Script | Kind::ScriptMap => (false, true, true),
        Kind::Style | Kind::UserScripts => (true, false, true),
    };
    let included: Vec<_> = page
        .members
        .iter()
        .filter(|member| member.release.kind.is_injected())
        .filter(|member| if member.release.kind.is_script() { scripts } else { styles })
        .filter(|member| dependencies || !member.rules.is_empty())
        .collect();
    if included.is_empty() {
        return Ok(Vec::new());
    }
    let releases: Vec<&Release> = included.iter().map(|member| member.release).collect();
    let contents = addons.contents.minified(&releases).await?;
    if let Kind::Json(_) = kind {
        let ids: Vec<&str> = releases.iter().map(|release| release.addon_id.as_str()).collect();
        let all = included.iter().zip(contents).enumerate().map(|(order, (member, content))| BundleAddon {
            addon_id: member.release.addon_id.clone(),
            version: member.release.version.to_string(),
            kind: member.release.kind,
            content: if member.release.kind.is_script() {
                bundle::wrap(member.release.addon_id.as_str(), &content)
            } else {
                content
            },
            order,
            dependencies: needed(member.release, &ids),
        });
        // Of the addons alone, so that others leave the bundle as it is.
        let changes = releases.iter().map(|release| {
            let addon = library.catalog.addon(&release.addon_id);
            addon.map_or(release.created_at, |addon| addon.updated_at)
        });
        return json(domain, all.collect(), changes.max().unwrap_or(library.catalog.generation.since), hour);
    }
    let maps =
        if kind == Kind::ScriptMap { maps(addons, &releases).await? } else { vec![None; releases.len()] };
    let versions: Vec<_> = releases.iter().map(|release| release.version.to_string()).collect();
    let members: Vec<_> = releases
        .iter()
        .zip(&versions)
        .zip(contents.iter().zip(&maps))
        .map(|((release, version), (content, map))| Member {
            id: release.addon_id.as_str(),
            version,
            content,
            source_map: map.as_deref(),
        })
        .collect();
    Ok(match kind {
        Kind::Style => bundle::styles(&members).content.into_bytes(),
        Kind::ScriptMap => bundle::scripts(&members).source_map.into_bytes(),
        Kind::Script | Kind::Json(_) | Kind::UserScripts => {
            let mut script = bundle::scripts(&members).content;
            script.push_str("//# sourceMappingURL=bundle.js.map\n");
            script.into_bytes()
        }
    })
}

/// Leaves out what no key of this deployment has signed, and those that need it.
fn known_alone<'a>(mut page: Page<'a>, keys: &Keys, now: Timestamp) -> Page<'a> {
    let mut left_out: Vec<&str> = Vec::new();
    // Dependencies come first.
    page.members.retain(|member| {
        let required = member.release.dependencies().filter(|one| !one.optional);
        let is_whole = !required.into_iter().any(|one| left_out.contains(&one.addon_id.as_str()));
        let stays = is_whole && keys.knows(member.release, now);
        if !stays {
            left_out.push(member.release.addon_id.as_str());
        }
        stays
    });
    page
}

fn needed(release: &Release, ids: &[&str]) -> Vec<Dependency> {
    release.dependencies().filter(|one| ids.contains(&one.addon_id.as_str())).cloned().collect()
}

async fn maps(addons: &Addons<'_>, releases: &[&Release]) -> Result<Vec<Option<String>>, Error> {
    let mut maps = Vec::with_capacity(releases.len());
    for release in releases {
        let map = match &release.content.source_map {
            None => None,
            Some(hash) => {
                // A map is an aid for developers: none is no reason to have no bundle.
                let form = domain::addons::Form { hash: hash.clone(), ..release.content.source.clone() };
                let bytes = addons.contents.get(release, &form, ContentCoding::Identity).await.ok();
                bytes.and_then(|bytes| String::from_utf8(bytes.into()).ok())
            }
        };
        maps.push(map);
    }
    Ok(maps)
}

fn json(
    domain: &str,
    addons: Vec<BundleAddon>,
    generated_at: Timestamp,
    hour: i64,
) -> Result<Vec<u8>, Error> {
    let contents: Vec<&str> = addons.iter().map(|one| one.content.as_str()).collect();
    let all = contents.concat();
    let bundle = Bundle {
        bundle_id: BundleId::from_uuid(uuid::Uuid::nil()),
        domain: domain.to_owned(),
        total_size: all.len(),
        content_hash: sha256_hex(all.as_bytes()),
        addons,
        generated_at: generated_at.to_string(),
        expires_at: Timestamp::from_millis((hour + 1) * LIFETIME_MILLIS).to_string(),
    };
    let nameless = serde_json::to_vec(&bundle).map_err(Error::internal)?;
    let bundle = Bundle { bundle_id: named_by(&nameless), ..bundle };
    serde_json::to_vec(&bundle).map_err(Error::internal)
}

/// Returns an id that follows from the bundle (UUID version 8).
fn named_by(bundle: &[u8]) -> BundleId {
    let hash = sha256_hex(bundle);
    let bytes: Vec<u8> =
        (0..16).filter_map(|at| u8::from_str_radix(hash.get(2 * at..2 * at + 2)?, 16).ok()).collect();
    let bytes: [u8; 16] = bytes.try_into().unwrap_or_default();
    BundleId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Reads the id at the start of a bundle.
fn bundle_id(bundle: &[u8]) -> String {
    let start = br#"{"bundleId":""#.len();
    bundle.get(start..start + 36).map(|id| String::from_utf8_lossy(id).into_owned()).unwrap_or_default()
}
