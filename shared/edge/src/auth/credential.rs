//! Authentication by API key or token.

use domain::access::{ApiKey, KeyStore, Principal};
use domain::{Error, Timestamp};
use http::HeaderMap;

use crate::auth::jwt::TokenKeys;

/// Authenticates the caller by `X-API-Key` (an API key) or `Authorization: Bearer` (an API key or a token),
/// and loads its client's limits. If both headers are sent, only `X-API-Key` is read: a caller with an
/// invalid key is refused, even if its `Authorization` header is valid.
///
/// # Errors
///
/// [`Error::Unauthorized`] for a missing or invalid credential, [`Error::Unavailable`] if it cannot be looked
/// up.
pub async fn authenticate(
    headers: &HeaderMap,
    keys: &dyn KeyStore,
    tokens: &TokenKeys<'_>,
    now: Timestamp,
) -> Result<Principal, Error> {
    let credential = credential(headers).ok_or(Error::Unauthorized)?;
    let mut caller = match credential {
        Credential::Key(key) => keys.find(key.id()).await?.ok_or(Error::Unauthorized)?.admit(&key, now)?,
        Credential::Token(token) => tokens.admit(token, now).await?,
    };
    caller.limits = keys.limits(&caller.client).await?;
    Ok(caller)
}

/// Returns whether the request has a credential, valid or not.
#[must_use]
pub fn has_credential(headers: &HeaderMap) -> bool {
    headers.contains_key("x-api-key") || headers.contains_key(http::header::AUTHORIZATION)
}

enum Credential<'a> {
    Key(ApiKey),
    Token(&'a str),
}

fn credential(headers: &HeaderMap) -> Option<Credential<'_>> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(Credential::Key(key.to_str().ok()?.parse().ok()?));
    }
    // RFC 9110, section 11.1: the scheme's name is case-insensitive.
    let (scheme, text) = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let text = scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())?;
    // A token contains dots; an API key never does.
    match text.contains('.') {
        true => Some(Credential::Token(text)),
        false => Some(Credential::Key(text.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use domain::UserId;
    use domain::access::{ClientId, Endpoint, Limits, Scope};
    use testkit::{KeptSecret, Memory};

    const KEYS: &str = r#"{"master":"a-master-secret-of-32-bytes-or-more"}"#;

    fn headers<const N: usize>(all: [(&'static str, &str); N]) -> HeaderMap {
        all.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[tokio::test]
    async fn credential_in_either_header_is_accepted() {
        let (store, secret, now) = (Memory::new(), KeptSecret::new(KEYS), Timestamp::now());
        let (key, record) = testkit::api_key("acme", &[Scope::Chat]);
        store.put_key(record);
        let tokens = TokenKeys::new(&secret);
        let who = async |name: &'static str, value: &str| {
            authenticate(&headers([(name, value)]), &store, &tokens, now).await.map(|caller| caller.user)
        };
        let text = key.expose();
        assert_eq!(who("x-api-key", text).await.unwrap(), None);
        assert_eq!(who("authorization", &format!("Bearer {text}")).await.unwrap(), None);
        assert_eq!(who("authorization", &format!("bearer  {text} ")).await.unwrap(), None);
        for (name, value) in [("authorization", format!("Basic {text}")), ("cookie", text.to_owned())] {
            assert!(matches!(who(name, &value).await, Err(Error::Unauthorized)), "{name}");
        }
        assert!(matches!(who("authorization", text).await, Err(Error::Unauthorized)));
        assert_eq!(secret.reads(), 0, "a caller with an API key never waits for the token keys");

        let (client, user) = ("acme".parse().unwrap(), UserId::new());
        let ends = now + Duration::from_secs(60);
        let token = tokens.issue(&client, user, &[Scope::Chat], now, ends).await.unwrap();
        assert_eq!(who("authorization", &format!("Bearer {token}")).await.unwrap(), Some(user));
        assert!(who("x-api-key", &token).await.is_err(), "x-api-key does not accept tokens");
        let both = headers([("x-api-key", "sk_x"), ("authorization", &format!("Bearer {token}"))]);
        let refused = authenticate(&both, &store, &tokens, now).await;
        assert!(matches!(refused, Err(Error::Unauthorized)), "only the key is read");
    }

    #[tokio::test]
    async fn caller_has_limits_of_its_client() {
        let (store, secret, now) = (Memory::new(), KeptSecret::new(KEYS), Timestamp::now());
        let (client, own): (ClientId, _) =
            ("acme".parse().unwrap(), BTreeMap::from([(Endpoint::ChatNew, 77)]));
        store.put_limits(&client, Limits(own));
        let (key, record) = testkit::api_key("acme", &[Scope::Chat]);
        let (other, other_record) = testkit::api_key("other", &[Scope::Chat]);
        store.put_key(record);
        store.put_key(other_record);
        let tokens = TokenKeys::new(&secret);
        let ends = now + Duration::from_secs(60);
        let token = tokens.issue(&client, UserId::new(), &[Scope::Chat], now, ends).await.unwrap();
        for (credential, limit) in [(key.expose(), 77), (&token, 77), (other.expose(), 10)] {
            let headers = headers([("authorization", &format!("Bearer {credential}"))]);
            let caller = authenticate(&headers, &store, &tokens, now).await.unwrap();
            assert_eq!(caller.limits.of(Endpoint::ChatNew), limit);
        }
    }
}
