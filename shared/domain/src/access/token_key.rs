//! The signing keys of the tokens that this deployment issues.

use std::fmt;

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

use crate::access::client::ClientId;
use crate::primitives::secret::Secret;

/// The prefix of the `kid` of every signing key of this deployment. No key of another issuer may have it.
pub const KID_PREFIX: &str = "semantest.";

/// How many bytes of the master secret's SHA-256 identify it in a `kid`.
const MASTER_ID_BYTES: usize = 4;

/// The key that signs the tokens for the users of one client (HMAC-SHA256).
///
/// Each client has its own key, so that the client of a token follows from the key that signed it, and
/// never from a claim in the token.
#[derive(Clone)]
pub struct TokenKey {
    kid: String,
    secret: [u8; 32],
}

impl TokenKey {
    /// Derives the key of `client` from the deployment's master secret (HKDF-SHA256, RFC 5869).
    #[must_use]
    pub fn derive(master: &Secret, client: &ClientId) -> Self {
        let digest = Sha256::digest(master.expose().as_bytes());
        let master_id = crate::primitives::hash::hex(&digest[..MASTER_ID_BYTES]);
        let mut secret = [0; 32];
        let hkdf = Hkdf::<Sha256>::new(None, master.expose().as_bytes());
        // `expand` fails only for an output longer than 255 times the length of the hash.
        if hkdf.expand(format!("semantest token key v1 {client}").as_bytes(), &mut secret).is_err() {
            unreachable!("32 bytes are within HKDF's bound");
        }
        Self { kid: format!("{KID_PREFIX}{master_id}.{client}"), secret }
    }

    /// The `kid` in a token's header: `semantest.<id of the master secret>.<client>`.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The 32 secret bytes of the key.
    #[must_use]
    pub const fn expose(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({})", self.kid)
    }
}

/// The client in `kid`, if `kid` has the form of a signing key of this deployment.
#[must_use]
pub fn client_of_kid(kid: &str) -> Option<ClientId> {
    let (_, client) = kid.strip_prefix(KID_PREFIX)?.split_once('.')?;
    client.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_key_differs_by_client_and_by_master_secret() {
        let (master, other) = (Secret::new("m"), Secret::new("n"));
        let (acme, apex) = ("acme".parse().unwrap(), "apex".parse().unwrap());
        let keys = [
            TokenKey::derive(&master, &acme),
            TokenKey::derive(&master, &apex),
            TokenKey::derive(&other, &acme),
        ];
        let kids: std::collections::BTreeSet<_> = keys.iter().map(TokenKey::kid).collect();
        let secrets: std::collections::BTreeSet<_> = keys.iter().map(TokenKey::expose).collect();
        assert_eq!((kids.len(), secrets.len()), (3, 3));
        assert_eq!(TokenKey::derive(&master, &acme).expose(), keys[0].expose());
        assert!(!format!("{:?}", keys[0]).contains("secret"));
    }

    #[test]
    fn client_of_kid_reads_only_kids_of_this_deployment() {
        let client: ClientId = "acme.eu-1".parse().unwrap();
        assert_eq!(client_of_kid(TokenKey::derive(&Secret::new("m"), &client).kid()), Some(client));
        for other in
            ["", "semantest.", "semantest.1234", "semantest.1234.", "semantest.1234.Ä", "mine.1234.a"]
        {
            assert_eq!(client_of_kid(other), None, "{other}");
        }
    }
}
