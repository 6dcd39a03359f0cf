//! The only source of time and randomness, so that a test or a simulation can control both.
//!
//! `Timestamp::now`, new ids, secrets and jitter all ask this module.
//! Without an installed source it uses the clock and the random generator of the operating system.
//! Sleeping and measuring durations go through `tokio::time`, whose clock a test can pause.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// A source of time and randomness.
pub trait Source {
    /// The present time, in milliseconds since 1970 (UTC).
    fn now_millis(&self) -> i64;

    /// Fills `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);
}

thread_local! {
    static INSTALLED: RefCell<Option<Rc<dyn Source>>> = const { RefCell::new(None) };
}

/// Makes `source` the source of this thread until the guard is dropped.
///
/// Only this thread: a test that uses it runs on a runtime with one thread.
#[must_use]
pub fn install(source: Rc<dyn Source>) -> Installed {
    let previous = INSTALLED.replace(Some(source));
    Installed { previous, _not_send: PhantomData }
}

/// Ends the installation of a source when it is dropped.
pub struct Installed {
    previous: Option<Rc<dyn Source>>,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Installed {
    fn drop(&mut self) {
        INSTALLED.set(self.previous.take());
    }
}

fn installed() -> Option<Rc<dyn Source>> {
    INSTALLED.with_borrow(Option::clone)
}

pub(crate) fn now_millis() -> i64 {
    installed().map_or_else(
        || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        },
        |source| source.now_millis(),
    )
}

/// Returns random bytes that are strong enough for secrets.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    match installed() {
        Some(source) => source.fill(&mut bytes),
        None => rand::fill(&mut bytes[..]),
    }
    bytes
}

/// Returns a random number from 0 (inclusive) to 1 (exclusive), for jitter.
#[must_use]
pub fn random_fraction() -> f64 {
    // As many bits as an f64 holds exactly.
    (u64::from_le_bytes(random_bytes()) >> 11) as f64 / (1u64 << 53) as f64
}

/// Returns a random index below `len`; `None` if `len` is 0.
#[must_use]
pub fn random_index(len: usize) -> Option<usize> {
    let last = len.checked_sub(1)?;
    Some(((random_fraction() * len as f64) as usize).min(last))
}

/// Returns a new version 7 UUID (RFC 9562). UUIDs of one process sort in the order of their creation; with
/// an installed source they sort only by their millisecond.
#[must_use]
pub fn new_uuid() -> Uuid {
    if installed().is_none() {
        return Uuid::now_v7();
    }
    let millis = u64::try_from(now_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random_bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{JobId, Timestamp};

    /// A source whose clock does not move and whose random bytes are a counter.
    struct Still(Cell<u8>);

    impl Source for Still {
        fn now_millis(&self) -> i64 {
            1_000
        }

        fn fill(&self, bytes: &mut [u8]) {
            self.0.set(self.0.get() + 1);
            bytes.fill(self.0.get());
        }
    }

    #[test]
    fn installed_source_decides_times_ids_and_chance() {
        let run = || {
            let _installed = install(Rc::new(Still(Cell::new(0))));
            (Timestamp::now(), JobId::new(), JobId::new(), random_bytes::<4>(), random_fraction())
        };
        assert_eq!(run(), run());
        let (now, first, second, ..) = run();
        assert_eq!((now, first.at()), (Timestamp::from_millis(1_000), Some(now)));
        assert_ne!(first, second);
        assert!(Timestamp::now() > now, "the guard is gone");
    }

    #[test]
    fn random_numbers_keep_their_bounds() {
        for _ in 0..1_000 {
            assert!((0.0..1.0).contains(&random_fraction()));
            assert!(random_index(3).is_some_and(|index| index < 3));
        }
        assert_eq!(random_index(0), None);
    }
}
