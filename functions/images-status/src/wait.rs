//! `Prefer: wait=N` (RFC 7240): holds the request open until the job ends, for `N` seconds at most.

use std::time::Duration;

use domain::{Error, Job, Timestamp};
use edge::http::Request;
use tracing::warn;

use crate::Deps;

/// How often a long poll reads the row at most, including the read before it.
const READS: u32 = 10;
/// The part of the function's time that is reserved for the answer.
const RESERVE: Duration = Duration::from_secs(2);

/// Returns when read number `read` happens (1 to `READS - 1`), counted from the start of a wait of `time`.
/// The intervals grow, because most jobs end soon.
fn read_offset(time: Duration, read: u32) -> Duration {
    let fraction = f64::from(read) / f64::from(READS - 1);
    time.mul_f64(fraction * fraction)
}

/// Returns `job` when it has ended, or as it is after `time`. Returns `None` without waiting if the job has
/// ended already, or there is no long-poll permit left: for the caller, or at all.
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
    let permit =
        match deps.long_polls.acquire_long_poll(caller, deps.max_long_polls, began, until + RESERVE).await {
            Ok(Some(permit)) => permit,
            Ok(None) => return Ok(None),
            Err(error) => {
                warn!(%error, "could not acquire a long-poll permit; answering without waiting");
                return Ok(None);
            }
        };
    let id = job.id;
    for number in 1..READS {
        let at = (began + read_offset(time, number)).min(until);
        tokio::time::sleep(at.since(Timestamp::now())).await;
        match app::jobs::ownership::find(deps.jobs, deps.batches, id).await {
            Ok(Some(now)) => job = now,
            Ok(None) => break,
            // The job that was read before is recent enough, and the next read may succeed.
            Err(error) => warn!(%error, "could not read the job during a long poll"),
        }
        if job.status.ended() || at >= until {
            break;
        }
    }
    if let Err(error) = deps.long_polls.release_long_poll(caller, permit).await {
        warn!(%error, "could not release a long-poll permit; it expires by itself");
    }
    Ok(Some(job))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_poll_reads_early_and_at_the_end() {
        let offsets: Vec<_> = (1..READS).map(|read| read_offset(Duration::from_secs(20), read)).collect();
        assert!(offsets[0] < Duration::from_millis(300), "{offsets:?}");
        assert!(offsets.is_sorted());
        assert_eq!(offsets.last(), Some(&Duration::from_secs(20)));
    }
}
