//! What happens when another change was made first.

use std::time::Duration;

use domain::Error;
use domain::primitives::source::random_fraction;
use domain::store::StoreError;
use tokio::time::{Instant, sleep};

/// How long a change is checked again and again. The function has 29 s, and a last check may take some of them.
const LIMIT: Duration = Duration::from_secs(15);
/// The longest first pause. Each is up to twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(640);

/// The attempts of one change. Not `app::backoff`, whose pauses are for a store that is down: publishers that meet need
/// short ones, each another.
pub(crate) struct Conflicts {
    since: Instant,
    pause: Duration,
}

impl Conflicts {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), pause: FIRST_PAUSE }
    }

    /// Takes the result of an attempt: `None` if another change was made first, and this one is to be checked again.
    /// Waits for a random time before that, so that several publishers do not meet again.
    ///
    /// # Errors
    ///
    /// Any other error, and [`StoreError::Conflict`] once the time is over.
    pub(crate) async fn resolve<T>(&mut self, result: Result<T, StoreError>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Conflict) if self.since.elapsed() < LIMIT => {
                sleep(self.pause.mul_f64(random_fraction())).await;
                self.pause = LONGEST_PAUSE.min(self.pause * 2);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
