//! A store with addons, and requests to it.

use std::time::Duration;

use addons::key_set::KeySet;
use addons::signature::{PublicKey, Signed, SigningKey, sign};
use addons_get::{Addons, handle};
use bytes::Bytes;
use domain::addons::{
    Addon, AddonContentStore as _, AddonReader as _, AddonRegistry as _, AddonStatus, AddonType, Content,
    ContentCoding, Dependency, Form, Release, ReleaseNames, Standing,
};
use domain::primitives::{NamedValue as _, sha256_hex};
use domain::{Error, Timestamp};
use edge::http::{Answer, Request};
use testkit::{KeptSecret, Memory};
use uuid::Uuid;

/// Published in the middle of a second, which no header shows.
pub(crate) const PUBLISHED: i64 = 1_795_878_001_900;

pub(crate) struct Shop {
    pub(crate) store: Memory,
    pub(crate) keys: KeptSecret,
    /// The seed of the key that signs what is published.
    pub(crate) seed: [u8; 32],
}

pub(crate) fn key_set() -> KeySet {
    KeySet::default().with_new_key(&[7; 32], 0, Duration::ZERO)
}

pub(crate) fn public_key() -> PublicKey {
    key_set().public_keys(0)[0].clone()
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self { store: Memory::new(), keys: KeptSecret::new(key_set().to_json()), seed: [7; 32] }
    }

    pub(crate) fn addons(&self) -> Addons<'_> {
        Addons::new(&self.store, &self.store, &self.keys)
    }

    /// Publishes a release with this content.
    pub(crate) async fn publish(&self, mut release: Release, content: &str, status: AddonStatus) {
        let publication = Uuid::now_v7();
        let version = release.version.to_string();
        let form = |text: &str| {
            let hash = sha256_hex(text.as_bytes());
            let signed = Signed::Version {
                addon: release.addon_id.as_str(),
                version: &version,
                kind: release.kind.as_str(),
                content_hash: &hash,
            };
            let keys = [SigningKey::from_pkcs8(&SigningKey::pkcs8(&self.seed)).unwrap()];
            Form {
                integrity: "sha384-".into(),
                bytes: text.len(),
                gzip_bytes: 3,
                brotli_bytes: 2,
                signature: sign(&keys, &signed),
                hash,
            }
        };
        let source = format!("{content} // as it was published");
        release.content = Content {
            publication,
            source: form(&source),
            minified: form(content),
            source_map: None,
            page_bytes: content.len() + 100,
        };
        self.store.begin(publication, release.created_at).await.unwrap();
        for (text, form) in [(source.as_str(), &release.content.source), (content, &release.content.minified)]
        {
            for (coding, bytes) in [
                (ContentCoding::Identity, text.as_bytes()),
                (ContentCoding::Gzip, b"gz."),
                (ContentCoding::Brotli, b"br"),
            ] {
                let bytes = Bytes::copy_from_slice(bytes);
                self.store.put(publication, &form.hash, coding, bytes).await.unwrap();
            }
        }
        let catalog = self.store.load().await.unwrap();
        let known = catalog.addons.get(&release.addon_id).cloned();
        let mut addon = known.unwrap_or_else(|| Addon::new(release.addon_id.clone(), release.created_at));
        addon.add(release.clone(), status);
        self.store.publish(catalog.generation, &addon, &release, release.created_at).await.unwrap();
    }

    pub(crate) async fn set_status(&self, id: &str, standing: &Standing) {
        let catalog = self.store.load().await.unwrap();
        let mut addon = catalog.addons[id].clone();
        addon.set_status(None, standing);
        self.store.change(catalog.generation, &addon, None, standing.updated_at).await.unwrap();
    }
}

pub(crate) fn release(id: &str, version: &str, kind: AddonType) -> Release {
    let form = Form {
        hash: String::new(),
        integrity: String::new(),
        bytes: 0,
        gzip_bytes: 0,
        brotli_bytes: 0,
        signature: String::new(),
    };
    Release {
        addon_id: id.parse().unwrap(),
        version: version.parse().unwrap(),
        name: id.to_owned(),
        description: String::new(),
        kind,
        author: None,
        domain_patterns: None,
        injection_rules: None,
        dependencies: None,
        config: None,
        content: Content {
            publication: Uuid::nil(),
            source: form.clone(),
            minified: form,
            source_map: None,
            page_bytes: 0,
        },
        run: Uuid::nil(),
        names: ReleaseNames::default(),
        warnings: Vec::new(),
        created_at: Timestamp::from_millis(PUBLISHED),
    }
}

pub(crate) fn script(id: &str, version: &str) -> Release {
    release(id, version, AddonType::ContentScript)
}

pub(crate) fn on(release: Release, domains: &[&str]) -> Release {
    Release { domain_patterns: Some(domains.iter().map(|one| (*one).to_owned()).collect()), ..release }
}

pub(crate) fn needs(release: Release, id: &str) -> Release {
    let dependency = Dependency { addon_id: id.parse().unwrap(), version: "*".into(), optional: false };
    Release { dependencies: Some(vec![dependency]), ..release }
}

/// A request to a path below `/addons`, such as `/addons/{addonId}`.
pub(crate) fn get(path: &str, id: &str) -> Request {
    Request::by(testkit::principal("acme", &[]), "addons-get", "GET", "").on(path).at("addonId", id)
}

pub(crate) async fn send(addons: &Addons<'_>, request: Request) -> Result<Answer, Error> {
    handle(addons, request).await
}

pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

pub(crate) fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}
