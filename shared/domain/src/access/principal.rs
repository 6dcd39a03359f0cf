//! Who is calling, and for whom they may act.

use crate::access::client::ClientId;
use crate::access::rate_limit::Limits;
use crate::access::scope::Scope;
use crate::error::Error;
use crate::primitives::id::{KeyId, UserId};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// What identifies a caller for limits, for its `Idempotency-Key`s and in logs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An API key.
    Key(KeyId),
    /// A user, by a token of its client. Two clients may give their users the same ids.
    User(ClientId, UserId),
    /// Somebody without a credential.
    Address(IpAddr),
}

impl Caller {
    /// Somebody without a credential, who calls from `address`. Of an IPv6 address the first 64 bits
    /// count: that is the least that one subscriber is given.
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
    /// Different for every caller, and without spaces or line breaks.
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
    /// The tenant it belongs to.
    pub client: ClientId,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The one user it may act for; `None` for any user of its client.
    pub user: Option<UserId>,
    /// What limits count it by.
    pub caller: Caller,
    /// The limits that its client has of its own.
    pub limits: Limits,
}

impl Principal {
    /// Passes if the credential has `scope`.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`].
    pub fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        Err(Error::Forbidden(match scope {
            Scope::Chat => "the credential lacks the scope chat",
            Scope::ImagesWrite => "the credential lacks the scope images:write",
            Scope::ImagesRead => "the credential lacks the scope images:read",
            Scope::KeysAdmin => "the credential lacks the scope keys:admin",
            Scope::AddonsAdmin => "the credential lacks the scope addons:admin",
            Scope::ClientsAdmin => "the credential lacks the scope clients:admin",
        }))
    }

    /// Whether it may act for, and see what belongs to, `user`.
    #[must_use]
    pub fn acts_for(&self, user: UserId) -> bool {
        self.user.is_none_or(|own| own == user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_caller() {
        let caller = |text: &str| Caller::from_address(text.parse().unwrap()).to_string();
        assert_eq!(caller("192.0.2.1"), "address:192.0.2.1");
        assert_eq!(caller("::ffff:192.0.2.1"), "address:192.0.2.1");
        assert_eq!(caller("2001:db8:1:2:3::4"), caller("2001:db8:1:2:ffff::1"));
        assert_ne!(caller("2001:db8:1:2::"), caller("2001:db8:1:3::"));
    }
}
