//! A short memory of what was read.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many things of a kind a function remembers.
const CAPACITY: usize = 1000;

/// What was read lately.
#[derive(Debug)]
pub(crate) struct TtlCache<K, V> {
    keep: Duration,
    entries: Mutex<HashMap<K, (Instant, V)>>,
}

impl<K: Hash + Eq, V: Clone> TtlCache<K, V> {
    /// A memory that keeps what it is given so long.
    pub(crate) fn new(keep: Duration) -> Self {
        Self { keep, entries: Mutex::new(HashMap::new()) }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, (Instant, V)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let entries = self.entries();
        entries.get(key).filter(|(read_at, _)| read_at.elapsed() < self.keep).map(|(_, value)| value.clone())
    }

    /// The age counts from before the read: what changes during it must not live longer for that.
    pub(crate) fn put(&self, key: K, value: V, read_at: Instant) {
        let mut entries = self.entries();
        if entries.len() >= CAPACITY {
            entries.retain(|_, (read_at, _)| read_at.elapsed() < self.keep);
        }
        if entries.len() < CAPACITY {
            entries.insert(key, (read_at, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(30);

    #[test]
    fn what_was_read_is_known_for_its_time() {
        let recent = TtlCache::new(KEEP);
        let Some(long_ago) = Instant::now().checked_sub(KEEP) else { return };
        recent.put(1, "old", long_ago);
        recent.put(2, "new", Instant::now());
        assert_eq!((recent.get(&1), recent.get(&2), recent.get(&3)), (None, Some("new"), None));
    }

    #[test]
    fn the_memory_is_bounded_and_makes_room_for_what_is_new() {
        let recent = TtlCache::new(KEEP);
        let now = Instant::now();
        for key in 0..=CAPACITY {
            recent.put(key, (), now);
        }
        assert_eq!(recent.get(&CAPACITY), None);
        assert_eq!(recent.entries().len(), CAPACITY);
        let Some(long_ago) = now.checked_sub(KEEP) else { return };
        recent.entries().values_mut().for_each(|(read_at, ())| *read_at = long_ago);
        recent.put(CAPACITY, (), now);
        assert_eq!(recent.get(&CAPACITY), Some(()));
        assert_eq!(recent.entries().len(), 1);
    }
}
