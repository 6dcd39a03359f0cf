//! Versions as they are published, and ranges of versions in npm's grammar.
//!
//! npm's grammar is translated to that of the crate `semver`, which means another thing by the same text in some
//! places: a bare `1.2.3` is that version for npm and `^1.2.3` for the crate, and the crate knows neither `||`
//! nor `1.2 - 2.0`. `tests/data/npm-ranges.json` has what npm's own library says.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};

/// The largest number in a version that JavaScript represents exactly, and the largest that npm accepts.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Why a version or a range is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    #[error("must be a version with three numbers, like 1.2.3 or 1.2.3-beta.1")]
    NotAVersion,
    #[error("must have no build metadata ({0:?}): two such versions would have no order")]
    BuildMetadata(String),
    #[error("must have no number above 9007199254740991")]
    NumberTooLarge,
    #[error("must be a range like ^1.2, 1.x or >=1.2 <2 || 3 ({0})")]
    NotARange(String),
}

/// Reads the version of an addon that is published.
///
/// # Errors
///
/// If it is no full version, or has build metadata, which takes no part in the order of versions.
pub fn published_version(text: &str) -> Result<Version, VersionError> {
    let version = Version::parse(text).map_err(|_| VersionError::NotAVersion)?;
    if !version.build.is_empty() {
        return Err(VersionError::BuildMetadata(version.build.to_string()));
    }
    if [version.major, version.minor, version.patch].iter().any(|number| *number > MAX_NUMBER) {
        return Err(VersionError::NumberTooLarge);
    }
    Ok(version)
}

/// A range of versions in npm's grammar. `Display` writes it as it was given.
///
/// ```
/// use addons::range::{VersionError, VersionRange};
///
/// let range: VersionRange = ">=1.2 <2 || 3".parse()?;
/// assert!(range.contains(&"3.4.5".parse().unwrap()));
/// assert!(!range.contains(&"2.0.0".parse().unwrap()));
/// # Ok::<(), VersionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
    alternatives: Vec<VersionReq>,
}

impl VersionRange {
    /// Whether the version is in the range. A prerelease is only in a range that names a prerelease of the same
    /// three numbers.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|alternative| alternative.matches(version))
    }

    /// The range of all releases.
    #[must_use]
    pub fn any() -> Self {
        Self { text: "*".to_owned(), alternatives: vec![VersionReq::STAR] }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for VersionRange {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text.contains(',') {
            return Err(VersionError::NotARange("a comma is not allowed".to_owned()));
        }
        let read = |part: &str| {
            let translated = translate(part)?;
            let range =
                VersionReq::parse(&translated).map_err(|error| VersionError::NotARange(error.to_string()))?;
            let mut numbers = range
                .comparators
                .iter()
                .flat_map(|one| [one.major, one.minor.unwrap_or_default(), one.patch.unwrap_or_default()]);
            if numbers.any(|number| number > MAX_NUMBER) {
                return Err(VersionError::NumberTooLarge);
            }
            Ok(range)
        };
        let alternatives = text.split("||").map(read).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), alternatives })
    }
}

/// Translates one alternative of a range, in which comparators are separated by blanks.
fn translate(part: &str) -> Result<String, VersionError> {
    let words = words(part);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let [from, "-", to] = words[..] {
        let (from, to) = (Comparator::read(from)?, Comparator::read(to)?);
        if !from.operator.is_empty() || !to.operator.is_empty() {
            return Err(VersionError::NotARange("an operator beside a hyphen".to_owned()));
        }
        let bounds = [from.with(">="), to.with("<=")];
        return Ok(join(bounds.into_iter().flatten()));
    }
    let comparators = words.into_iter().map(|word| Comparator::read(word)?.translate());
    let comparators = comparators.collect::<Result<Vec<_>, _>>()?;
    Ok(join(comparators.into_iter().flatten()))
}

/// Joins comparators, all of which must hold. None at all means any release.
fn join(comparators: impl Iterator<Item = String>) -> String {
    let joined = comparators.collect::<Vec<_>>().join(", ");
    if joined.is_empty() { "*".to_owned() } else { joined }
}

/// Splits at blanks, and joins an operator with the version after it.
fn words(part: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in part.split_whitespace() {
        match words.last_mut().filter(|last| last.ends_with(['<', '>', '=', '~', '^', 'v'])) {
            Some(operator) => operator.push_str(word),
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// An operator and a version of which parts may be missing.
struct Comparator<'a> {
    operator: &'a str,
    /// The version as far as it is given, without wildcards.
    version: &'a str,
    /// How many numbers are given.
    numbers: usize,
}

impl<'a> Comparator<'a> {
    fn read(word: &'a str) -> Result<Self, VersionError> {
        let at = word.find(|c| !matches!(c, '<' | '>' | '=' | '~' | '^')).unwrap_or(word.len());
        let (operator, rest) = word.split_at(at);
        let rest = rest.strip_prefix('v').unwrap_or(rest);
        // Build metadata takes no part in the order.
        let rest = rest.split('+').next().unwrap_or(rest);
        let (core, prerelease) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
        let parts: Vec<&str> = core.split('.').collect();
        let is_wildcard = |part: &&str| matches!(*part, "x" | "X" | "*");
        let numbers = parts.iter().position(is_wildcard).unwrap_or(parts.len());
        let wildcards_to_the_end = parts[numbers..].iter().all(is_wildcard);
        if parts.len() > 3 || !wildcards_to_the_end {
            return Err(VersionError::NotARange(format!("{word:?} is no version or part of one")));
        }
        if prerelease.is_some() && parts.len() < 3 {
            return Err(VersionError::NotARange(format!("{word:?} has a prerelease but not three numbers")));
        }
        // A wildcard hides the prerelease behind it.
        let length = if numbers == 3 { rest.len() } else { parts[..numbers].join(".").len() };
        Ok(Self { operator, version: &rest[..length], numbers })
    }

    fn with(&self, operator: &str) -> Option<String> {
        (self.numbers > 0).then(|| format!("{operator}{}", self.version))
    }

    /// The comparator in the grammar of the crate. `None` if every release satisfies it.
    fn translate(&self) -> Result<Option<String>, VersionError> {
        let operator = match self.operator {
            "~>" => "~",
            operator => operator,
        };
        match (operator, self.numbers) {
            ("" | "=", 0) => Ok(None),
            ("" | "=", 3) => Ok(self.with("=")),
            ("" | "=", _) => Ok(Some(format!("{}.*", self.version))),
            ("<" | ">", 0) => {
                Err(VersionError::NotARange("nothing is below or above every version".to_owned()))
            }
            ("<" | ">" | "<=" | ">=" | "~" | "^", _) => Ok(self.with(operator)),
            _ => Err(VersionError::NotARange(format!("{operator:?} is no operator"))),
        }
    }
}
