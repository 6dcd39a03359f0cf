//! Seeds of images.

use domain::JobId;
use sha2::{Digest as _, Sha256};

/// The seed of one of a job's images: the same in each attempt, and not that of another image. At least 1,
/// because 0 asks some providers for a random seed; at most [`MAX`].
pub(crate) fn of(job: JobId, index: u8) -> u64 {
    let digest = Sha256::new().chain_update(job.uuid().as_bytes()).chain_update([index]).finalize();
    let number = digest[..4].iter().fold(0, |number, &byte| (number << 8) | u64::from(byte));
    number % MAX + 1
}

/// The largest seed that every provider takes.
const MAX: u64 = 4_294_967_294;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_image_has_its_own_stable_seed() {
        let job = JobId::new();
        let seeds: Vec<_> = (0..4).map(|index| of(job, index)).collect();
        let distinct: std::collections::HashSet<_> = seeds.iter().collect();
        assert_eq!(distinct.len(), 4);
        assert!(seeds.iter().all(|seed| (1..=MAX).contains(seed)));
        assert_eq!(of(job, 3), seeds[3]);
        assert_ne!(of(JobId::new(), 0), seeds[0]);
    }
}
