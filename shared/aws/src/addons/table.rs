//! The table of addons.
//!
//! All addons are in one partition, because they are read together: a function reads them once for each generation of
//! the catalog, and one small row tells it whether there is a new one. Contents are in a partition for each publication.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use domain::Timestamp;
use domain::addons::{
    Addon, AddonId, AddonReader, AddonRegistry, Catalog, Garbage, Generation, PublicationId, Release,
    Standing,
};
use domain::primitives::source::random_fraction;
use domain::store::StoreError;
use semver::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tracing::error;
use uuid::Uuid;

use crate::dynamodb::row::{Item, get, key, number, numeral};
use crate::dynamodb::table::transact;
use crate::errors::{unavailable, unusable};
use crate::keys;

/// How often the catalog is read again if it changes during the read.
const MAX_READS: u32 = 8;
/// The longest pause before the second read. Each is longer by as much.
const PAUSE: Duration = Duration::from_millis(20);
/// How much garbage is returned at once.
const GARBAGE_LIMIT: i32 = 20;

#[derive(Debug, Clone)]
pub struct AddonsTable {
    pub(super) client: Client,
    pub(super) table: String,
}

/// The row of an addon: what of it can change.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddonRow {
    id: AddonId,
    created_at: Timestamp,
    updated_at: Timestamp,
    standings: BTreeMap<Version, Standing>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GarbageRow {
    since: Timestamp,
    publications: Vec<PublicationId>,
}

impl AddonsTable {
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn read(&self) -> Result<Catalog, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :catalog")
            .expression_attribute_values(":catalog", AttributeValue::S(keys::ADDONS.to_owned()))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut catalog = Catalog::default();
        let mut releases: Vec<Release> = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(|error| unavailable("Query", error))?.items.unwrap_or_default() {
                let sort = item.get("sk").and_then(|sort| sort.as_s().ok()).cloned().unwrap_or_default();
                if sort == keys::ADDONS_GENERATION {
                    catalog.generation = generation(&item);
                } else if sort.starts_with(keys::ADDON) {
                    if let Some(row) = decode::<AddonRow>(item, &sort) {
                        let AddonRow { id, created_at, updated_at, standings } = row;
                        let addon = Addon {
                            id: id.clone(),
                            created_at,
                            updated_at,
                            standings,
                            releases: BTreeMap::new(),
                        };
                        catalog.addons.insert(id, addon);
                    }
                } else {
                    releases.extend(release(item, &sort));
                }
            }
        }
        for release in releases {
            if let Some(addon) = catalog.addons.get_mut(&release.addon_id) {
                addon.releases.insert(release.version.clone(), release);
            }
        }
        Ok(catalog)
    }

    /// The item of a transaction that begins the next generation, if the present one is `read`.
    fn next_generation(
        &self,
        read: Generation,
        now: Timestamp,
    ) -> Result<(Generation, TransactWriteItem), StoreError> {
        let next = Generation { number: read.number + 1, since: now.max(read.since) };
        let condition = if read.number == 0 { "attribute_not_exists(pk)" } else { "#number = :read" };
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(generation_key()))
            .update_expression("SET #number = :next, since = :now")
            .condition_expression(condition)
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":next", number(next.number))
            .expression_attribute_values(":now", number(next.since.millis()));
        if read.number > 0 {
            update = update.expression_attribute_values(":read", number(read.number));
        }
        let update = update.build().map_err(|error| unusable("generation", error))?;
        Ok((next, TransactWriteItem::builder().update(update).build()))
    }

    fn put(&self, key: Item, value: &impl Serialize) -> Result<Put, StoreError> {
        let mut item: Item = serde_dynamo::to_item(value).map_err(|error| unusable("addon", error))?;
        item.extend(key);
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .build()
            .map_err(|error| unusable("addon", error))
    }

    fn addon(&self, addon: &Addon) -> Result<TransactWriteItem, StoreError> {
        let row = AddonRow {
            id: addon.id.clone(),
            created_at: addon.created_at,
            updated_at: addon.updated_at,
            standings: addon.standings.clone(),
        };
        let put = self.put(row_key(keys::addon_sort(&addon.id)), &row)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn garbage(&self, garbage: &Garbage, since: Timestamp) -> Result<Put, StoreError> {
        let row = GarbageRow { since, publications: garbage.publications.clone() };
        self.put(garbage_key(garbage.id), &row)
    }
}

