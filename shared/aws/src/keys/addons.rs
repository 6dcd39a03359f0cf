//! Keys of the addons' rows and contents.

use domain::addons::{AddonId, ContentCoding, PublicationId};
use semver::Version;

/// The partition of all addons and their versions.
pub const ADDONS: &str = "ADDONS";
/// The sort key of the number of the catalog's changes.
pub const ADDONS_GENERATION: &str = "GENERATION";
/// The partition of content that is to be deleted.
pub const ADDONS_GARBAGE: &str = "GARBAGE";
/// Prefix of the sort keys of addons. A version's is another one.
pub const ADDON: &str = "ADDON#";
const RELEASE: &str = "RELEASE#";
/// Prefix of the keys of the addons' contents.
pub const CONTENTS: &str = "content/";

#[must_use]
pub fn addon_sort(id: &AddonId) -> String {
    format!("{ADDON}{id}")
}

/// Returns the sort key of a version. An id never contains `#`.
#[must_use]
pub fn release_sort(id: &AddonId, version: &Version) -> String {
    format!("{RELEASE}{id}#{version}")
}

/// Returns the prefix of the keys of a publication's contents.
#[must_use]
pub fn addon_contents(publication: PublicationId) -> String {
    format!("{CONTENTS}{publication}/")
}

#[must_use]
pub fn addon_content(publication: PublicationId, hash: &str, coding: ContentCoding) -> String {
    let ending = match coding {
        ContentCoding::Identity => "",
        ContentCoding::Gzip => ".gz",
        ContentCoding::Brotli => ".br",
    };
    format!("{}{hash}{ending}", addon_contents(publication))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_things_differ() {
        let (id, other): (AddonId, AddonId) = ("a".parse().unwrap(), "a.1".parse().unwrap());
        let version = |text: &str| text.parse().unwrap();
        assert_ne!(release_sort(&id, &version("1.0.0")), release_sort(&id, &version("1.0.0-1")));
        assert!(!release_sort(&id, &version("1.0.0")).starts_with(ADDON));
        assert_ne!(addon_sort(&id), addon_sort(&other));
        let publication = PublicationId::nil();
        let keys = [ContentCoding::Identity, ContentCoding::Gzip, ContentCoding::Brotli]
            .map(|coding| addon_content(publication, "ab", coding));
        assert!(
            keys.iter().all(|key| key.starts_with(&addon_contents(publication)) && key.starts_with(CONTENTS))
        );
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    }
}
