//! The state of a webhook host: its permits in use, and its lanes that are slow or have a waiting line.
//!
//! The methods are pure. A store makes the same changes with conditional updates of single attributes.

use std::collections::{BTreeMap, BTreeSet};

use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;
use crate::webhooks::lane::{HostLimits, Lane};

/// The most lanes of a host with a waiting line. Together with its permits they fit into a small row.
const MAX_LINES: usize = 256;

/// A permit for one request to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPermit {
    /// The number of the permit among those of its host, from 0.
    pub number: usize,
    /// The holder of the permit, and when it expires.
    pub lease: Lease,
}

/// The waiting line of a lane, as its host knows it. The deliveries that wait are in another store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Different each time that a delivery joins the line. It is closed only if none has joined since it was
    /// empty.
    pub joined: u64,
    /// Until when a delivery watches the line, in case the one that should wake it is lost.
    pub watched_until: Option<Timestamp>,
}

/// What is known of a host at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPermits {
    pub limits: HostLimits,
    /// When each permit in use expires, by its number.
    pub held: BTreeMap<usize, Timestamp>,
    /// Until when each of these lanes is slow.
    pub slow: BTreeMap<Lane, Timestamp>,
    pub lines: BTreeMap<Lane, Line>,
}

impl HostPermits {
    /// A host without any request.
    #[must_use]
    pub const fn new(limits: HostLimits) -> Self {
        Self { limits, held: BTreeMap::new(), slow: BTreeMap::new(), lines: BTreeMap::new() }
    }

    /// Whether an attempt of this lane recently got no answer in time.
    #[must_use]
    pub fn is_slow(&self, lane: &Lane, now: Timestamp) -> bool {
        self.slow.get(lane).is_some_and(|until| *until > now)
    }

    fn is_free(&self, permit: usize, now: Timestamp) -> bool {
        self.held.get(&permit).is_none_or(|until| *until <= now)
    }

    /// The numbers that the lane may use, whether they are free or not. A slow lane may use only the first of
    /// its client's.
    fn usable(&self, lane: &Lane, now: Timestamp) -> Vec<usize> {
        if self.is_slow(lane, now) { lane.slow_permits(self.limits) } else { lane.permits(self.limits) }
    }

    /// Returns a free permit for the lane. Many senders choose at the same moment: if all chose the same one,
    /// one would get it and the others would conflict. `chance` is from 0 to 1.
    #[must_use]
    pub fn choose_free(&self, lane: &Lane, now: Timestamp, chance: f64) -> Option<usize> {
        let (last_resort, mut free) = (lane.slow_permits(self.limits), self.free(lane, now));
        if free.iter().any(|number| !last_resort.contains(number)) {
            free.retain(|number| !last_resort.contains(number));
        }
        pick(&free, chance).map(|(number, _)| *number)
    }

    /// Returns the free permits that the lane may use.
    #[must_use]
    pub fn free(&self, lane: &Lane, now: Timestamp) -> Vec<usize> {
        let mut numbers = self.usable(lane, now);
        numbers.retain(|number| self.is_free(*number, now));
        numbers
    }

    /// Returns whether the lane may have a waiting line: it has one, or the host has not too many.
    #[must_use]
    pub fn may_wait(&self, lane: &Lane) -> bool {
        self.lines.contains_key(lane) || self.lines.len() < MAX_LINES
    }

    /// Returns the lane whose next delivery gets this permit, of those that may use it. `None` if the permit is
    /// in use or nobody waits for it.
    ///
    /// `chance`, from 0 to 1, chooses a client and then one of its lanes: that is as fair as turns, and needs
    /// no record of whose turn it was.
    #[must_use]
    pub fn lane_for(&self, permit: usize, now: Timestamp, chance: f64) -> Option<Lane> {
        if !self.is_free(permit, now) {
            return None;
        }
        self.choose_lane(chance, |lane| self.usable(lane, now).contains(&permit))
    }

    /// Returns a lane of the same client that waits although most of its permits are free: after a loss, or
    /// when a lane is no longer slow, more permits are free than were released just now. While only some are
    /// free, those that were woken for them are on their way.
    #[must_use]
    pub fn neighbor_to_wake(&self, of: &Lane, now: Timestamp, chance: f64) -> Option<Lane> {
        let mostly_free = |lane: &Lane| self.free(lane, now).len() * 3 >= self.usable(lane, now).len() * 2;
        self.choose_lane(chance, |lane| lane.same_client(of) && mostly_free(lane))
    }

    fn choose_lane(&self, chance: f64, may: impl Fn(&Lane) -> bool) -> Option<Lane> {
        let waiting: Vec<_> = self.lines.keys().filter(|lane| may(lane)).collect();
        // Lanes are sorted by their client.
        let clients: Vec<_> = waiting.chunk_by(|one, next| one.same_client(next)).collect();
        let (lanes, rest) = pick(&clients, chance)?;
        pick(lanes, rest).map(|(lane, _)| **lane)
    }

    /// Returns whether nobody watches the line of the lane.
    #[must_use]
    pub fn is_unwatched(&self, lane: &Lane, now: Timestamp) -> bool {
        self.lines.get(lane).is_some_and(|line| line.watched_until.is_none_or(|until| until <= now))
    }

    /// The slow marks that are over, which a writer of the row may remove.
    #[must_use]
    pub fn expired_marks(&self, now: Timestamp) -> BTreeSet<Lane> {
        self.slow.iter().filter(|(_, until)| **until <= now).map(|(lane, _)| *lane).collect()
    }
}

