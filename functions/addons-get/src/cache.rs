//! A cache that is bounded by the bytes in it.

use std::collections::HashMap;
use std::hash::Hash;

use bytes::Bytes;

/// Keeps values up to a number of bytes; those that were not asked for the longest go first.
pub(crate) struct ByteCache<K> {
    limit: usize,
    bytes: usize,
    clock: u64,
    entries: HashMap<K, (u64, Bytes)>,
}

impl<K: Hash + Eq + Clone> ByteCache<K> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, clock: 0, entries: HashMap::new() }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<Bytes> {
        self.clock += 1;
        let (used, value) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(value.clone())
    }

    pub(crate) fn put(&mut self, key: K, value: Bytes) {
        if value.len() > self.limit {
            return;
        }
        self.clock += 1;
        self.bytes += value.len();
        if let Some((_, old)) = self.entries.insert(key, (self.clock, value)) {
            self.bytes -= old.len();
        }
        while self.bytes > self.limit {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            let Some((_, gone)) = oldest.and_then(|key| self.entries.remove(&key)) else { return };
            self.bytes -= gone.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_the_longest_goes_first() {
        let mut cache = ByteCache::new(10);
        let of = |length: usize| Bytes::from(vec![0; length]);
        cache.put("a", of(4));
        cache.put("b", of(4));
        assert!(cache.get(&"a").is_some());
        cache.put("c", of(4));
        assert!(cache.get(&"b").is_none() && cache.get(&"a").is_some() && cache.get(&"c").is_some());
        cache.put("c", of(2));
        cache.put("d", of(4));
        assert_eq!(cache.bytes, 10);
        cache.put("e", of(11));
        assert!(cache.get(&"e").is_none() && cache.bytes == 10);
    }
}
