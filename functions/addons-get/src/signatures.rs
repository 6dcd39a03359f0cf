//! The signatures of versions and of lists.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use addons::key_set::KeySet;
use addons::signature::{PublicKey, Signed, SigningKey, sign, verify};
use domain::access::SecretSource;
use domain::addons::{Form, Release};
use domain::primitives::{NamedValue as _, Secret, sha256_hex};
use domain::{Error, Timestamp};
use tokio::time::Instant;
use tracing::error;

/// The most signatures that are kept.
const LIMIT: usize = 10_000;
/// How often the secret is read anew, at most, because a version is signed by none of the keys.
const REFRESH: Duration = Duration::from_secs(10);

/// The keys that sign, and what they have signed.
pub(crate) struct Signatures<'a> {
    secret: &'a dyn SecretSource,
    known: Mutex<Option<Arc<Keys>>>,
    refreshed: Mutex<Option<Instant>>,
}

/// The keys of one state of the secret.
pub(crate) struct Keys {
    /// SHA-256 of the secret's text.
    state: String,
    set: KeySet,
    /// By the hash of the content: the signatures of a version.
    signed: Mutex<HashMap<(String, String), String>>,
}

impl<'a> Signatures<'a> {
    pub(crate) fn new(secret: &'a dyn SecretSource) -> Self {
        Self { secret, known: Mutex::new(None), refreshed: Mutex::new(None) }
    }

    /// Returns the keys, which may be some minutes old.
    pub(crate) async fn keys(&self) -> Result<Arc<Keys>, Error> {
        self.of(&self.secret.read().await?)
    }

    /// Returns keys that know these versions. If those that this function has do not, a version was signed by a newer
    /// key or by nobody: the secret is read anew.
    pub(crate) async fn keys_that_know(
        &self,
        releases: &[&Release],
        now: Timestamp,
    ) -> Result<Arc<Keys>, Error> {
        let keys = self.keys().await?;
        let is_known = |keys: &Keys| releases.iter().all(|release| keys.knows(release, now));
        if is_known(&keys) || !self.may_refresh() {
            return Ok(keys);
        }
        let keys = match self.secret.refresh().await {
            Ok(secret) => self.of(&secret)?,
            Err(error) => {
                error!(%error, "the secret of the addon keys cannot be read");
                return Ok(keys);
            }
        };
        for release in releases.iter().filter(|release| !keys.knows(release, now)) {
            error!(alarm = "addon_spoilt", addon = %release.addon_id, version = %release.version, "a version has no signature of a key of this deployment");
        }
        Ok(keys)
    }

    fn may_refresh(&self) -> bool {
        let mut refreshed = lock(&self.refreshed);
        if refreshed.is_some_and(|at| at.elapsed() < REFRESH) {
            return false;
        }
        *refreshed = Some(Instant::now());
        true
    }

    fn of(&self, secret: &Secret) -> Result<Arc<Keys>, Error> {
        let state = sha256_hex(secret.expose().as_bytes());
        let mut known = lock(&self.known);
        if let Some(keys) = known.as_ref().filter(|keys| keys.state == state) {
            return Ok(keys.clone());
        }
        let set = KeySet::parse(secret.expose()).map_err(|fault| {
            Error::internal(format!("the secret of the addon keys cannot be used: {fault}"))
        })?;
        let keys = Arc::new(Keys { state, set, signed: Mutex::default() });
        *known = Some(keys.clone());
        Ok(keys)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keys {
    /// Names the keys that sign at `now`.
    pub(crate) fn state(&self, now: Timestamp) -> String {
        let kids: Vec<_> = self.public(now).iter().map(PublicKey::id).collect();
        kids.join(",")
    }

    pub(crate) fn public(&self, now: Timestamp) -> Vec<PublicKey> {
        self.set.public_keys(now.millis())
    }

    /// Returns the signatures of a form of a version by all present keys; an empty text if it has none.
    ///
    /// A version is signed when it is published. Only if one of the keys that there ever were has signed it, the present
    /// keys sign it too: what somebody else has put into the table gets no signature.
    pub(crate) fn of_version(&self, release: &Release, form: &Form, now: Timestamp) -> String {
        let key = (self.state(now), format!("{}@{}:{}", release.addon_id, release.version, form.hash));
        let mut known = lock(&self.signed);
        if let Some(signed) = known.get(&key) {
            return signed.clone();
        }
        let signature = self.sign_version(release, form, now);
        if known.len() >= LIMIT {
            known.clear();
        }
        known.insert(key, signature.clone());
        signature
    }

    fn sign_version(&self, release: &Release, form: &Form, now: Timestamp) -> String {
        let version = release.version.to_string();
        let signed = Signed::Version {
            addon: release.addon_id.as_str(),
            version: &version,
            kind: release.kind.as_str(),
            content_hash: &form.hash,
        };
        if self.set.known_keys().next().is_none() {
            return form.signature.clone();
        }
        if !self.set.known_keys().any(|key| verify(key, &form.signature, &signed)) {
            return String::new();
        }
        sign(&self.signing(now), &signed)
    }

    /// Returns whether the version is one that was published here, as far as keys can tell.
    pub(crate) fn knows(&self, release: &Release, now: Timestamp) -> bool {
        self.set.known_keys().next().is_none()
            || !self.of_version(release, &release.content.minified, now).is_empty()
    }

    /// Signs the user scripts of a domain; an empty text if there is no key.
    pub(crate) fn of_user_scripts(&self, domain: &str, json: &str, now: Timestamp) -> String {
        sign(&self.signing(now), &Signed::UserScripts { domain, json })
    }

    fn signing(&self, now: Timestamp) -> Vec<SigningKey> {
        self.set.signing_keys(now.millis())
    }
}
