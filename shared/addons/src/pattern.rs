//! Match patterns, as Chromium 156 reads them in `chrome.userScripts.register`.
//!
//! The rules were measured, not taken from the documentation: `tests/data/chrome-match-patterns.json` has what
//! Chromium accepts and which pages each pattern matches.

pub mod host;
mod overlap;
pub mod path;

use std::fmt;
use std::str::FromStr;

use url::Url;

use self::host::HostPattern;
use self::path::PathPattern;

/// Why a pattern is refused, in Chromium's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("Missing scheme separator.")]
    MissingSchemeSeparator,
    #[error("Invalid scheme.")]
    InvalidScheme,
    #[error("Wrong scheme type.")]
    WrongSchemeType,
    #[error("Host can not be empty.")]
    EmptyHost,
    #[error("Invalid host wildcard.")]
    InvalidHostWildcard,
    #[error("Invalid host.")]
    InvalidHost,
    #[error("Invalid port.")]
    InvalidPort,
    #[error("Empty path.")]
    EmptyPath,
}

/// A pattern of URLs. `Display` writes it as Chromium stores it.
///
/// ```
/// use addons::pattern::{MatchPattern, PatternError};
///
/// let pattern: MatchPattern = "https://*.example.com/docs/*".parse()?;
/// assert!(pattern.matches(&"https://www.example.com:8443/docs/a".parse().unwrap()));
/// assert!(!pattern.matches(&"https://example.com/".parse().unwrap()));
/// assert_eq!("*://example.com:8080/*".parse::<MatchPattern>(), Err(PatternError::InvalidPort));
/// # Ok::<(), PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchPattern {
    /// `<all_urls>`.
    AllUrls,
    /// Local files. They have no host.
    File(PathPattern),
    /// Pages of a server.
    Server(ServerPattern),
    /// `uuid-in-package:` and a path. Chromium accepts it, but such a resource is never a page.
    UuidInPackage(PathPattern),
}

/// The pattern of a server's pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerPattern {
    scheme: Scheme,
    host: HostPattern,
    /// As written: `0443` is accepted, and matches nothing. `None` is any port.
    port: Option<String>,
    path: PathPattern,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// `*`, which is http or https.
    Any,
    Http,
    Https,
    Ftp,
}

impl Scheme {
    const ALL: [Self; 4] = [Self::Any, Self::Http, Self::Https, Self::Ftp];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "*",
            Self::Http => "http",
            Self::Https => "https",
            Self::Ftp => "ftp",
        }
    }

    fn matches(self, scheme: &str) -> bool {
        match self {
            Self::Any => matches!(scheme, "http" | "https"),
            Self::Http | Self::Https | Self::Ftp => self.as_str() == scheme,
        }
    }
}

const ALL_URLS: &str = "<all_urls>";
const FILE: &str = "file";
const UUID_IN_PACKAGE: &str = "uuid-in-package";

impl MatchPattern {
    /// Reads a domain pattern: a match pattern, or `example.com` for that host on http and https and on any
    /// port, or `*.example.com` for that host and its subdomains.
    ///
    /// # Errors
    ///
    /// If it is neither, with Chromium's reason.
    pub fn parse_domain(text: &str) -> Result<Self, PatternError> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let is_address = name.starts_with('[');
        let is_bare =
            !name.is_empty() && !name.contains(['/', '<', '*', ' ']) && (is_address || !name.contains(':'));
        if is_bare { format!("*://{text}/*").parse() } else { text.parse() }
    }

    /// Whether a script with this pattern runs on the page. Pages that are neither on a server nor a local file
    /// have no scripts, so that `<all_urls>` does not match `about:blank`.
    #[must_use]
    pub fn matches(&self, page: &Url) -> bool {
        match self {
            Self::AllUrls => matches!(page.scheme(), "http" | "https" | FILE),
            Self::File(path) => page.scheme() == FILE && path.matches(page),
            Self::Server(server) => server.matches(page),
            Self::UuidInPackage(_) => false,
        }
    }

    /// Whether the pattern matches pages of this host, on any scheme, port and path.
    ///
    /// `host` is a name or an IP address as in a URL; one that is neither matches nothing.
    #[must_use]
    pub fn matches_host(&self, host: &str) -> bool {
        match self {
            Self::AllUrls => host::canonical(host).is_ok(),
            Self::File(_) | Self::UuidInPackage(_) => false,
            Self::Server(server) => host::canonical(host).is_ok_and(|host| server.host.matches(&host)),
        }
    }

    /// Whether it matches some page on every host on which `other` matches one. Schemes, ports and paths take no part.
    #[must_use]
    pub fn covers_hosts_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::AllUrls, _) => true,
            (Self::Server(own), Self::AllUrls) => own.host.is_any(),
            (Self::Server(own), Self::Server(other)) => own.host.covers(&other.host),
            (Self::File(_), Self::File(_)) => true,
            (Self::Server(_) | Self::File(_) | Self::UuidInPackage(_), _) => false,
        }
    }

    /// Returns the pattern, or if it is for every host, the same for `domain` and its subdomains alone.
    ///
    /// # Errors
    ///
    /// If `domain` is no host.
    pub fn within(&self, domain: &str) -> Result<Self, PatternError> {
        let host = HostPattern::of_domain(domain)?;
        Ok(match self {
            Self::AllUrls => Self::Server(ServerPattern {
                scheme: Scheme::Any,
                host,
                port: None,
                path: PathPattern::new("/*"),
            }),
            Self::Server(server) if server.host.is_any() => {
                Self::Server(ServerPattern { host, ..server.clone() })
            }
            Self::Server(_) | Self::File(_) | Self::UuidInPackage(_) => self.clone(),
        })
    }

    /// Hosts by which patterns can be told apart: whatever host there is, one of all patterns' examples is matched by
    /// the same patterns.
    #[must_use]
    pub fn example_hosts(&self) -> Vec<String> {
        match self {
            Self::AllUrls => HostPattern::any().examples(),
            Self::Server(server) => server.host.examples(),
            Self::File(_) | Self::UuidInPackage(_) => Vec::new(),
        }
    }
}

