//! The release that a publication becomes.

use addons::signature::{Signed, SigningKey, sign};
use domain::addons::{Addon, AddonId, AddonType, Content, Form, PublicationId, Release, ReleaseNames};
use domain::primitives::NamedValue as _;
use domain::{Error, FieldError, Timestamp};
use edge::api::addons::publication::Publication;

use uuid::Uuid;

use crate::built::Forms;

/// The most bytes of what is told of a version. With the other versions, it is read by every function that serves.
const METADATA_LIMIT: usize = 64 * 1024;

/// What a version of an addon that exists takes from the newest one, if it was not given.
///
/// Returns the fault of a type that is another one.
pub(crate) fn inherit(publication: &mut Publication, addon: &Addon) -> Option<FieldError> {
    let (newest, _) = addon.versions().next()?;
    let is_other = publication.kind.replace(newest.kind).is_some_and(|kind| kind != newest.kind);
    let given = publication;
    given.name.get_or_insert_with(|| newest.name.clone());
    given.description.get_or_insert_with(|| newest.description.clone());
    given.author = given.author.take().or_else(|| newest.author.clone());
    given.domain_patterns = given.domain_patterns.take().or_else(|| newest.domain_patterns.clone());
    given.injection_rules = given.injection_rules.take().or_else(|| newest.injection_rules.clone());
    given.dependencies = given.dependencies.take().or_else(|| newest.dependencies.clone());
    given.config = given.config.take().or_else(|| newest.config.clone());
    is_other.then(|| {
        let message = format!("must be {}, as in all versions of this addon", newest.kind.as_str());
        FieldError::new("type", message)
    })
}

/// Makes the release, without the forms of its content.
pub(crate) fn draft(
    publication: &Publication,
    id: &AddonId,
    kind: AddonType,
    (publication_id, run): (PublicationId, Uuid),
    now: Timestamp,
) -> Release {
    let empty = || Form {
        hash: String::new(),
        integrity: String::new(),
        bytes: 0,
        gzip_bytes: 0,
        brotli_bytes: 0,
        signature: String::new(),
    };
    Release {
        addon_id: id.clone(),
        version: publication.version.clone(),
        name: publication.name.clone().unwrap_or_default(),
        description: publication.description.clone().unwrap_or_default(),
        kind,
        author: publication.author.clone(),
        domain_patterns: publication.domain_patterns.clone(),
        injection_rules: publication.injection_rules.clone(),
        dependencies: publication.dependencies.clone(),
        config: publication.config.clone(),
        content: Content {
            publication: publication_id,
            source: empty(),
            minified: empty(),
            source_map: None,
            page_bytes: 0,
        },
        run,
        names: ReleaseNames::default(),
        warnings: Vec::new(),
        created_at: now,
    }
}

/// Returns the fault of a release of which too much is told.
pub(crate) fn too_much(release: &Release) -> Result<Option<FieldError>, Error> {
    let bytes = serde_json::to_vec(release).map_err(Error::internal)?.len();
    let message = format!("everything but the content has {bytes} bytes, and may have {METADATA_LIMIT}");
    Ok((bytes > METADATA_LIMIT).then(|| FieldError::new("", message)))
}

/// Adds the forms of the content, signed.
pub(crate) fn complete(release: &mut Release, forms: &Forms, keys: &[SigningKey]) {
    let signed = |form: &Form| {
        let version = release.version.to_string();
        let what = Signed::Version {
            addon: release.addon_id.as_str(),
            version: &version,
            kind: release.kind.as_str(),
            content_hash: &form.hash,
        };
        Form { signature: sign(keys, &what), ..form.clone() }
    };
    release.content = Content {
        publication: release.content.publication,
        source: signed(&forms.source),
        minified: signed(&forms.minified),
        source_map: forms.source_map.clone(),
        page_bytes: forms.page_bytes,
    };
    release.names = forms.names.clone();
    release.warnings = forms.warnings.clone();
}
