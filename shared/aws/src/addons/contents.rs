//! The contents of addons, in rows of their table: a piece of at most [`PIECE`] bytes in each.

use async_trait::async_trait;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use domain::addons::{AddonContentStore, AddonContents, ContentCoding, PublicationId};
use domain::store::StoreError;

use super::table::AddonsTable;
use crate::dynamodb::row::{Item, key, number, numeral};
use crate::errors::unavailable;
use crate::keys;

/// An item of DynamoDB holds 400 KB with its keys and names.
const PIECE: usize = 380_000;

const BYTES: &str = "bytes";
/// The attribute that says how many pieces there are.
const PIECES: &str = "pieces";

#[async_trait]
impl AddonContents for AddonsTable {
    async fn get(
        &self,
        publication: PublicationId,
        hash: &str,
        coding: ContentCoding,
    ) -> Result<Option<Bytes>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :publication AND begins_with(sk, :content)")
            .expression_attribute_values(":publication", AttributeValue::S(keys::addon_contents(publication)))
            .expression_attribute_values(":content", AttributeValue::S(keys::addon_content(hash, coding)))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut content = Vec::new();
        let (mut read, mut pieces) = (0, None);
        while let Some(page) = pages.next().await {
            for mut item in page.map_err(|error| unavailable("Query", error))?.items.unwrap_or_default() {
                pieces = numeral(&item, PIECES);
                if let Some(AttributeValue::B(piece)) = item.remove(BYTES) {
                    content.extend(piece.into_inner());
                    read += 1;
                }
            }
        }
        Ok((pieces == Some(read)).then(|| Bytes::from(content)))
    }
}

#[async_trait]
impl AddonContentStore for AddonsTable {
    async fn put(
        &self,
        publication: PublicationId,
        hash: &str,
        coding: ContentCoding,
        bytes: Bytes,
    ) -> Result<(), StoreError> {
        // Nothing is stored as one piece without bytes.
        let pieces = bytes.len().div_ceil(PIECE).max(1);
        for at in 0..pieces {
            let piece = bytes.slice(at * PIECE..bytes.len().min((at + 1) * PIECE));
            let sort = keys::addon_content_piece(hash, coding, at);
            let mut item = key(keys::addon_contents(publication), sort);
            item.insert(PIECES.to_owned(), number(pieces));
            item.insert(BYTES.to_owned(), AttributeValue::B(Blob::new(piece)));
            let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
            put.send().await.map_err(|error| unavailable("PutItem", error))?;
        }
        Ok(())
    }

    async fn delete(&self, publication: PublicationId) -> Result<(), StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :publication")
            .expression_attribute_values(":publication", AttributeValue::S(keys::addon_contents(publication)))
            .projection_expression("pk, sk")
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for mut item in page.map_err(|error| unavailable("Query", error))?.items.unwrap_or_default() {
                let row: Item = ["pk", "sk"].into_iter().filter_map(|name| item.remove_entry(name)).collect();
                let delete = self.client.delete_item().table_name(&self.table).set_key(Some(row));
                delete.send().await.map_err(|error| unavailable("DeleteItem", error))?;
            }
        }
        Ok(())
    }
}
