//! The caller's credential.

use domain::access::{ApiKey, Principal};
use domain::ports::{KeyStore, SecretSource};
use domain::{Error, Timestamp};
use http::HeaderMap;

/// Who is calling, by `X-API-Key` or `Authorization: Bearer`.
///
/// # Errors
///
/// [`Error::Unauthorized`] for no credential or a bad one, [`Error::Unavailable`] if it cannot be looked up.
pub async fn authenticate(
    headers: &HeaderMap,
    keys: &dyn KeyStore,
    _token_keys: &dyn SecretSource,
    now: Timestamp,
) -> Result<Principal, Error> {
    let key: ApiKey = credential(headers).and_then(|text| text.parse().ok()).ok_or(Error::Unauthorized)?;
    keys.find(key.id()).await?.ok_or(Error::Unauthorized)?.admit(&key, now)
}

/// Whether the caller shows a credential, good or bad.
#[must_use]
pub fn has_credential(headers: &HeaderMap) -> bool {
    headers.contains_key("x-api-key") || headers.contains_key(http::header::AUTHORIZATION)
}

fn credential(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get("x-api-key") {
        return key.to_str().ok();
    }
    // RFC 9110, section 11.1: the scheme's name is the same in any case.
    let (scheme, credential) = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_comes_in_either_header() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            credential(&headers).map(str::to_owned)
        };
        assert_eq!(of("x-api-key", "sk_1").as_deref(), Some("sk_1"));
        assert_eq!(of("authorization", "Bearer sk_1").as_deref(), Some("sk_1"));
        assert_eq!(of("authorization", "bearer sk_1").as_deref(), Some("sk_1"));
        assert_eq!(of("authorization", "Basic sk_1"), None);
        assert_eq!(of("authorization", "sk_1"), None);
        assert_eq!(of("cookie", "sk_1"), None);
    }
}
