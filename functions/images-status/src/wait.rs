//! `Prefer: wait=N`: the request stays open until the job ends.

use std::time::Duration;

use domain::{Error, Job, Timestamp};
use edge::http::Request;
use tracing::warn;

use crate::Deps;

/// How often a wait reads the row at the most, the first time included.
const READS: u32 = 10;
/// What is left of the function's time for the answer.
const RESERVE: Duration = Duration::from_secs(2);

/// When read number `read` comes, from 1 to the last, counted from the beginning of a wait of
/// `time`: soon at first, for most jobs are quick, and then less and less often.
fn moment(time: Duration, read: u32) -> Duration {
    let part = f64::from(read) / f64::from(READS - 1);
    time.mul_f64(part * part)
}

/// `job` when it has ended, or as it is after `time`; `None` if the caller holds all the waits
/// open that it may, or there is nothing to wait for.
pub(crate) async fn for_end(
    deps: &Deps<'_>,
    request: &Request,
    mut job: Job,
    time: Duration,
) -> Result<Option<Job>, Error> {
    if job.status.ended() {
        return Ok(None);
    }
    let began = Timestamp::now();
    let until = (began + time).min(request.deadline - RESERVE);
    let caller = &request.caller()?.caller;
    let permit = match deps.long_polls.acquire_long_poll(caller, began, until + RESERVE).await {
        Ok(Some(permit)) => permit,
        Ok(None) => return Ok(None),
        Err(error) => {
            warn!(%error, "no place to wait could be had; answering at once");
            return Ok(None);
        }
    };
    let id = job.id;
    for number in 1..READS {
        let at = (began + moment(time, number)).min(until);
        tokio::time::sleep(at.since(Timestamp::now())).await;
        match app::jobs::ownership::find(deps.jobs, deps.batches, id).await {
            Ok(Some(now)) => job = now,
            Ok(None) => break,
            // What was read before is still true enough; the next read may succeed.
            Err(error) => warn!(%error, "the job could not be read while waiting for it"),
        }
        if job.status.ended() || at >= until {
            break;
        }
    }
    if let Err(error) = deps.long_polls.release_long_poll(caller, permit).await {
        warn!(%error, "the end of a wait could not be noted; it lapses by itself");
    }
    Ok(Some(job))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_reads_soon_at_first_and_to_the_very_end() {
        let moments: Vec<_> = (1..READS).map(|read| moment(Duration::from_secs(20), read)).collect();
        assert!(moments[0] < Duration::from_millis(300), "{moments:?}");
        assert!(moments.is_sorted());
        assert_eq!(moments.last(), Some(&Duration::from_secs(20)));
    }
}
