//! Lanes: which of a host's permits a client's webhooks may use.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use url::Url;

use crate::access::client::ClientId;
use crate::primitives::hash::hex;

/// The number of lanes of one client at one host.
const LANES: u8 = 16;

/// The number of permits for a slow lane. It is high enough to notice soon when the endpoint has recovered.
const SLOW_LANE_PERMITS: usize = 2;

/// How many requests to one host may be in progress at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostLimits {
    /// Of all clients.
    pub total: usize,
    /// Of one client.
    pub share: usize,
}

impl HostLimits {
    /// Both are at least 1, and the share is at most the total.
    #[must_use]
    pub fn new(total: usize, share: usize) -> Self {
        let total = total.max(1);
        Self { total, share: share.clamp(1, total) }
    }
}

/// Webhooks of one client to one host that share a slow mark and a waiting line: those to the same path, or
/// to paths whose hash is the same. It names no client and no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// The beginning of the hash of the client's id.
    client: [u8; 8],
    /// Below [`LANES`].
    bucket: u8,
}

impl Lane {
    /// Returns the lane of a client's webhooks to `url`. The query of the URL does not matter: it often holds
    /// a different token for each webhook.
    #[must_use]
    pub fn of(client: &ClientId, url: &Url) -> Self {
        let hash = Sha256::digest(client.to_string().as_bytes());
        let mut own = [0; 8];
        own.copy_from_slice(&hash[..8]);
        let place = format!("{}:{}", url.scheme(), url.path());
        Self { client: own, bucket: Sha256::digest(place.as_bytes())[0] % LANES }
    }

    /// Whether both belong to the same client.
    #[must_use]
    pub fn same_client(&self, other: &Self) -> bool {
        self.client == other.client
    }

    /// Returns the numbers of the permits that the client may use, always in the same order.
    ///
    /// This is shuffle sharding: each client has its own `share` of the `total` numbers, chosen by a hash.
    /// Two clients rarely have more than half of them in common, so a client all of whose permits are in use
    /// leaves others most of theirs.
    #[must_use]
    pub fn permits(&self, limits: HostLimits) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..limits.total).collect();
        for place in 0..limits.share.min(limits.total) {
            let digest = Sha256::new().chain_update(self.client).chain_update(place.to_be_bytes()).finalize();
            let random = digest[..8].iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
            let rest = (limits.total - place) as u64;
            let other = usize::try_from(random % rest).unwrap_or_default();
            numbers.swap(place, place + other);
        }
        numbers.truncate(limits.share);
        numbers
    }

    /// Returns those of its permits that the lane may use while it is slow. Other lanes of the client use them
    /// last.
    #[must_use]
    pub fn slow_permits(&self, limits: HostLimits) -> Vec<usize> {
        let mut numbers = self.permits(limits);
        numbers.truncate(SLOW_LANE_PERMITS);
        numbers
    }
}

impl fmt::Display for Lane {
    /// Writes 17 hex digits: 16 for the client, one for the path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:x}", hex(&self.client), self.bucket)
    }
}

/// The text is not a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 17 hex digits")]
pub struct NotALane;

impl FromStr for Lane {
    type Err = NotALane;

    fn from_str(text: &str) -> Result<Self, NotALane> {
        if text.len() != 17 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotALane);
        }
        let (client, bucket) = text.split_at(16);
        let client = u64::from_str_radix(client, 16).map_err(|_| NotALane)?;
        let bucket = u8::from_str_radix(bucket, 16).map_err(|_| NotALane)?;
        Ok(Self { client: client.to_be_bytes(), bucket })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LIMITS: HostLimits = HostLimits { total: 64, share: 10 };

    fn lane(client: &str, url: &str) -> Lane {
        Lane::of(&client.parse().unwrap(), &url.parse().unwrap())
    }

    #[test]
    fn clients_keep_half_of_their_permits_beside_any_other() {
        let lanes = (0..1000).map(|number| lane(&format!("client-{number}"), "https://h.example/"));
        let sets: Vec<BTreeSet<usize>> =
            lanes.map(|lane| lane.permits(LIMITS).into_iter().collect()).collect();
        assert!(
            sets.iter().all(|set| set.len() == LIMITS.share && set.iter().all(|one| *one < LIMITS.total))
        );
        let (mut pairs, mut close, mut same) = (0u32, 0u32, 0u32);
        for (index, one) in sets.iter().enumerate() {
            for other in &sets[index + 1..] {
                let exclusive = one.difference(other).count();
                pairs += 1;
                close += u32::from(exclusive * 2 < LIMITS.share);
                same += u32::from(exclusive == 0);
            }
        }
        // 0.05 % by the hypergeometric distribution.
        assert!(close * 1000 < pairs, "{close} of {pairs} pairs share more than half");
        assert_eq!(same, 0, "some client could take all of another's permits");
        let mut used = [0u32; 64];
        sets.iter().flatten().for_each(|number| used[*number] += 1);
        assert!(used.iter().all(|clients| (100..=220).contains(clients)), "{used:?}");
    }

    #[test]
    fn permits_of_a_client_are_the_same_for_all_its_lanes() {
        let one = lane("acme", "https://h.example/a");
        assert_eq!(one.permits(LIMITS), lane("acme", "https://h.example/b").permits(LIMITS));
        assert_ne!(one.permits(LIMITS), lane("apex", "https://h.example/a").permits(LIMITS));
        assert_eq!(one.permits(HostLimits::new(3, 10)).len(), 3);
        assert_eq!(one.permits(HostLimits::new(0, 0)), [0]);
    }

    #[test]
    fn lane_follows_scheme_and_path_but_not_the_query() {
        let one = lane("acme", "https://h.example/a?token=1");
        assert_eq!(one, lane("acme", "https://h.example/a?token=2"));
        let paths = (0..200).map(|number| lane("acme", &format!("https://h.example/{number}")));
        assert_eq!(paths.collect::<BTreeSet<_>>().len(), 16, "at most 16 of a client");
        assert!(one.same_client(&lane("acme", "https://h.example/b")));
        assert!(!one.same_client(&lane("apex", "https://h.example/a")));
        assert_eq!(one.to_string().parse(), Ok(one));
        for bad in ["", "12", "g0000000000000000", "000000000000000000", "+000000000000000f"] {
            assert_eq!(bad.parse::<Lane>(), Err(NotALane), "{bad}");
        }
    }
}
