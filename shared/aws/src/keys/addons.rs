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
const CONTENT: &str = "CONTENT#";

#[must_use]
pub fn addon_sort(id: &AddonId) -> String {
    format!("{ADDON}{id}")
}

/// Returns the sort key of a version. An id never contains `#`.
#[must_use]
pub fn release_sort(id: &AddonId, version: &Version) -> String {
    format!("{RELEASE}{id}#{version}")
}

/// Returns the partition of a publication's contents.
#[must_use]
pub fn addon_contents(publication: PublicationId) -> String {
    format!("{CONTENT}{publication}")
}

/// Returns the prefix of the sort keys of a content's pieces.
#[must_use]
pub fn addon_content(hash: &str, coding: ContentCoding) -> String {
    let coding = match coding {
        ContentCoding::Identity => "identity",
        ContentCoding::Gzip => "gzip",
        ContentCoding::Brotli => "br",
    };
    format!("{hash}#{coding}#")
}

/// Returns the sort key of a content's piece. They are in order: there are never 1,000.
#[must_use]
pub fn addon_content_piece(hash: &str, coding: ContentCoding, at: usize) -> String {
    format!("{}{at:03}", addon_content(hash, coding))
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
        let contents = [ContentCoding::Identity, ContentCoding::Gzip, ContentCoding::Brotli]
            .map(|coding| addon_content("ab", coding));
        assert!(contents[0] != contents[1] && contents[1] != contents[2] && contents[0] != contents[2]);
        let pieces = [9, 10, 100].map(|at| addon_content_piece("ab", ContentCoding::Gzip, at));
        assert!(pieces.is_sorted() && pieces.iter().all(|piece| piece.starts_with(&contents[1])));
    }
}
