//! The content of a publication in all its forms.

use addon_build::{Built, Effort, OldestChrome, compress, script, style};
use addons::bundle::wrap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::addons::{AddonId, AddonType, ContentCoding, Form, ReleaseNames};
use domain::primitives::sha256_hex;
use domain::{Error, FieldError};
use edge::api::addons::publication::content_fault;
use ring::digest::{SHA384, digest};

/// The most names that are kept of a script, to tell of those that are not shared.
const NAMES_LIMIT: usize = 200;

/// The forms of a content, and the objects to store.
pub(crate) struct Forms {
    pub(crate) source: Form,
    pub(crate) minified: Form,
    pub(crate) source_map: Option<String>,
    pub(crate) page_bytes: usize,
    pub(crate) names: ReleaseNames,
    pub(crate) warnings: Vec<String>,
    /// By hash and coding.
    pub(crate) objects: Vec<(String, ContentCoding, Bytes)>,
}

/// Checks the content, and makes its forms without those that are compressed.
pub(crate) fn build(
    content: &str,
    id: &AddonId,
    kind: AddonType,
    oldest: OldestChrome,
) -> Result<Built, Vec<FieldError>> {
    let built =
        if kind.is_script() { script(content, &format!("{id}.js"), oldest) } else { style(content, oldest) };
    built.map_err(|diagnostics| {
        let fault = |one: addon_build::Diagnostic| content_fault(one.line, one.column, &one.message);
        diagnostics.into_iter().map(fault).collect()
    })
}

/// Compresses the forms, which takes the most time of a publication.
pub(crate) fn forms(built: Built, id: &AddonId, kind: AddonType) -> Result<Forms, Error> {
    let mut objects = Vec::new();
    let source = form(&built.source, Effort::Quick, &mut objects);
    let minified = form(&built.minified, Effort::Most, &mut objects);
    let source_map = built.source_map.map(|map| {
        let hash = sha256_hex(map.as_bytes());
        objects.push((hash.clone(), ContentCoding::Identity, Bytes::from(map)));
        hash
    });
    let on_page = if kind.is_script() { wrap(id.as_str(), &built.minified) } else { built.minified };
    let page_bytes = serde_json::to_string(&on_page).map_err(Error::internal)?.len();
    let names = ReleaseNames {
        hidden: built.names.declared.difference(&built.names.shared).take(NAMES_LIMIT).cloned().collect(),
        free: built.names.used.difference(&built.names.shared).take(NAMES_LIMIT).cloned().collect(),
    };
    Ok(Forms { source, minified, source_map, page_bytes, names, warnings: built.warnings, objects })
}

fn form(content: &str, effort: Effort, objects: &mut Vec<(String, ContentCoding, Bytes)>) -> Form {
    let hash = sha256_hex(content.as_bytes());
    let compressed = compress(content.as_bytes(), effort);
    let form = Form {
        integrity: format!("sha384-{}", STANDARD.encode(digest(&SHA384, content.as_bytes()))),
        bytes: content.len(),
        gzip_bytes: compressed.gzip.len(),
        brotli_bytes: compressed.brotli.len(),
        signature: String::new(),
        hash: hash.clone(),
    };
    let codings = [
        (ContentCoding::Identity, content.as_bytes().to_vec()),
        (ContentCoding::Gzip, compressed.gzip),
        (ContentCoding::Brotli, compressed.brotli),
    ];
    objects.extend(codings.map(|(coding, bytes)| (hash.clone(), coding, Bytes::from(bytes))));
    form
}
