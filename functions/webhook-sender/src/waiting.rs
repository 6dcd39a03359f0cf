//! Permits of a host, and the lines of those who wait for one.
//!
//! A delivery that gets no permit joins the line of its lane and is left alone. Whoever releases a permit
//! wakes the first of a line that may use it. So each delivery looks for a permit about twice, however many
//! wait. If the one who should wake it dies, the watch over the line or, at the latest, the sweeper does it.

use std::time::Duration;

use domain::Timestamp;
use domain::primitives::source::random_fraction;
use domain::store::StoreError;
use domain::webhooks::{
    Acquisition, Delivery, HostPermit, HostPermits, Lane, LineEntry, MessagePurpose, Release, Turn,
    WebhookMessage,
};
use tracing::{info, warn};
use url::Url;

use crate::Deps;
use crate::post::{BODY, TIMEOUT};
use crate::record::save_unless_changed;

/// How long a host permit lasts: longer than a request can take, by what may pass before the request.
const PERMIT_TTL: Duration = Duration::from_secs(TIMEOUT.as_secs() + BODY.as_secs() + 9);
/// How often somebody looks whether a line still moves. A permit that its sender could not release has expired
/// by then.
const WATCH_INTERVAL: Duration = PERMIT_TTL;
/// How long the lane of an endpoint that did not answer in time has fewer permits.
const SLOW_PERIOD: Duration = Duration::from_secs(30);
/// How often a delivery tries again to acquire a permit that becomes free while it joins the line.
const MAX_ROUNDS: usize = 3;
/// After how many empty lines a sender stops looking for somebody to wake.
const MAX_EMPTY_LINES: usize = 8;

/// Where a delivery is sent.
pub(crate) struct Destination {
    /// The host and port that share permits.
    host: String,
    lane: Lane,
}

/// A permit, and the host as it was when the permit was acquired.
pub(crate) struct Held {
    pub(crate) permit: HostPermit,
    host: HostPermits,
}

impl Destination {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        let url = delivery.url.url();
        Self { host: host(url), lane: Lane::of(&delivery.client_id, url) }
    }
}

/// The host and port that share permits. A trailing dot is removed, because it names the same host.
fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name);
    format!("{name}:{}", url.port_or_known_default().unwrap_or_default())
}

/// Acquires a permit for the delivery; `None` if it waits for one now.
pub(crate) async fn acquire(
    deps: &Deps<'_>,
    delivery: &Delivery,
    to: &Destination,
    purpose: MessagePurpose,
) -> Result<Option<Held>, StoreError> {
    let mut turn = if purpose == MessagePurpose::Turn { Turn::Next } else { Turn::Newcomer };
    for round in 1..=MAX_ROUNDS {
        let now = Timestamp::now();
        let until = now + PERMIT_TTL;
        let host = match deps.hosts.acquire_host_permit(&to.host, &to.lane, turn, now, until).await? {
            Acquisition::Acquired(permit, host) => return Ok(Some(Held { permit, host })),
            Acquisition::Denied(host) => host,
        };
        if !host.may_wait(&to.lane) {
            warn!(lines = host.lines.len(), "the host has too many waiting lines");
            let mut delivery = delivery.clone();
            delivery.wait_outside(Timestamp::now());
            save_unless_changed(deps, &mut delivery).await?;
            return Ok(None);
        }
        // In this order: whoever releases a permit after the line is registered finds the entry.
        let entry = LineEntry::of(delivery);
        deps.lines.join_line(&to.host, &to.lane, &entry).await?;
        let now = Timestamp::now();
        let host = deps.hosts.register_line(&to.host, &to.lane, now).await?;
        if round < MAX_ROUNDS && !host.free(&to.lane, now).is_empty() {
            // It became free before this delivery was registered, so its release may wake nobody. The first in
            // the line goes on by itself. The others leave it to the first: if each of them woke somebody, many
            // would be woken for one permit.
            if deps.lines.take_if_first(&to.host, &to.lane, &entry).await? {
                turn = Turn::Next;
                continue;
            }
        }
        wait(deps, delivery, to, &host).await?;
        break;
    }
    Ok(None)
}

/// Leaves the delivery in its line. That does not count as an attempt.
async fn wait(
    deps: &Deps<'_>,
    delivery: &Delivery,
    to: &Destination,
    host: &HostPermits,
) -> Result<(), StoreError> {
    let mut waiting = delivery.clone();
    waiting.wait_in_line(Timestamp::now());
    info!(deferrals = waiting.deferrals, "the host has no free permit");
    let watch = async {
        if host.is_unwatched(&to.lane, Timestamp::now()) {
            watch(deps, delivery, to).await?;
        }
        Ok(())
    };
    tokio::try_join!(watch, save_unless_changed(deps, &mut waiting)).map(|_| ())
}

