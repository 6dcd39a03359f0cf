use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::access::Caller;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use testkit::KeptSecret;

use super::*;

const RSA_PRIVATE: &str = include_str!("../../../tests/keys-for-tests-only/rsa-private.pem");
const RSA_PUBLIC: &str = include_str!("../../../tests/keys-for-tests-only/rsa-public.pem");
const P256_PRIVATE: &str = include_str!("../../../tests/keys-for-tests-only/p256-private.pem");
const P256_PUBLIC: &str = include_str!("../../../tests/keys-for-tests-only/p256-public.pem");
const SECRET: &str = "thirty-two-bytes-of-a-secret-text";
const MASTER: &str = "the-first-master-secret-of-32-bytes";
const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_500);

fn document() -> Value {
    let entry = |kid: &str, alg: &str, key: &str, client: &str| {
        json!({"kid": kid, "alg": alg, "key": key, "clientId": client,
            "scopes": ["chat", "images:read", "clients:admin"]})
    };
    json!({"master": MASTER, "keys": [
        entry("secret", "HS256", SECRET, "acme"),
        entry("other", "HS256", "another-secret-text-of-32-bytes!!", "apex"),
        entry("rsa", "RS256", RSA_PUBLIC, "acme"),
        entry("p256", "ES256", P256_PUBLIC, "acme"),
        entry("operator", "HS256", "the-operators-secret-of-32-bytes!", "operator"),
        {"kid": "named", "alg": "HS256", "key": SECRET, "clientId": "acme", "scopes": ["chat"],
            "iss": "https://id.example", "aud": "semantest"},
    ]})
}

/// Returns the first two parts of a token: header and claims.
fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(text).unwrap()
}

