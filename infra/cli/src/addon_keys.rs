//! The secret that holds the keys which sign a deployment's addons.

use std::time::Duration;

use addons::key_set::KeySet;
use anyhow::{Context as _, Result, bail};
use aws_sdk_secretsmanager::Client;
use domain::Timestamp;
use domain::primitives::source;

use crate::aws_error::sdk_error;

/// The secret's logical id in template.yaml, and the stack's output with its ARN.
pub(crate) const ADDON_KEYS_SECRET: &str = "AddonKeysSecret";
/// The label of a version that is not the current one yet.
const PENDING: &str = "AWSPENDING";
const CURRENT: &str = "AWSCURRENT";
/// So often a change is made anew because another one came first.
const MAX_CHANGES: u32 = 5;

pub(crate) struct AddonKeysSecret<'a> {
    client: &'a Client,
    id: &'a str,
}

impl<'a> AddonKeysSecret<'a> {
    /// `id` is the name or the ARN of the secret.
    pub(crate) const fn new(client: &'a Client, id: &'a str) -> Self {
        Self { client, id }
    }

    pub(crate) async fn read(&self) -> Result<KeySet> {
        self.current().await.map(|(keys, _)| keys)
    }

    /// Adds a new key, which is the last of the returned ones, and lets the older ones expire after `overlap`.
    pub(crate) async fn add_key(&self, overlap: Duration) -> Result<KeySet> {
        let seed = source::random_bytes();
        self.change(|keys, now| Some(keys.with_new_key(&seed, now, overlap))).await
    }

    /// Adds a key if there is none that signs.
    pub(crate) async fn ensure_key(&self) -> Result<()> {
        let seed = source::random_bytes();
        let without_key = |keys: &KeySet, now| {
            keys.public_keys(now).is_empty().then(|| keys.with_new_key(&seed, now, Duration::ZERO))
        };
        self.change(without_key).await.map(|_| ())
    }

    /// Replaces the document by what `new` makes of it and of the time, in Unix ms. `None` leaves it as it is.
    ///
    /// A change by somebody else in the meantime is not lost: this one is made anew on top of it.
    async fn change(&self, new: impl Fn(&KeySet, i64) -> Option<KeySet>) -> Result<KeySet> {
        for _ in 0..MAX_CHANGES {
            let (keys, version) = self.current().await?;
            let Some(changed) = new(&keys, Timestamp::now().millis()) else { return Ok(keys) };
            if self.replace(&version, &changed).await? {
                return Ok(changed);
            }
        }
        bail!("the addons' keys are being changed by somebody else all the time: try again")
    }

    /// The document, and the id of its version.
    async fn current(&self) -> Result<(KeySet, String)> {
        let answer = self.client.get_secret_value().secret_id(self.id).send().await;
        let answer = answer.map_err(|error| sdk_error("GetSecretValue", &error))?;
        let text = answer.secret_string.context("the secret of the addons' keys is not text")?;
        let keys = KeySet::parse(&text).context("the secret of the addons' keys")?;
        Ok((keys, answer.version_id.context("the secret of the addons' keys has no version")?))
    }

    /// Makes `keys` the current version if `version` still is. `PutSecretValue` alone cannot do that, but moving a
    /// label can.
    async fn replace(&self, version: &str, keys: &KeySet) -> Result<bool> {
        let put = self.client.put_secret_value().secret_id(self.id).version_stages(PENDING);
        let put = put.secret_string(keys.to_json()).send().await;
        let put = put.map_err(|error| sdk_error("PutSecretValue", &error))?;
        let next = put.version_id.context("the new version of the secret has no id")?;
        let moved = self.client.update_secret_version_stage().secret_id(self.id).version_stage(CURRENT);
        let moved = moved.move_to_version_id(&next).remove_from_version_id(version).send().await;
        let Err(error) = moved else { return Ok(true) };
        // The label may have been moved although the answer was lost.
        let (_, current) = self.current().await?;
        match (current == next, current == version) {
            (true, _) => Ok(true),
            (false, true) => Err(sdk_error("UpdateSecretVersionStage", &error)),
            (false, false) => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests;