fn row_key(sort: String) -> Item {
    key(keys::ADDONS.to_owned(), sort)
}

fn generation_key() -> Item {
    row_key(keys::ADDONS_GENERATION.to_owned())
}

fn garbage_key(id: PublicationId) -> Item {
    key(keys::ADDONS_GARBAGE.to_owned(), id.to_string())
}

fn generation(item: &Item) -> Generation {
    let value = |name| numeral(item, name).unwrap_or_default();
    Generation {
        number: u64::try_from(value("number")).unwrap_or_default(),
        since: Timestamp::from_millis(value("since")),
    }
}

/// Reads a row. One that this release cannot read is left out: the other addons are served.
fn decode<T: DeserializeOwned>(item: Item, sort: &str) -> Option<T> {
    let row = serde_dynamo::from_item(item);
    row.inspect_err(|fault| error!(alarm = "row_unreadable", row = sort, %fault, "an addon cannot be read"))
        .ok()
}

/// The attribute of a version's rules.
const RULES: &str = "injectionRules";

/// Writes the rules as JSON text: a condition may hold a number that DynamoDB has none for, such as 1e126.
fn keep_rules(item: &mut Item, release: &Release) -> Result<(), StoreError> {
    if let Some(rules) = &release.injection_rules {
        let text = serde_json::to_string(rules).map_err(|error| unusable("rules", error))?;
        item.insert(RULES.to_owned(), AttributeValue::S(text));
    }
    Ok(())
}

/// Reads the row of a version.
fn release(mut item: Item, sort: &str) -> Option<Release> {
    let rules = item.remove(RULES);
    let mut release: Release = decode(item, sort)?;
    if let Some(rules) = rules {
        let text = rules.as_s().map(String::as_str).unwrap_or_default();
        let rules = serde_json::from_str(text);
        let fault = |fault: &serde_json::Error| {
            error!(alarm = "row_unreadable", row = sort, %fault, "the rules of an addon cannot be read");
        };
        release.injection_rules = Some(rules.inspect_err(fault).ok()?);
    }
    Some(release)
}

#[async_trait]
impl AddonReader for AddonsTable {
    async fn generation(&self) -> Result<Generation, StoreError> {
        let item = get(&self.client, &self.table, generation_key()).await?;
        Ok(item.as_ref().map(generation).unwrap_or_default())
    }

    async fn load(&self) -> Result<Catalog, StoreError> {
        // A query is no snapshot: a transaction may be made visible between two of its rows.
        let mut before = self.generation().await?;
        for read in 1..=MAX_READS {
            let catalog = self.read().await?;
            let after = self.generation().await?;
            if before == after {
                return Ok(Catalog { generation: after, ..catalog });
            }
            sleep((PAUSE * read).mul_f64(random_fraction())).await;
            before = after;
        }
        Err(StoreError::Conflict)
    }
}

