//! Which URLs and which addresses a client may connect to.

use std::net::IpAddr;

use domain::primitives::{AddressScope, address_scope, unwrapped, usable_port};
use url::{Host, Url};

/// What a client may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressPolicy {
    /// For URLs that the operator configured: any network, also over plain `http:`.
    Trusted,
    /// For URLs from an untrusted source: only `https:` to global addresses.
    PublicOnly,
    /// For URLs from an untrusted source on a developer's machine: as [`Self::PublicOnly`], and also
    /// `http:` and `https:` to loopback.
    PublicOrLoopback,
}

/// Why the policy forbids a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyViolation {
    /// The scheme is not permitted: `http:` is so only under some policies, others than `http:` and
    /// `https:` never.
    #[error("only https is allowed")]
    Scheme,
    /// The URL contains a user or a password.
    #[error("a user and password in the URL are not allowed")]
    UserInfo,
    #[error("the URL names no host")]
    Host,
    /// The port is 0.
    #[error("the port is not allowed")]
    Port,
    /// The host is a forbidden address, or a name that resolves to forbidden addresses only.
    #[error("the address is not allowed")]
    Address,
}

/// Where the Lambda runtime API listens. A client that reached it could answer in the function's place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RuntimeApi {
    host: String,
    port: u16,
}

impl RuntimeApi {
    /// Parses `host:port`, the format of `AWS_LAMBDA_RUNTIME_API`.
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(&format!("http://{text}")).ok()?;
        let host = without_trailing_dot(url.host_str()?).to_owned();
        Some(Self { host, port: url.port_or_known_default()? })
    }

    fn address(&self) -> Option<IpAddr> {
        self.host.trim_matches(['[', ']']).parse().ok()
    }

    fn is_on_this_machine(&self) -> bool {
        self.host == LOCALHOST || self.address().is_some_and(is_this_machine)
    }
}

const LOCALHOST: &str = "localhost";

/// Removes the dot that marks a fully qualified name: `localhost.` is `localhost`.
fn without_trailing_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Whether connecting to the address connects to this machine. The unspecified address does on Linux.
fn is_this_machine(address: IpAddr) -> bool {
    let address = unwrapped(address);
    address_scope(address) == AddressScope::Loopback || address.is_unspecified()
}

/// Checks URLs and addresses against a policy.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    policy: EgressPolicy,
    runtime: Option<RuntimeApi>,
    /// Whether this guard checks addresses for URLs with the port of the runtime API, which must not lead to
    /// this machine.
    at_runtime_port: bool,
}

impl Guard {
    pub(crate) fn new(policy: EgressPolicy) -> Self {
        let runtime = std::env::var("AWS_LAMBDA_RUNTIME_API").ok();
        Self::with_runtime_api(policy, runtime.as_deref())
    }

    fn with_runtime_api(policy: EgressPolicy, runtime: Option<&str>) -> Self {
        Self { policy, runtime: runtime.and_then(RuntimeApi::parse), at_runtime_port: false }
    }

    /// Returns the guard for URLs with the port of the runtime API; none if that port makes no difference. A
    /// guard of its own is needed because a resolver does not learn the port.
    pub(crate) fn for_runtime_port(&self) -> Option<Self> {
        let local = self.runtime.as_ref().is_some_and(RuntimeApi::is_on_this_machine);
        local.then(|| Self { at_runtime_port: true, ..self.clone() })
    }

    /// Whether the URL has the port of the runtime API.
    pub(crate) fn has_runtime_port(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        self.runtime.as_ref().is_some_and(|runtime| port == Some(runtime.port))
    }

    /// Checks everything about a URL that can be checked before its host name is resolved.
    pub(crate) fn check(&self, url: &Url) -> Result<(), PolicyViolation> {
        let untrusted = self.policy != EgressPolicy::Trusted;
        let host = url.host().ok_or(PolicyViolation::Host)?;
        let local = match host {
            Host::Domain(name) => name == LOCALHOST,
            Host::Ipv4(address) => is_this_machine(address.into()),
            Host::Ipv6(address) => is_this_machine(address.into()),
        };
        match (url.scheme(), self.policy) {
            ("https", _) | ("http", EgressPolicy::Trusted) => {}
            ("http", EgressPolicy::PublicOrLoopback) if local => {}
            _ => return Err(PolicyViolation::Scheme),
        }
        if untrusted && !(url.username().is_empty() && url.password().is_none()) {
            return Err(PolicyViolation::UserInfo);
        }
        let port = usable_port(url).ok_or(PolicyViolation::Port)?;
        if self.is_runtime_api(&host, port) {
            return Err(PolicyViolation::Address);
        }
        let allowed = match host {
            // The guarded resolver checks its addresses.
            Host::Domain(_) => true,
            Host::Ipv4(address) => self.allows(None, address.into()),
            Host::Ipv6(address) => self.allows(None, address.into()),
        };
        if allowed { Ok(()) } else { Err(PolicyViolation::Address) }
    }

    /// Whether host and port are those of the runtime API, as far as the URL shows it: other names for this
    /// machine are detected when they are resolved.
    fn is_runtime_api(&self, host: &Host<&str>, port: u16) -> bool {
        let Some(runtime) = &self.runtime else { return false };
        let (same, local) = match host {
            Host::Domain(name) => {
                (without_trailing_dot(name) == runtime.host, without_trailing_dot(name) == LOCALHOST)
            }
            Host::Ipv4(address) => {
                (self.is_runtime_host((*address).into()), is_this_machine((*address).into()))
            }
            Host::Ipv6(address) => {
                (self.is_runtime_host((*address).into()), is_this_machine((*address).into()))
            }
        };
        same && (port == runtime.port || !runtime.is_on_this_machine())
            || local && runtime.is_on_this_machine() && port == runtime.port
    }

    /// Whether `address` may be connected to. `name` is the host name that resolved to it; none for an IP
    /// literal.
    pub(crate) fn allows(&self, name: Option<&str>, address: IpAddr) -> bool {
        let scope = address_scope(address);
        if scope == AddressScope::Never
            || self.is_runtime_host(address)
            || self.at_runtime_port && is_this_machine(address)
        {
            return false;
        }
        match self.policy {
            EgressPolicy::Trusted => true,
            EgressPolicy::PublicOnly => scope == AddressScope::Global,
            // Any other name that resolves to loopback stays forbidden, since an untrusted source may own
            // it. Only `localhost` and IP literals show that loopback is meant.
            EgressPolicy::PublicOrLoopback => match name {
                Some(LOCALHOST) => scope == AddressScope::Loopback,
                Some(_) => scope == AddressScope::Global,
                None => scope == AddressScope::Global || scope == AddressScope::Loopback,
            },
        }
    }

    /// Whether the address is the host of a runtime API on another machine, where all ports are forbidden. On
    /// this machine only the port of the runtime API is.
    fn is_runtime_host(&self, address: IpAddr) -> bool {
        self.runtime.as_ref().is_some_and(|runtime| {
            !runtime.is_on_this_machine() && runtime.address().map(unwrapped) == Some(unwrapped(address))
        })
    }
}

#[cfg(test)]
mod tests;
