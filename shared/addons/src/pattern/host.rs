//! The host of a match pattern.

use std::fmt;

use url::Host;

use super::PatternError;

/// A host, or a host with all its subdomains, or any host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// In canonical form without the dots at its end. Empty for any host.
    name: String,
    /// The dots at the end, which take no part in matching.
    dots: usize,
    subdomains: bool,
}

/// Returns the canonical form of a host: lower case, Punycode, usual form of an address, as in a URL, without
/// dots at its end.
pub(super) fn canonical(host: &str) -> Result<String, PatternError> {
    let host = Host::parse(host).map_err(|_| PatternError::InvalidHost)?.to_string();
    Ok(host.trim_end_matches('.').to_owned())
}

fn is_address(host: &str) -> bool {
    matches!(Host::parse(host), Ok(Host::Ipv4(_) | Host::Ipv6(_)))
}

impl HostPattern {
    pub(super) fn parse(host: &str) -> Result<Self, PatternError> {
        if host == "*" {
            return Ok(Self::any());
        }
        let (name, subdomains) = host.strip_prefix("*.").map_or((host, false), |name| (name, true));
        if name.is_empty() || name == "[]" {
            return Err(PatternError::EmptyHost);
        }
        if name.contains('*') {
            return Err(PatternError::InvalidHostWildcard);
        }
        let whole = Host::parse(name).map_err(|_| PatternError::InvalidHost)?.to_string();
        let name = whole.trim_end_matches('.').to_owned();
        Ok(Self { dots: whole.len() - name.len(), name, subdomains })
    }

    /// `host` is in canonical form, with or without dots at its end.
    pub(super) fn matches(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        let is_subdomain = || {
            let parent = host.strip_suffix(&self.name).and_then(|rest| rest.strip_suffix('.'));
            parent.is_some_and(|parent| !parent.is_empty()) && !is_address(host)
        };
        host == self.name || self.subdomains && (self.name.is_empty() || is_subdomain())
    }
}

impl HostPattern {
    /// Whether it matches every host that `other` matches.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self.subdomains, other.subdomains) {
            _ if self.is_any() => true,
            _ if other.is_any() => false,
            (true, true) => self.name == other.name || self.matches(&other.name),
            (true, false) => self.matches(&other.name),
            (false, true) => false,
            (false, false) => self.name == other.name,
        }
    }

    /// The pattern of every host.
    pub(super) const fn any() -> Self {
        Self { name: String::new(), dots: 0, subdomains: true }
    }

    /// Whether it matches every host.
    pub(super) fn is_any(&self) -> bool {
        self.subdomains && self.name.is_empty()
    }

    /// The pattern of this host and its subdomains; of an address, of this address alone.
    pub(super) fn of_domain(host: &str) -> Result<Self, PatternError> {
        let name = canonical(host)?;
        Ok(Self { subdomains: !is_address(&name), name, dots: 0 })
    }

    /// Hosts such that two patterns that match the same of all patterns' hosts match the same of all hosts: the name
    /// itself, and one of its subdomains that no other pattern names.
    pub(super) fn examples(&self) -> Vec<String> {
        match (self.subdomains, self.name.is_empty()) {
            (true, true) => vec![UNNAMED.to_owned()],
            (true, false) => vec![self.name.clone(), format!("{UNNAMED}.{}", self.name)],
            (false, _) => vec![self.name.clone()],
        }
    }
}

/// A label that no pattern names.
const UNNAMED: &str = "a-host-that-no-pattern-names";

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wildcard = match (self.subdomains, self.name.is_empty()) {
            (true, true) => "*",
            (true, false) => "*.",
            (false, _) => "",
        };
        // A name may hold an asterisk only if it was written as `%2A`.
        write!(f, "{wildcard}{}{}", self.name.replace('*', "%2A"), ".".repeat(self.dots))
    }
}