/// Returns the canonical form of a host name or an address, as URLs have it, without dots at its end.
///
/// # Errors
///
/// If it is neither.
pub fn canonical_host(host: &str) -> Result<String, PatternError> {
    host::canonical(host)
}

impl ServerPattern {
    fn matches(&self, page: &Url) -> bool {
        self.scheme.matches(page.scheme())
            && self.host.matches(page.host_str().unwrap_or_default())
            && self.port.as_ref().is_none_or(|port| {
                page.port_or_known_default().is_some_and(|actual| *port == actual.to_string())
            })
            && self.path.matches(page)
    }
}

impl FromStr for MatchPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text == ALL_URLS {
            return Ok(Self::AllUrls);
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme, Some(rest)),
            None => (text.split_once(':').ok_or(PatternError::MissingSchemeSeparator)?.0, None),
        };
        if scheme == FILE {
            let rest = rest.ok_or(PatternError::WrongSchemeType)?;
            // What stands in place of a host is ignored.
            let path = rest.find('/').map(|at| &rest[at..]);
            let path = path.or_else(|| (rest == "*").then_some("/*")).ok_or(PatternError::EmptyPath)?;
            return Ok(Self::File(PathPattern::new(path)));
        }
        if scheme == UUID_IN_PACKAGE {
            let path = &text[UUID_IN_PACKAGE.len() + 1..];
            return if rest.is_some() {
                Err(PatternError::WrongSchemeType)
            } else {
                Ok(Self::UuidInPackage(PathPattern::new(path)))
            };
        }
        let scheme = Scheme::ALL.into_iter().find(|known| known.as_str() == scheme);
        let scheme = scheme.ok_or(PatternError::InvalidScheme)?;
        let rest = rest.ok_or(PatternError::WrongSchemeType)?;
        if rest.is_empty() || rest.starts_with('/') {
            return Err(PatternError::EmptyHost);
        }
        let at = rest.find('/').ok_or(PatternError::EmptyPath)?;
        let (authority, path) = rest.split_at(at);
        let (host, port) = split_port(authority);
        let port = port.map(|port| read_port(port, scheme)).transpose()?.flatten();
        if host.is_empty() {
            return Err(PatternError::EmptyHost);
        }
        Ok(Self::Server(ServerPattern {
            scheme,
            host: HostPattern::parse(host)?,
            port,
            path: PathPattern::new(path),
        }))
    }
}

/// Splits `host:port` at the first colon that is not in an IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let address = match authority.strip_prefix('[').map(|inside| inside.find(']')) {
        Some(None) => return (authority, None),
        Some(Some(end)) => end + 1,
        None => 0,
    };
    match authority[address..].find(':') {
        Some(at) => (&authority[..address + at], Some(&authority[address + at + 1..])),
        None => (authority, None),
    }
}

/// Reads the port after the colon. `None` is any port.
fn read_port(port: &str, scheme: Scheme) -> Result<Option<String>, PatternError> {
    if port == "*" {
        return Ok(None);
    }
    let is_port = port.parse::<u16>().is_ok();
    if is_port && scheme != Scheme::Any { Ok(Some(port.to_owned())) } else { Err(PatternError::InvalidPort) }
}

impl fmt::Display for MatchPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllUrls => f.write_str(ALL_URLS),
            Self::File(path) => write!(f, "{FILE}://{path}"),
            Self::UuidInPackage(path) => write!(f, "{UUID_IN_PACKAGE}:{path}"),
            Self::Server(ServerPattern { scheme, host, port, path }) => {
                write!(f, "{}://{host}", scheme.as_str())?;
                port.iter().try_for_each(|port| write!(f, ":{port}"))?;
                write!(f, "{path}")
            }
        }
    }
}
