//! Estimates the duration of jobs.

use std::collections::HashMap;
use std::time::Duration;

use domain::images::Picture;
use domain::jobs::{EstimateStore, JobClass};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

/// How long a request waits for all of its estimates together.
const TIMEOUT: Duration = Duration::from_millis(300);

/// Estimates how long a job for `picture` takes, from recent jobs of its class; `None` if that is not known.
pub async fn estimated_duration(estimates: &dyn EstimateStore, picture: &Picture) -> Option<Duration> {
    estimated_durations(estimates, [picture]).await.get(&JobClass::of(picture)).copied()
}

/// Estimates how long jobs for `pictures` take. Each class is read once, all side by side. A class whose
/// estimate is not known, or not known in time, is missing in the result: that is no reason to refuse a job.
pub async fn estimated_durations<'a>(
    estimates: &dyn EstimateStore,
    pictures: impl IntoIterator<Item = &'a Picture>,
) -> HashMap<JobClass, Duration> {
    let until = Instant::now() + TIMEOUT;
    let classes: std::collections::HashSet<_> = pictures.into_iter().map(JobClass::of).collect();
    let mut reads: FuturesUnordered<_> =
        classes.into_iter().map(async |class| (class, estimates.estimate(class).await)).collect();
    let mut known = HashMap::new();
    loop {
        match timeout_at(until, reads.next()).await {
            Ok(Some((class, Ok(Some(duration))))) => _ = known.insert(class, duration),
            Ok(Some((_, Ok(None)))) => {}
            Ok(Some((_, Err(error)))) => warn!(%error, "the estimate could not be read"),
            Ok(None) => return known,
            Err(_) => {
                warn!(missing = reads.len(), "estimates could not be read in time");
                return known;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use domain::JobId;
    use domain::images::{Count, Prompt, ProviderChoice, Quality, Size};
    use domain::store::StoreError;
    use std::sync::Mutex;
    use tokio::sync::Barrier;

    /// Never answers for pictures by `slow`, and with an error for those by `failing`. All others are answered
    /// when `together` reads are waiting.
    struct Slow {
        asked: Mutex<Vec<JobClass>>,
        together: Barrier,
        slow: ProviderChoice,
        failing: ProviderChoice,
    }

    #[async_trait]
    impl EstimateStore for Slow {
        async fn estimate(&self, class: JobClass) -> Result<Option<Duration>, StoreError> {
            self.asked.lock().unwrap().push(class);
            if class.provider == self.slow {
                std::future::pending::<()>().await;
            }
            if class.provider == self.failing {
                return Err(StoreError::Conflict);
            }
            self.together.wait().await;
            Ok(Some(Duration::from_secs(class.count.get().into())))
        }

        async fn record_duration(&self, _: JobClass, _: JobId, _: Duration) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn picture(provider: ProviderChoice, count: u8) -> Picture {
        let prompt = Prompt::try_from("p".to_owned()).unwrap();
        let count = Count::try_from(count).unwrap();
        Picture { prompt, provider, size: Size::S512, count, quality: Quality::Standard, style: None }
    }

    #[tokio::test]
    async fn batch_reads_each_estimate_once_and_waits_for_none_too_long() {
        use ProviderChoice::{Automatic, Midjourney, StableDiffusion};
        let (asked, together) = (Mutex::default(), Barrier::new(4));
        let store = Slow { asked, together, slow: Midjourney, failing: StableDiffusion };
        let pictures: Vec<_> = (0..100)
            .map(|index: u8| {
                let provider = [Automatic, Midjourney, StableDiffusion][usize::from(index % 3)];
                picture(provider, index % 4 + 1)
            })
            .collect();
        // Without a bound this would never end.
        let known = estimated_durations(&store, &pictures).await;
        assert_eq!(store.asked.lock().unwrap().len(), 12, "each class once");
        assert_eq!(known.len(), 4, "the reads were side by side, and one that hangs spoils no other");
        assert!(known.iter().all(|(class, duration)| {
            class.provider == Automatic && duration.as_secs() == u64::from(class.count.get())
        }));
        assert_eq!(estimated_duration(&store, &picture(Midjourney, 1)).await, None);
        assert_eq!(estimated_duration(&store, &picture(StableDiffusion, 1)).await, None);
    }
}
