//! Who is calling, and what they may do.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::client::ClientId;
use crate::error::Error;
use crate::id::{KeyId, UserId};
use crate::limit::Limits;
use crate::secret::Secret;
use crate::timestamp::Timestamp;

/// Never change this: keys that are out there begin with it, and secret scanners look for it.
const PREFIX: &str = "sk_";
const ID_LENGTH: usize = 32;
const SECRET_BYTES: usize = 32;
/// 32 bytes in base64 without padding.
const SECRET_LENGTH: usize = 43;

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

/// An API key as its holder sends it: `sk_`, the key's id, its secret.
#[derive(Clone)]
pub struct ApiKey {
    id: KeyId,
    text: Secret,
}

impl ApiKey {
    /// A new key, its secret from the operating system's generator.
    #[must_use]
    pub fn generate() -> Self {
        let id = KeyId::new();
        let secret: [u8; SECRET_BYTES] = rand::random();
        let text = format!("{PREFIX}{}{}", id.uuid().simple(), URL_SAFE_NO_PAD.encode(secret));
        Self { id, text: Secret::new(text) }
    }

    /// The public half, by which its row is found.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The whole key. To be shown once, and never stored.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// What is stored in its place. A plain SHA-256 is enough for a secret of 256 random bits.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.expose().as_bytes()).into())
    }
}

/// The text has not the form of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct NotAKey;

impl FromStr for ApiKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let rest = text.strip_prefix(PREFIX).ok_or(NotAKey)?;
        let (id, secret) = rest.split_at_checked(ID_LENGTH).ok_or(NotAKey)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if secret.len() != SECRET_LENGTH || !secret.bytes().all(plain) {
            return Err(NotAKey);
        }
        let id = Uuid::try_parse(id).map_err(|_| NotAKey)?;
        Ok(Self { id: KeyId::from_uuid(id), text: Secret::new(text) })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id)
    }
}

/// The SHA-256 of a whole API key, in hex where it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Whether both are the same, in a time that does not tell where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        crate::image::hex(&hash.0)
    }
}

impl TryFrom<String> for KeyHash {
    type Error = NotAKey;
    fn try_from(text: String) -> Result<Self, NotAKey> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(NotAKey);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotAKey)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAKey)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// What is stored of an API key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRecord {
    /// The public half.
    pub id: KeyId,
    /// What the secret half is checked against.
    pub hash: KeyHash,
    /// Whose key it is.
    pub client_id: ClientId,
    /// A name for people.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is no longer good, if ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl KeyRecord {
    /// The caller that `key` stands for, if it is this key and still good.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`], whatever is wrong with it: a caller learns nothing of a key it does not hold.
    pub fn admit(&self, key: &ApiKey, now: Timestamp) -> Result<Principal, Error> {
        if !self.hash.matches(&key.hash()) || !self.is_good(now) {
            return Err(Error::Unauthorized);
        }
        Ok(Principal {
            client: self.client_id.clone(),
            scopes: self.scopes.clone(),
            user: None,
            caller: Caller::Key(self.id),
            limits: Limits::default(),
        })
    }
}

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

    fn record(key: &ApiKey) -> KeyRecord {
        KeyRecord {
            id: key.id(),
            hash: key.hash(),
            client_id: "acme".parse().unwrap(),
            name: "test".into(),
            scopes: vec![Scope::Chat],
            created_at: Timestamp::from_millis(0),
            expires_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_is_read_back_and_shows_nothing_of_its_secret() {
        let key = ApiKey::generate();
        let again: ApiKey = key.expose().parse().unwrap();
        assert_eq!(again.id(), key.id());
        assert!(again.hash().matches(&key.hash()));
        assert!(!format!("{key:?}").contains(&key.expose()[PREFIX.len() + ID_LENGTH..]));
    }

    #[test]
    fn other_texts_are_no_keys() {
        let key = ApiKey::generate();
        let text = key.expose();
        let long = format!("{text}A");
        for bad in
            ["", "sk_", "sk_é", &text[1..], &text[..text.len() - 1], &long, &text.replace("sk_", "pk_")]
        {
            assert!(bad.parse::<ApiKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_very_key_is_admitted_and_only_while_it_is_good() {
        let (key, now) = (ApiKey::generate(), Timestamp::from_millis(1000));
        let good = record(&key);
        assert!(good.admit(&key, now).is_ok());

        let mut other = key.expose().to_owned();
        let last = if other.pop() == Some('A') { 'B' } else { 'A' };
        other.push(last);
        assert!(good.admit(&other.parse().unwrap(), now).is_err());

        assert!(KeyRecord { expires_at: Some(now), ..record(&key) }.admit(&key, now).is_err());
        assert!(KeyRecord { revoked_at: Some(now), ..record(&key) }.admit(&key, now).is_err());
    }

    #[test]
    fn one_subscriber_is_one_caller() {
        let caller = |text: &str| Caller::from_address(text.parse().unwrap()).to_string();
        assert_eq!(caller("192.0.2.1"), "address:192.0.2.1");
        assert_eq!(caller("::ffff:192.0.2.1"), "address:192.0.2.1");
        assert_eq!(caller("2001:db8:1:2:3::4"), caller("2001:db8:1:2:ffff::1"));
        assert_ne!(caller("2001:db8:1:2::"), caller("2001:db8:1:3::"));
    }

    #[test]
    fn only_the_operator_may_act_across_clients() {
        let (operator, acme) = ("operator".parse().unwrap(), "acme".parse().unwrap());
        assert!(Scope::ClientsAdmin.allowed_for(&operator));
        assert!(!Scope::ClientsAdmin.allowed_for(&acme));
        assert!(!Scope::AddonsAdmin.allowed_for(&acme));
        assert!(Scope::KeysAdmin.allowed_for(&acme));
    }
}
