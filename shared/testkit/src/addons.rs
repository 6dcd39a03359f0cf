//! The stores of addons.

use async_trait::async_trait;
use bytes::Bytes;
use domain::Timestamp;
use domain::addons::{
    Addon, AddonContentStore, AddonContents, AddonReader, AddonRegistry, Catalog, ContentCoding, Garbage,
    Generation, PublicationId, Release,
};
use domain::store::StoreError;

use crate::memory::Memory;

impl Memory {
    /// Returns the catalog.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        self.state().addons.catalog.clone()
    }

    /// Returns the number of stored contents.
    #[must_use]
    pub fn content_count(&self) -> usize {
        self.state().addons.contents.len()
    }

    /// Changes every stored content, as if the bucket were broken.
    pub fn spoil_contents(&self) {
        for bytes in self.state().addons.contents.values_mut() {
            *bytes = Bytes::from_static(b"spoilt()");
        }
    }
}

/// Makes the change, if the catalog is of the generation `read`.
fn next(
    catalog: &mut Catalog,
    read: Generation,
    now: Timestamp,
    addon: &Addon,
) -> Result<Generation, StoreError> {
    if catalog.generation != read {
        return Err(StoreError::Conflict);
    }
    catalog.generation = Generation { number: read.number + 1, since: now };
    catalog.addons.insert(addon.id.clone(), addon.clone());
    Ok(catalog.generation)
}

#[async_trait]
impl AddonReader for Memory {
    async fn generation(&self) -> Result<Generation, StoreError> {
        Ok(self.call("generation")?.addons.catalog.generation)
    }

    async fn load(&self) -> Result<Catalog, StoreError> {
        Ok(self.call("load_catalog")?.addons.catalog.clone())
    }
}

#[async_trait]
impl AddonRegistry for Memory {
    async fn begin(&self, publication: PublicationId, now: Timestamp) -> Result<(), StoreError> {
        self.call("begin")?.addons.garbage.insert(publication, (now, vec![publication]));
        Ok(())
    }

    async fn publish(
        &self,
        read: Generation,
        addon: &Addon,
        release: &Release,
        now: Timestamp,
    ) -> Result<Generation, StoreError> {
        let mut state = self.call("publish")?;
        let addons = &mut state.addons;
        let publication = release.content.publication;
        let known = addons.catalog.addons.get(&addon.id);
        let is_taken = known.is_some_and(|known| known.has_had(&release.version));
        if is_taken || !addons.garbage.contains_key(&publication) {
            return Err(StoreError::Conflict);
        }
        let generation = next(&mut addons.catalog, read, now, addon)?;
        addons.garbage.remove(&publication);
        Ok(generation)
    }

    async fn change(
        &self,
        read: Generation,
        addon: &Addon,
        garbage: Option<&Garbage>,
        now: Timestamp,
    ) -> Result<Generation, StoreError> {
        let mut state = self.call("change")?;
        let generation = next(&mut state.addons.catalog, read, now, addon)?;
        if let Some(garbage) = garbage {
            state.addons.garbage.insert(garbage.id, (now, garbage.publications.clone()));
        }
        Ok(generation)
    }

    async fn garbage(&self, before: Timestamp) -> Result<Vec<Garbage>, StoreError> {
        let state = self.call("garbage")?;
        let old = state.addons.garbage.iter().filter(|(_, (since, _))| *since < before);
        Ok(old.map(|(id, (_, all))| Garbage { id: *id, publications: all.clone() }).collect())
    }

    async fn forget(&self, garbage: &Garbage) -> Result<(), StoreError> {
        self.call("forget_garbage")?.addons.garbage.remove(&garbage.id);
        Ok(())
    }
}

#[async_trait]
impl AddonContents for Memory {
    async fn get(
        &self,
        publication: PublicationId,
        hash: &str,
        coding: ContentCoding,
    ) -> Result<Option<Bytes>, StoreError> {
        let state = self.call("get_content")?;
        Ok(state.addons.contents.get(&(publication, hash.to_owned(), coding)).cloned())
    }
}

#[async_trait]
impl AddonContentStore for Memory {
    async fn put(
        &self,
        publication: PublicationId,
        hash: &str,
        coding: ContentCoding,
        bytes: Bytes,
    ) -> Result<(), StoreError> {
        self.call("put_content")?.addons.contents.insert((publication, hash.to_owned(), coding), bytes);
        Ok(())
    }

    async fn delete(&self, publication: PublicationId) -> Result<(), StoreError> {
        self.call("delete_content")?.addons.contents.retain(|(of, ..), _| *of != publication);
        Ok(())
    }
}
