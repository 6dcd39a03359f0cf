//! What a credential allows.

use crate::access::client::ClientId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// One thing that a credential may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Scope {
    /// Chat.
    #[serde(rename = "chat")]
    Chat,
    /// Start and cancel image jobs.
    #[serde(rename = "images:write")]
    ImagesWrite,
    /// See image jobs.
    #[serde(rename = "images:read")]
    ImagesRead,
    /// Manage the keys of the own client.
    #[serde(rename = "keys:admin")]
    KeysAdmin,
    /// Publish addons. Only for keys of the operator.
    #[serde(rename = "addons:admin")]
    AddonsAdmin,
    /// Manage every client. Only for keys of the operator.
    #[serde(rename = "clients:admin")]
    ClientsAdmin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::Chat,
        Self::ImagesWrite,
        Self::ImagesRead,
        Self::KeysAdmin,
        Self::AddonsAdmin,
        Self::ClientsAdmin,
    ];

    /// The word for it on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::ImagesWrite => "images:write",
            Self::ImagesRead => "images:read",
            Self::KeysAdmin => "keys:admin",
            Self::AddonsAdmin => "addons:admin",
            Self::ClientsAdmin => "clients:admin",
        }
    }

    /// Whether it is one to manage with, which no token that we issue ever has.
    #[must_use]
    pub const fn is_admin(self) -> bool {
        match self {
            Self::KeysAdmin | Self::AddonsAdmin | Self::ClientsAdmin => true,
            Self::Chat | Self::ImagesWrite | Self::ImagesRead => false,
        }
    }

    /// Whether it acts across clients, so that only the operator's keys may have it.
    #[must_use]
    pub const fn is_operators(self) -> bool {
        match self {
            Self::AddonsAdmin | Self::ClientsAdmin => true,
            Self::Chat | Self::ImagesWrite | Self::ImagesRead | Self::KeysAdmin => false,
        }
    }

    /// Whether a key of `client` may have it.
    #[must_use]
    pub fn allowed_for(self, client: &ClientId) -> bool {
        !self.is_operators() || client.as_str() == ClientId::OPERATOR
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}

/// The word names no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of chat, images:write, images:read, keys:admin, addons:admin, clients:admin")]
pub struct UnknownScope;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_operator_may_act_across_clients() {
        let (operator, acme) = ("operator".parse().unwrap(), "acme".parse().unwrap());
        assert!(Scope::ClientsAdmin.allowed_for(&operator));
        assert!(!Scope::ClientsAdmin.allowed_for(&acme));
        assert!(!Scope::AddonsAdmin.allowed_for(&acme));
        assert!(Scope::KeysAdmin.allowed_for(&acme));
    }
}