#[async_trait]
impl AddonRegistry for AddonsTable {
    async fn begin(&self, publication: PublicationId, now: Timestamp) -> Result<(), StoreError> {
        let put = self.garbage(&Garbage { id: publication, publications: vec![publication] }, now)?;
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(put.item))
            .send()
            .await
            .map_err(|error| unavailable("PutItem", error))?;
        Ok(())
    }

    async fn publish(
        &self,
        read: Generation,
        addon: &Addon,
        release: &Release,
        now: Timestamp,
    ) -> Result<Generation, StoreError> {
        let (next, generation) = self.next_generation(read, now)?;
        let without_rules = Release { injection_rules: None, ..release.clone() };
        let key = row_key(keys::release_sort(&release.addon_id, &release.version));
        let mut put = self.put(key, &without_rules)?;
        keep_rules(&mut put.item, release)?;
        put.condition_expression = Some("attribute_not_exists(pk)".to_owned());
        let begun = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(garbage_key(release.content.publication)))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(|error| unusable("publication", error))?;
        let writes = vec![
            generation,
            self.addon(addon)?,
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().delete(begun).build(),
        ];
        transact(&self.client, writes).await?;
        Ok(next)
    }

    async fn change(
        &self,
        read: Generation,
        addon: &Addon,
        garbage: Option<&Garbage>,
        now: Timestamp,
    ) -> Result<Generation, StoreError> {
        let (next, generation) = self.next_generation(read, now)?;
        let mut writes = vec![generation, self.addon(addon)?];
        if let Some(garbage) = garbage {
            writes.push(TransactWriteItem::builder().put(self.garbage(garbage, now)?).build());
        }
        transact(&self.client, writes).await?;
        Ok(next)
    }

    async fn garbage(&self, before: Timestamp) -> Result<Vec<Garbage>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :garbage")
            .filter_expression("since < :before")
            .expression_attribute_values(":garbage", AttributeValue::S(keys::ADDONS_GARBAGE.to_owned()))
            .expression_attribute_values(":before", number(before.millis()))
            .limit(GARBAGE_LIMIT)
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        let read = |item: Item| {
            let id: Uuid = item.get("sk")?.as_s().ok()?.parse().ok()?;
            let row: GarbageRow = decode(item, "garbage")?;
            Some(Garbage { id, publications: row.publications })
        };
        Ok(answer.items.unwrap_or_default().into_iter().filter_map(read).collect())
    }

    async fn forget(&self, garbage: &Garbage) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(garbage_key(garbage.id)))
            .send()
            .await
            .map_err(|error| unavailable("DeleteItem", error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn version_is_read_as_it_was_written() {
        let form = json!({"hash": "ab", "integrity": "sha384-", "bytes": 1, "gzipBytes": 2, "brotliBytes": 3, "signature": "s"});
        let condition = |value| json!({"type": "custom", "operator": "equals", "value": value});
        let rule = json!({
            "id": "r", "priority": -7, "domains": ["a.example"], "runAt": "document_start",
            "conditions": [condition(json!(1e126)), condition(json!(5e-324)), condition(json!(true)), condition(json!("t"))],
        });
        let written: Release = serde_json::from_value(json!({
            "addonId": "a", "version": "1.0.0-rc.1", "name": "n", "description": "", "type": "content_script",
            "domainPatterns": [], "injectionRules": [rule], "dependencies": [{"addonId": "b", "version": "^1"}],
            "config": {"minBrowserVersion": "120"}, "run": Uuid::nil(), "createdAt": 5,
            "content": {"publication": Uuid::nil(), "source": form, "minified": form, "pageBytes": 7},
            "names": {"hidden": ["x"]}, "warnings": ["w"],
        }))
        .unwrap();
        let without_rules = Release { injection_rules: None, ..written.clone() };
        let mut item: Item = serde_dynamo::to_item(&without_rules).unwrap();
        keep_rules(&mut item, &written).unwrap();
        assert_eq!(release(item.clone(), "s"), Some(written));
        item.insert(RULES.to_owned(), AttributeValue::S("[{}]".to_owned()));
        assert_eq!(release(item, "s"), None, "the other addons are served");
    }

    #[test]
    fn standings_are_read_as_they_were_written() {
        let standing = json!({"status": "beta", "updatedAt": 5, "reason": "r"});
        let row: AddonRow = serde_json::from_value(json!({
            "id": "a", "createdAt": 1, "updatedAt": 2, "standings": {"1.0.0": standing, "1.0.0-rc.1": standing},
        }))
        .unwrap();
        let item: Item = serde_dynamo::to_item(&row).unwrap();
        let read: AddonRow = decode(item, "s").unwrap();
        assert_eq!((read.id, read.standings), (row.id, row.standings));
    }
}