/// Claims the watch over the line and sends the message of the next look. Returns the host, or `None` if the
/// line is watched by another delivery or closed.
async fn watch(
    deps: &Deps<'_>,
    delivery: &Delivery,
    to: &Destination,
) -> Result<Option<HostPermits>, StoreError> {
    let now = Timestamp::now();
    let Some(host) = deps.hosts.watch_line(&to.host, &to.lane, now, now + WATCH_INTERVAL).await? else {
        return Ok(None);
    };
    // A second more than the watch: a message that comes too early would find its own watch.
    let delay = WATCH_INTERVAL + Duration::from_secs(1);
    let message = WebhookMessage::to(delivery, MessagePurpose::Watch);
    deps.queue.send_webhook(&message, &delivery.client_id, delay).await?;
    Ok(Some(host))
}

/// Handles the message of a watch: wakes the first in the line if a permit is free, which means that whoever
/// should have woken it is lost.
pub(crate) async fn look(deps: &Deps<'_>, delivery: &Delivery, to: &Destination) -> Result<(), StoreError> {
    if let Some(host) = watch(deps, delivery, to).await? {
        let waits = |host: &HostPermits| {
            let free = !host.free(&to.lane, Timestamp::now()).is_empty();
            (free && host.lines.contains_key(&to.lane)).then_some(to.lane)
        };
        wake(deps, to, host, waits).await;
    }
    Ok(())
}

/// Wakes a further delivery of the client if another permit is free for it.
pub(crate) async fn wake_neighbor(deps: &Deps<'_>, to: &Destination, held: &Held) {
    let chance = random_fraction();
    let neighbor = |host: &HostPermits| host.neighbor_to_wake(&to.lane, Timestamp::now(), chance);
    wake(deps, to, held.host.clone(), neighbor).await;
}

/// Wakes the next in the line of a delivery that was woken but needs no permit any more.
pub(crate) async fn pass_on(deps: &Deps<'_>, to: &Destination) {
    match deps.lines.take_first(&to.host, &to.lane).await {
        Ok(Some(next)) => send_turn(deps, &next).await,
        Ok(None) => {}
        Err(error) => warn!(%error, "nobody was woken; the watch over the line will do it"),
    }
}

/// Releases the permit, and wakes a delivery that may use it. If that fails, the permit expires, and the watch
/// over the line wakes the delivery.
pub(crate) async fn release(deps: &Deps<'_>, to: &Destination, held: &Held, slow: bool) {
    let now = Timestamp::now();
    let slow = slow.then(|| (to.lane, now + SLOW_PERIOD));
    let release = Release { slow, expired: held.host.expired_marks(now) };
    match deps.hosts.release_host_permit(&to.host, held.permit, &release).await {
        Ok(host) => {
            let chance = random_fraction();
            let number = held.permit.number;
            wake(deps, to, host, |host| host.lane_for(number, Timestamp::now(), chance)).await;
        }
        Err(error) => warn!(%error, "the host permit could not be released"),
    }
}

/// Wakes the first in the line of the lane that `choose` names. A line that is empty is closed, and the next
/// one chosen.
async fn wake(
    deps: &Deps<'_>,
    to: &Destination,
    mut host: HostPermits,
    choose: impl Fn(&HostPermits) -> Option<Lane>,
) {
    for _ in 0..MAX_EMPTY_LINES {
        let Some(lane) = choose(&host) else { return };
        let Some(line) = host.lines.remove(&lane) else { return };
        let woken = async {
            let first = deps.lines.take_first(&to.host, &lane).await?;
            if first.is_none() {
                deps.hosts.close_line(&to.host, &lane, line.joined).await?;
            }
            Ok::<_, StoreError>(first)
        };
        match woken.await {
            Ok(Some(first)) => return send_turn(deps, &first).await,
            Ok(None) => {}
            Err(error) => {
                return warn!(%error, "nobody was woken; the watch over the line will do it");
            }
        }
    }
}

/// Sends the message of a delivery whose turn it is. If that fails, the sweeper sends it later.
async fn send_turn(deps: &Deps<'_>, entry: &LineEntry) {
    match deps.queue.send_webhook(&entry.message(), &entry.client_id, Duration::ZERO).await {
        Ok(()) => info!(next = %entry.webhook_id, "the next in the line is woken"),
        Err(error) => warn!(next = %entry.webhook_id, %error, "the next in the line was not woken"),
    }
}
