//! The caller of a request, and the users it may act for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::access::client::ClientId;
use crate::access::rate_limit::Limits;
use crate::access::scope::Scope;
use crate::error::Error;
use crate::primitives::id::{KeyId, UserId};
use crate::primitives::named::NamedValue as _;

/// Identifies a caller in rate limits, in idempotency records and in logs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    Key(KeyId),
    /// A user with a token of its client. Two clients may use the same user id, so the client is part of it.
    User(ClientId, UserId),
    /// A caller without a credential.
    Address(IpAddr),
}

impl Caller {
    /// A caller without a credential, at `address`. Only the first 64 bits of an IPv6 address count: one
    /// subscriber has at least a network of that size.
    #[must_use]
    pub fn from_address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => IpAddr::V4(address),
                None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            },
        })
    }
}

impl fmt::Display for Caller {
    /// Writes a text that is different for every caller and has no spaces or line breaks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{id}"),
            Self::User(client, user) => write!(f, "user:{client}:{user}"),
            Self::Address(address) => write!(f, "address:{address}"),
        }
    }
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Principal {
    pub client: ClientId,
    pub scopes: Vec<Scope>,
    /// The only user it may act for. `None`: it may act for any user of its client.
    pub user: Option<UserId>,
    /// The identity that rate limits count.
    pub caller: Caller,
    /// The client's own limits, which replace the default ones.
    pub limits: Limits,
}

impl Principal {
    /// Checks that the credential has `scope`.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] if it does not.
    pub fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        Err(lacks(scope))
    }

    /// Checks that the credential may act for `user`.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] if it may not.
    pub fn require_user(&self, user: UserId) -> Result<(), Error> {
        if self.acts_for(user) {
            return Ok(());
        }
        Err(Error::Forbidden("the credential does not act for this userId".into()))
    }

    /// Whether the caller may act for `user` and see what belongs to that user.
    #[must_use]
    pub fn acts_for(&self, user: UserId) -> bool {
        self.user.is_none_or(|own| own == user)
    }

    /// Whether it may see and change what belongs to `user` of `client`.
    #[must_use]
    pub fn may_access(&self, client: &ClientId, user: UserId) -> bool {
        self.client == *client && self.acts_for(user)
    }
}

/// Returns the error of a credential that lacks `scope`.
#[must_use]
pub fn lacks(scope: Scope) -> Error {
    Error::Forbidden(format!("the credential lacks the scope {}", scope.as_str()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_caller_is_one_per_subscriber() {
        let caller = |text: &str| Caller::from_address(text.parse().unwrap()).to_string();
        assert_eq!(caller("192.0.2.1"), "address:192.0.2.1");
        assert_eq!(caller("::ffff:192.0.2.1"), "address:192.0.2.1");
        assert_eq!(caller("2001:db8:1:2:3::4"), caller("2001:db8:1:2:ffff::1"));
        assert_ne!(caller("2001:db8:1:2::"), caller("2001:db8:1:3::"));
    }
}