/// Picks one of `all` by `chance`, from 0 to 1, and returns it with what of `chance` was not used.
fn pick<T>(all: &[T], chance: f64) -> Option<(&T, f64)> {
    let last = all.len().checked_sub(1)?;
    let place = chance.clamp(0.0, 1.0) * all.len() as f64;
    let index = (place as usize).min(last);
    Some((&all[index], (place - index as f64).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HostLimits = HostLimits { total: 64, share: 10 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn lane(client: &str, path: &str) -> Lane {
        Lane::of(&client.parse().unwrap(), &format!("https://h.example{path}").parse().unwrap())
    }

    const LINE: Line = Line { joined: 1, watched_until: None };

    #[test]
    fn slow_lane_keeps_two_permits_and_its_client_the_others() {
        let (bad, good) = (lane("acme", "/bad"), lane("acme", "/good"));
        assert_ne!(bad, good);
        let mut host = HostPermits::new(LIMITS);
        host.slow.insert(bad, at(10));
        let all = bad.permits(LIMITS);
        assert_eq!(host.free(&bad, at(9)), all[..2]);
        assert_eq!(host.free(&bad, at(10)).len(), 10);
        assert_eq!(host.free(&good, at(9)).len(), 10);
        let chosen = (0..100).filter_map(|part| host.choose_free(&good, at(9), f64::from(part) / 100.0));
        let chosen: BTreeSet<_> = chosen.collect();
        assert_eq!(chosen, all[2..].iter().copied().collect(), "it leaves the slow lane's alone");
        host.held.extend(all[2..].iter().map(|number| (*number, at(20))));
        assert!(host.choose_free(&good, at(9), 0.9).is_some_and(|number| all[..2].contains(&number)));
        host.held.extend(all.iter().map(|number| (*number, at(5))));
        assert_eq!(host.free(&good, at(4)), [0usize; 0]);
        assert_eq!(host.free(&good, at(5)).len(), 10, "an expired permit is free");
        assert_eq!(host.expired_marks(at(9)).len() + host.expired_marks(at(10)).len(), 1);
    }

    #[test]
    fn client_without_permits_leaves_others_most_of_theirs() {
        let mut host = HostPermits::new(LIMITS);
        let (bad, good) = (lane("client-b", "/bad"), lane("client-a", "/good"));
        host.held.extend(bad.permits(LIMITS).into_iter().map(|number| (number, at(9))));
        assert!(host.free(&bad, at(0)).is_empty());
        assert!(host.free(&good, at(0)).len() >= 5);
    }

    #[test]
    fn freed_permit_goes_only_to_lanes_that_may_use_it() {
        let (one, other, stranger) = (lane("acme", "/1"), lane("acme", "/2"), lane("apex", "/1"));
        assert_ne!(one, other);
        let own = one.permits(LIMITS);
        let permit = *own.iter().skip(2).find(|number| !stranger.permits(LIMITS).contains(number)).unwrap();
        let mut host = HostPermits::new(LIMITS);
        let chosen = |host: &HostPermits, permit: usize| {
            let chances =
                (0..100).filter_map(|percent| host.lane_for(permit, at(9), f64::from(percent) / 100.0));
            chances.collect::<BTreeSet<_>>()
        };
        host.lines.insert(stranger, LINE);
        assert!(chosen(&host, permit).is_empty(), "it is none of that client's permits");
        host.lines.extend([(one, LINE), (other, LINE)]);
        assert_eq!(chosen(&host, permit), BTreeSet::from([one, other]));
        host.slow.insert(one, at(99));
        assert_eq!(chosen(&host, permit), BTreeSet::from([other]), "the permit is not for slow lanes");
        assert!(chosen(&host, own[0]).contains(&one), "this one is");
        host.held.insert(permit, at(20));
        assert!(chosen(&host, permit).is_empty(), "another request has acquired it");
    }

    #[test]
    fn freed_permit_goes_to_clients_alike_however_many_lanes() {
        let limits = HostLimits::new(1, 1);
        let mut host = HostPermits::new(limits);
        let busy = (0..40).map(|number| (lane("busy", &format!("/{number}")), LINE));
        host.lines.extend(busy);
        let single = lane("single", "/");
        host.lines.insert(single, LINE);
        let all = (0..1000).filter_map(|part| host.lane_for(0, at(0), f64::from(part) / 1000.0));
        assert_eq!(all.filter(|lane| *lane == single).count(), 500);
    }

    #[test]
    fn neighbor_is_woken_only_for_a_free_permit() {
        let (one, other) = (lane("acme", "/1"), lane("acme", "/2"));
        let mut host = HostPermits::new(LIMITS);
        assert_eq!(host.neighbor_to_wake(&one, at(0), 0.5), None);
        host.lines.insert(other, LINE);
        assert_eq!(host.neighbor_to_wake(&one, at(0), 0.5), Some(other));
        assert_eq!(host.neighbor_to_wake(&lane("apex", "/1"), at(0), 0.5), None);
        host.slow.insert(other, at(99));
        host.held.extend(other.permits(LIMITS)[..2].iter().map(|number| (*number, at(9))));
        assert_eq!(host.neighbor_to_wake(&one, at(0), 0.5), None, "only others' permits are free");
    }

    #[test]
    fn line_is_watched_by_one_at_a_time_and_lines_are_bounded() {
        let mut host = HostPermits::new(LIMITS);
        let one = lane("acme", "/1");
        assert!(!host.is_unwatched(&one, at(0)), "there is no line");
        host.lines.insert(one, Line { watched_until: Some(at(20)), ..LINE });
        assert_eq!([19, 20].map(|now| host.is_unwatched(&one, at(now))), [false, true]);
        for number in 0..MAX_LINES - 1 {
            assert!(host.may_wait(&lane(&format!("client-{number}"), "/")));
            host.lines.insert(lane(&format!("client-{number}"), "/"), LINE);
        }
        assert!(host.may_wait(&one) && !host.may_wait(&lane("late", "/")));
    }
}
