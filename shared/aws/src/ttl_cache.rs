//! An in-memory cache whose entries expire.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The most entries of one cache.
const CAPACITY: usize = 1000;

/// Keeps values for a fixed time after they were read, up to [`CAPACITY`] of them.
#[derive(Debug)]
pub(crate) struct TtlCache<K, V> {
    ttl: Duration,
    entries: Mutex<HashMap<K, (Instant, V)>>,
}

impl<K: Hash + Eq, V: Clone> TtlCache<K, V> {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { ttl, entries: Mutex::new(HashMap::new()) }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, (Instant, V)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let entries = self.entries();
        entries.get(key).filter(|(read_at, _)| read_at.elapsed() < self.ttl).map(|(_, value)| value.clone())
    }

    /// Adds an entry. `read_at` is the time before the read began, so that a change during the read does not
    /// extend the entry's life. A cache that is full of fresh entries ignores the new one.
    pub(crate) fn put(&self, key: K, value: V, read_at: Instant) {
        let mut entries = self.entries();
        if entries.len() >= CAPACITY {
            entries.retain(|_, (read_at, _)| read_at.elapsed() < self.ttl);
        }
        if entries.len() < CAPACITY {
            entries.insert(key, (read_at, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    #[test]
    fn entry_older_than_ttl_is_gone() {
        let cache = TtlCache::new(TTL);
        let Some(long_ago) = Instant::now().checked_sub(TTL) else { return };
        cache.put(1, "old", long_ago);
        cache.put(2, "new", Instant::now());
        assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (None, Some("new"), None));
    }

    #[test]
    fn full_cache_takes_new_entries_once_old_ones_expire() {
        let cache = TtlCache::new(TTL);
        let now = Instant::now();
        for key in 0..=CAPACITY {
            cache.put(key, (), now);
        }
        assert_eq!(cache.get(&CAPACITY), None);
        assert_eq!(cache.entries().len(), CAPACITY);
        let Some(long_ago) = now.checked_sub(TTL) else { return };
        cache.entries().values_mut().for_each(|(read_at, ())| *read_at = long_ago);
        cache.put(CAPACITY, (), now);
        assert_eq!(cache.get(&CAPACITY), Some(()));
        assert_eq!(cache.entries().len(), 1);
    }
}
