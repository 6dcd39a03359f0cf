//! Tokens of an issuer that the tests' cloud trusts. The code that signs them shares nothing with the code
//! that checks them.

use std::process::Command;

use serde_json::{Value, json};

use crate::cloud::Cloud;

/// The key of client `local`.
pub const LOCAL: (&str, &str) = ("tests-local", "the-key-of-the-tests-for-client-local");
/// The key of client `other`.
pub const OTHER: (&str, &str) = ("tests-other", "the-key-of-the-tests-for-client-other");

const SIGN: &str = r#"
import base64, hashlib, hmac, sys
header, claims, key = sys.argv[1:4]
part = lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=")
message = part(header.encode()) + b"." + part(claims.encode())
print((message + b"." + part(hmac.new(key.encode(), message, hashlib.sha256).digest())).decode())
"#;

/// Signs with HMAC-SHA256, whatever `alg` the header names.
#[must_use]
pub fn sign(header: &Value, claims: &Value, key: &str) -> String {
    let python = Command::new("python3")
        .args(["-c", SIGN, &header.to_string(), &claims.to_string(), key])
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    String::from_utf8(python.stdout).unwrap().trim().to_owned()
}

/// The current time in Unix seconds.
#[must_use]
pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A valid token for `user`.
#[must_use]
pub fn token((kid, key): (&str, &str), user: &str) -> String {
    sign(&json!({"alg": "HS256", "kid": kid}), &json!({"sub": user, "exp": now() + 300}), key)
}

/// Adds both keys to the key set before any function has read it.
pub(crate) async fn give_keys(cloud: &Cloud) {
    let secret = cloud.output("TokenKeysSecret");
    let held = cloud.secrets.get_secret_value().secret_id(secret).send().await.unwrap();
    let mut document: Value = serde_json::from_str(held.secret_string().unwrap()).unwrap();
    let entry = |(kid, key): (&str, &str), client: &str| {
        json!({"kid": kid, "alg": "HS256", "key": key, "clientId": client,
            "scopes": ["chat", "images:write", "images:read"]})
    };
    document["keys"] = json!([entry(LOCAL, "local"), entry(OTHER, "other")]);
    let put = cloud.secrets.put_secret_value().secret_id(secret).secret_string(document.to_string());
    put.send().await.unwrap();
}
