//! Scopes: the rights of a credential.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::client::ClientId;
use crate::primitives::named::{NamedValue as _, named_values};

named_values! {
    /// One thing that a credential may allow.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    pub enum Scope {
        /// Chat.
        Chat = "chat",
        /// Start and cancel image jobs.
        ImagesWrite = "images:write",
        /// See image jobs.
        ImagesRead = "images:read",
        /// Manage the keys of the own client.
        KeysAdmin = "keys:admin",
        /// Publish addons. Only for keys of the operator.
        AddonsAdmin = "addons:admin",
        /// Manage every client. Only for keys of the operator.
        ClientsAdmin = "clients:admin",
    }
}

impl Scope {
    /// Whether the scope is for administration. No token that this deployment issues has such a scope.
    #[must_use]
    pub const fn is_admin(self) -> bool {
        match self {
            Self::KeysAdmin | Self::AddonsAdmin | Self::ClientsAdmin => true,
            Self::Chat | Self::ImagesWrite | Self::ImagesRead => false,
        }
    }

    /// Whether the scope acts across clients, so that only the operator's keys may have it.
    #[must_use]
    pub const fn is_operators(self) -> bool {
        match self {
            Self::AddonsAdmin | Self::ClientsAdmin => true,
            Self::Chat | Self::ImagesWrite | Self::ImagesRead | Self::KeysAdmin => false,
        }
    }

    /// Whether a key of `client` may have the scope.
    #[must_use]
    pub fn allowed_for(self, client: &ClientId) -> bool {
        !self.is_operators() || client.as_str() == ClientId::OPERATOR
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::from_name(text).ok_or(UnknownScope)
    }
}

/// The text names no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownScope;

impl fmt::Display for UnknownScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be one of {}", Scope::names())
    }
}

impl std::error::Error for UnknownScope {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_across_clients_are_for_the_operator_only() {
        let (operator, acme) = ("operator".parse().unwrap(), "acme".parse().unwrap());
        assert!(Scope::ClientsAdmin.allowed_for(&operator));
        assert!(!Scope::ClientsAdmin.allowed_for(&acme));
        assert!(!Scope::AddonsAdmin.allowed_for(&acme));
        assert!(Scope::KeysAdmin.allowed_for(&acme));
    }
}