/// Signs a token without the library that verifies it.
fn signed(header: Value, claims: &Value, key: &str) -> String {
    let message = message(&header, claims);
    let signature = match header["alg"].as_str() {
        Some("RS256") => {
            let key = RsaKeyPair::from_pkcs8(&der(key)).unwrap();
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
            signature
        }
        Some("ES256") => {
            let random = SystemRandom::new();
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der(key), &random).unwrap();
            key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec()
        }
        _ => {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
            ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
        }
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn claims(more: Value) -> Value {
    let mut claims = json!({"sub": USER, "exp": NOW.seconds() + 60});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

fn hs256(kid: &str, key: &str, more: Value) -> String {
    signed(json!({"alg": "HS256", "kid": kid}), &claims(more), key)
}

async fn admit(token: &str) -> Result<Principal, Error> {
    let secret = KeptSecret::new(document().to_string());
    TokenKeys::new(&secret).admit(token, NOW).await
}

async fn assert_refused(what: &str, token: &str) {
    let answer = admit(token).await;
    assert!(matches!(answer, Err(Error::Unauthorized)), "{what}: {answer:?}");
}

#[tokio::test]
async fn each_algorithm_is_admitted_with_its_user_and_client() {
    for (alg, kid, key) in
        [("HS256", "secret", SECRET), ("RS256", "rsa", RSA_PRIVATE), ("ES256", "p256", P256_PRIVATE)]
    {
        let token = signed(json!({"alg": alg, "kid": kid, "typ": "JWT"}), &claims(json!({})), key);
        let caller = admit(&token).await.unwrap();
        let user: UserId = USER.parse().unwrap();
        assert_eq!((caller.client.as_str(), caller.user), ("acme", Some(user)), "{alg}");
        assert_eq!(caller.scopes, [Scope::Chat, Scope::ImagesRead], "{alg}");
        assert!(caller.acts_for(user) && !caller.acts_for(UserId::new()), "{alg}");

        let (rest, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        assert_refused(alg, &format!("{rest}.{}", URL_SAFE_NO_PAD.encode(bytes))).await;
        assert_refused(alg, &format!("{rest}.")).await;
    }
}

#[tokio::test]
async fn alg_none_is_refused() {
    for alg in ["none", "None", "NONE", ""] {
        let message = message(&json!({"alg": alg, "kid": "secret"}), &claims(json!({})));
        assert_refused(alg, &format!("{message}.")).await;
        assert_refused(alg, &message).await;
    }
}

#[tokio::test]
async fn public_key_as_hmac_secret_is_refused() {
    // PEM with and without its final line break: a library could pass either to its HMAC.
    for key in [RSA_PUBLIC, RSA_PUBLIC.trim_end()] {
        assert_refused("RS256 as HS256", &hs256("rsa", key, json!({}))).await;
    }
    assert_refused("ES256 as HS256", &hs256("p256", P256_PUBLIC, json!({}))).await;
    let claims = claims(json!({}));
    assert_refused("HS256 as RS256", &signed(json!({"alg": "RS256", "kid": "secret"}), &claims, RSA_PRIVATE))
        .await;
    assert_refused("RS256 as ES256", &signed(json!({"alg": "RS256", "kid": "p256"}), &claims, RSA_PRIVATE))
        .await;
}

#[tokio::test]
async fn algorithm_without_key_is_refused() {
    for alg in ["HS384", "HS512", "PS256", "RS512", "ES384", "EdDSA"] {
        assert_refused(alg, &signed(json!({"alg": alg, "kid": "secret"}), &claims(json!({})), SECRET)).await;
    }
}

#[tokio::test]
async fn issuer_is_checked_if_key_names_one() {
    let named = |more| hs256("named", SECRET, more);
    let valid = json!({"iss": "https://id.example", "aud": "semantest"});
    assert!(admit(&named(valid)).await.is_ok());
    assert_refused("wrong iss", &named(json!({"iss": "https://id.evil", "aud": "semantest"}))).await;
    assert_refused("no iss", &named(json!({"aud": "semantest"}))).await;
    assert!(admit(&hs256("secret", SECRET, json!({"iss": "anybody"}))).await.is_ok(), "the key names none");
}

#[tokio::test]
async fn audience_is_checked_if_key_names_one() {
    let named = |aud: Value| hs256("named", SECRET, json!({"iss": "https://id.example", "aud": aud}));
    assert!(admit(&named(json!(["others", "semantest"]))).await.is_ok());
    for wrong in [json!("others"), json!(["others"]), json!([]), json!(7), Value::Null] {
        assert_refused("wrong aud", &named(wrong)).await;
    }
    assert!(admit(&hs256("secret", SECRET, json!({"aud": "anybody"}))).await.is_ok(), "the key names none");
}

#[tokio::test]
async fn token_is_refused_from_its_exp_on() {
    let until = |exp: Value| hs256("secret", SECRET, json!({"exp": exp}));
    assert!(admit(&until(json!(NOW.seconds() + 1))).await.is_ok());
    assert!(admit(&until(json!(NOW.seconds() as f64 + 0.75))).await.is_ok());
    for expired in [json!(NOW.seconds()), json!(NOW.seconds() as f64 + 0.25), json!(0), json!(-1)] {
        assert_refused("expired", &until(expired)).await;
    }
}

#[tokio::test]
async fn token_without_numeric_exp_is_refused() {
    for exp in [Value::Null, json!("2999999999"), json!({}), json!(true)] {
        assert_refused("no exp", &hs256("secret", SECRET, json!({"exp": exp}))).await;
    }
    let without = json!({"sub": USER});
    assert_refused("no exp", &signed(json!({"alg": "HS256", "kid": "secret"}), &without, SECRET)).await;
}

#[tokio::test]
async fn token_before_its_nbf_is_refused() {
    let from = |nbf: i64| hs256("secret", SECRET, json!({"nbf": nbf}));
    assert!(admit(&from(NOW.seconds())).await.is_ok());
    assert!(admit(&from(NOW.seconds() + 9)).await.is_ok(), "an issuer's clock may be a little ahead");
    assert_refused("not yet", &from(NOW.seconds() + 12)).await;
}

#[tokio::test]
async fn subject_that_is_not_a_uuid_is_refused() {
    for sub in
        [json!("somebody"), json!(""), json!(1), Value::Null, json!([USER]), json!(USER.replace('-', ""))]
    {
        assert_refused("sub", &hs256("secret", SECRET, json!({"sub": sub}))).await;
    }
}

#[tokio::test]
async fn oversized_token_is_refused_before_keys_are_read() {
    let secret = KeptSecret::new(document().to_string());
    let keys = TokenKeys::new(&secret);
    let padded = |length: usize| hs256("secret", SECRET, json!({"padding": "x".repeat(length)}));
    assert!(keys.admit(&padded(5000), NOW).await.is_ok());
    let huge = padded(MAX_LEN);
    let secret = KeptSecret::new(document().to_string());
    assert!(matches!(TokenKeys::new(&secret).admit(&huge, NOW).await, Err(Error::Unauthorized)));
    assert_eq!(secret.reads(), 0);
}

#[tokio::test]
async fn malformed_token_is_refused_before_keys_are_read() {
    let secret = KeptSecret::new(document().to_string());
    let keys = TokenKeys::new(&secret);
    let no_kid = signed(json!({"alg": "HS256"}), &claims(json!({})), SECRET);
    let critical = json!({"alg": "HS256", "kid": "secret", "crit": ["b64"], "b64": false});
    let critical = signed(critical, &claims(json!({})), SECRET);
    for text in ["", ".", "..", "a.b.c", "a.b.c.d", "Ä.Ä.Ä", &no_kid, &critical] {
        assert!(matches!(keys.admit(text, NOW).await, Err(Error::Unauthorized)), "{text}");
    }
    assert_eq!(secret.reads(), 0);
}

#[tokio::test]
async fn same_subject_of_two_clients_is_two_callers() {
    let first = admit(&hs256("secret", SECRET, json!({}))).await.unwrap();
    let other = admit(&hs256("other", "another-secret-text-of-32-bytes!!", json!({}))).await.unwrap();
    assert_eq!(first.user, other.user);
    assert_eq!((first.client.as_str(), other.client.as_str()), ("acme", "apex"));
    assert_ne!(first.caller, other.caller);
    assert_ne!(first.caller.to_string(), other.caller.to_string());
}

#[tokio::test]
async fn scope_claim_narrows_scopes_but_never_widens_them() {
    let scopes = async |scope: Value| {
        admit(&hs256("secret", SECRET, json!({"scope": scope}))).await.map(|caller| caller.scopes)
    };
    assert_eq!(scopes(json!("images:read")).await.unwrap(), [Scope::ImagesRead]);
    assert_eq!(scopes(json!("images:read images:write openid")).await.unwrap(), [Scope::ImagesRead]);
    assert_eq!(scopes(json!("")).await.unwrap(), []);
    assert_eq!(scopes(json!("chatter")).await.unwrap(), []);
    assert_eq!(scopes(Value::Null).await.unwrap(), [Scope::Chat, Scope::ImagesRead]);
    assert!(scopes(json!(["chat"])).await.is_err());
}

#[tokio::test]
async fn operator_scopes_are_granted_to_operator_only() {
    let all = json!({"scope": "clients:admin keys:admin"});
    assert_eq!(admit(&hs256("secret", SECRET, all.clone())).await.unwrap().scopes, []);
    let operator = admit(&hs256("operator", "the-operators-secret-of-32-bytes!", all)).await.unwrap();
    assert_eq!(operator.scopes, [Scope::ClientsAdmin]);
}

#[tokio::test]
async fn unknown_kid_refreshes_keys_at_most_once_a_minute() {
    let secret = KeptSecret::new(json!({"master": MASTER}).to_string());
    let keys = TokenKeys::new(&secret);
    let token = signed(
        json!({"alg": "HS256", "kid": "secret"}),
        &json!({"sub": USER, "exp": NOW.seconds() + 600}),
        SECRET,
    );
    let burst = (0..50).map(|_| keys.admit(&token, NOW));
    let refused = futures_util::future::join_all(burst).await;
    assert!(refused.iter().all(|answer| matches!(answer, Err(Error::Unauthorized))));
    assert_eq!(secret.reads(), 2, "the first read and one refresh for all of them");

    secret.put(document().to_string());
    assert!(keys.admit(&token, NOW + Duration::from_secs(59)).await.is_err());
    assert_eq!(secret.reads(), 2);
    assert!(keys.admit(&token, NOW + Duration::from_secs(60)).await.is_ok());
    assert!(keys.admit(&token, NOW + Duration::from_secs(61)).await.is_ok());
    assert_eq!(secret.reads(), 3);
}

#[tokio::test]
async fn unreadable_keys_are_not_reported_as_unauthorized() {
    let secret = KeptSecret::new(document().to_string());
    secret.fail();
    let token = hs256("secret", SECRET, json!({}));
    assert!(matches!(TokenKeys::new(&secret).admit(&token, NOW).await, Err(Error::Unavailable { .. })));
    for broken in ["", "[]", "{}", r#"{"keys": [], "master": "short"}"#, r#"{"keys": 1, "master": ""}"#] {
        let secret = KeptSecret::new(broken);
        let answer = TokenKeys::new(&secret).admit(&token, NOW).await;
        assert!(matches!(answer, Err(Error::Internal { .. })), "{broken}: {answer:?}");
    }
}

#[tokio::test]
async fn invalid_key_does_not_affect_others() {
    let entry = |kid: &str, alg: &str, key: &str| json!({"kid": kid, "alg": alg, "key": key, "clientId": "acme", "scopes": ["chat"]});
    let bad = [
        json!(7),
        json!({"kid": "no-key", "alg": "HS256", "clientId": "acme", "scopes": []}),
        json!({"kid": "client", "alg": "HS256", "key": SECRET, "clientId": "A B", "scopes": []}),
        entry("short", "HS256", "too short"),
        entry("pem", "HS256", RSA_PUBLIC),
        entry("private", "RS256", RSA_PRIVATE),
        entry("damaged", "RS256", &RSA_PUBLIC.replace('M', "?")),
        entry("curve", "RS256", P256_PUBLIC),
        entry("modulus", "ES256", RSA_PUBLIC),
        entry("alg", "none", SECRET),
        entry("semantest.00000000.acme", "HS256", SECRET),
    ];
    let kids: Vec<_> = bad.iter().filter_map(|entry| entry["kid"].as_str().map(str::to_owned)).collect();
    let mut all = bad.to_vec();
    all.extend([entry("good", "HS256", SECRET), entry("good", "HS256", "the-same-name-again-is-not-taken!")]);
    let secret = KeptSecret::new(json!({"master": MASTER, "keys": all}).to_string());
    let keys = TokenKeys::new(&secret);
    assert!(keys.admit(&hs256("good", SECRET, json!({})), NOW).await.is_ok());
    for kid in kids {
        for key in [SECRET, "too short", RSA_PUBLIC] {
            assert!(keys.admit(&hs256(&kid, key, json!({})), NOW).await.is_err(), "{kid}");
        }
    }
}

#[tokio::test]
async fn issued_token_has_its_user_scopes_and_expiry() {
    let secret = KeptSecret::new(document().to_string());
    let keys = TokenKeys::new(&secret);
    let (client, user) = ("acme".parse().unwrap(), UserId::new());
    let ends = NOW + Duration::from_secs(600);
    let token = keys.issue(&client, user, &[Scope::ImagesRead], NOW, ends).await.unwrap();
    let caller = keys.admit(&token, NOW).await.unwrap();
    assert_eq!((&caller.client, caller.user), (&client, Some(user)));
    assert_eq!(caller.scopes, [Scope::ImagesRead]);
    assert_eq!(caller.caller, Caller::User(client.clone(), user));
    assert!(keys.admit(&token, ends).await.is_err());

    let admin = keys.issue(&client, user, Scope::ALL, NOW, ends).await.unwrap();
    let scopes = keys.admit(&admin, NOW).await.unwrap().scopes;
    let not_admins: Vec<_> = Scope::ALL.iter().copied().filter(|scope| !scope.is_admin()).collect();
    assert_eq!(scopes, not_admins);
}

#[tokio::test]
async fn issued_token_is_refused_for_other_client() {
    let secret = KeptSecret::new(document().to_string());
    let keys = TokenKeys::new(&secret);
    let token = keys
        .issue(&"acme".parse().unwrap(), UserId::new(), &[Scope::Chat], NOW, NOW + Duration::from_secs(60))
        .await
        .unwrap();
    let mut parts = token.splitn(2, '.');
    let (header, rest) = (parts.next().unwrap(), parts.next().unwrap());
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let forged = URL_SAFE_NO_PAD.encode(header.replace("acme", "apex"));
    assert!(keys.admit(&format!("{forged}.{rest}"), NOW).await.is_err());
}

#[tokio::test]
async fn previous_master_keeps_old_tokens_valid_until_removed() {
    let secret = KeptSecret::new(json!({"master": MASTER}).to_string());
    let (client, user, ends) = ("acme".parse().unwrap(), UserId::new(), NOW + Duration::from_secs(3600));
    let keys = TokenKeys::new(&secret);
    let old = keys.issue(&client, user, &[Scope::Chat], NOW, ends).await.unwrap();

    let next = "the-second-master-secret-of-32-bytes";
    secret.put(json!({"master": next, "previousMaster": MASTER}).to_string());
    let elsewhere = TokenKeys::new(&secret);
    secret.refresh().await.unwrap();
    assert!(elsewhere.admit(&old, NOW).await.is_ok());
    let new = elsewhere.issue(&client, user, &[Scope::Chat], NOW, ends).await.unwrap();
    assert!(elsewhere.admit(&new, NOW).await.is_ok());

    let removed = KeptSecret::new(json!({"master": next}).to_string());
    let keys = TokenKeys::new(&removed);
    assert!(keys.admit(&old, NOW).await.is_err());
    assert!(keys.admit(&new, NOW).await.is_ok());
}
