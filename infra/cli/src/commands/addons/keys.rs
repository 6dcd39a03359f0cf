//! `semantest addons keys`: the keys that sign addons, in the stack's secret.

use std::time::Duration;

use addons::key_set::{KeySet, StoredKey};
use anyhow::{Context as _, Result};
use domain::Timestamp;
use serde_json::{Value, json};

use crate::addon_keys::{ADDON_KEYS_SECRET, AddonKeysSecret};
use crate::cli;
use crate::commands::stack_secret::{Selection, StackSecret};
use crate::output;

async fn find(deployment: &cli::AddonKeysDeployment) -> Result<StackSecret> {
    let selection = Selection {
        stack: deployment.stack.as_deref(),
        secret: deployment.secret.as_deref(),
        local: &deployment.local,
    };
    StackSecret::find(ADDON_KEYS_SECRET, &selection).await
}

/// Adds a key, and prints its public half.
pub(super) async fn create(args: &cli::AddonKeysCreate) -> Result<()> {
    let secret = find(&args.deployment).await?;
    let overlap = Duration::from_secs(u64::from(args.overlap_hours) * 3600);
    let keys = AddonKeysSecret::new(&secret.client, &secret.id).add_key(overlap).await?;
    secret.keep().await?;
    let (new, older) = keys.keys().split_last().context("the new key is not there")?;
    output::line(new.public_key().jwk());
    output::note(format_args!("key {}; running functions use it within five minutes", new.public_key().id()));
    for key in older {
        let until = key.expires_at().unwrap_or_default();
        output::note(format_args!("the key {} signs as well until {until}", key.public_key().id()));
    }
    Ok(())
}

pub(super) async fn list(args: &cli::AddonKeysList) -> Result<()> {
    let secret = find(&args.deployment).await?;
    let keys = AddonKeysSecret::new(&secret.client, &secret.id).read().await?;
    if args.json {
        output::line(keys_json(&keys));
        return Ok(());
    }
    let now = Timestamp::now().millis();
    for key in keys.keys() {
        output::line(key_line(key, now));
    }
    if keys.public_keys(now).is_empty() {
        output::note(
            "no key signs, so that nothing can be published: `semantest addons keys create` makes one",
        );
    }
    Ok(())
}

/// `id  creation  state`
fn key_line(key: &StoredKey, now: i64) -> String {
    let state = match key.expires_at() {
        None => "signs".to_owned(),
        Some(at) if key.is_valid_at(now) => format!("signs until {at}"),
        Some(at) => format!("expired {at}"),
    };
    format!("{}  created {}  {state}", key.public_key().id(), key.created_at())
}

/// The keys without their private halves.
fn keys_json(keys: &KeySet) -> Value {
    let keys = keys.keys().iter().map(|key| {
        let mut shown = json!({"createdAt": key.created_at(), "publicKey": key.public_key().jwk()});
        if let Some(at) = key.expires_at() {
            shown["expiresAt"] = json!(at);
        }
        shown
    });
    json!({ "keys": keys.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_shows_states_and_no_private_key() {
        let first = KeySet::default().with_new_key(&[1; 32], 0, Duration::ZERO);
        let keys = first.with_new_key(&[2; 32], 1000, Duration::from_secs(60));
        let lines = |now| keys.keys().iter().map(|key| key_line(key, now)).collect::<Vec<_>>();
        let [old, new] = &lines(60_999)[..] else { panic!("two keys") };
        assert!(
            old.ends_with("  created 1970-01-01T00:00:00.000Z  signs until 1970-01-01T00:01:01.000Z"),
            "{old}"
        );
        assert!(new.ends_with("  created 1970-01-01T00:00:01.000Z  signs"), "{new}");
        assert!(lines(61_000)[0].ends_with("  expired 1970-01-01T00:01:01.000Z"));
        let shown = keys_json(&keys);
        assert_eq!(shown["keys"][0]["expiresAt"], "1970-01-01T00:01:01.000Z");
        assert_eq!(shown["keys"][1]["publicKey"]["kid"], keys.keys()[1].public_key().id());
        let stored: Value = serde_json::from_str(&keys.to_json()).unwrap();
        for key in stored["keys"].as_array().unwrap() {
            assert!(!shown.to_string().contains(key["key"].as_str().unwrap()));
        }
    }
}
