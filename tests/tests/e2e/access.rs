//! Tokens: who gets one, what it permits, and for how long.

use std::time::Duration;

use edge::http::routes::{Access, ROUTES};
use reqwest::{Method, Response};
use semantest_tests::cloud::Cloud;
use semantest_tests::tokens::{LOCAL, OTHER, now, sign, token};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Round;
use crate::command_line::make_key;

async fn exchange(cloud: &Cloud, credential: &str, body: &Value) -> Response {
    let url = format!("{}/api/v1/auth/token", cloud.url);
    cloud.http.post(url).bearer_auth(credential).json(body).send().await.unwrap()
}

/// A token of client `local` for `user`, made from a key with every scope for images.
async fn issued(cloud: &Cloud, user: Uuid, more: Value) -> String {
    let key = make_key(cloud, "local", &["images:write", "images:read", "keys:admin"]);
    let mut body = json!({"userId": user});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = exchange(cloud, &key, &body).await;
    assert_eq!(answer.status(), 201);
    answer.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned()
}

async fn generate(cloud: &Cloud, credential: &str, user: Uuid) -> (u16, Value) {
    let url = format!("{}/api/v1/images/generate", cloud.url);
    let body = json!({"userId": user, "prompt": "a kite", "size": "256x256"});
    let answer = cloud.http.post(url).bearer_auth(credential).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The response to a request for a job.
async fn ask(cloud: &Cloud, credential: &str, job: &Value) -> (u16, Value) {
    let url = format!("{}{}", cloud.url, job["statusUrl"].as_str().unwrap());
    let answer = cloud.http.get(url).bearer_auth(credential).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("token_from_a_key_acts_only_for_its_user", |cloud| async move {
        let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
        let (first, second) = (issued(&cloud, one, json!({})).await, issued(&cloud, two, json!({})).await);
        let (status, refused) = generate(&cloud, &first, two).await;
        assert_eq!((status, &refused["error"]["code"]), (403, &json!("FORBIDDEN")));
        let (status, job) = generate(&cloud, &first, one).await;
        assert_eq!(status, 202);
        assert_eq!(ask(&cloud, &first, &job).await.0, 200);
        let (status, refused) = ask(&cloud, &second, &job).await;
        assert_eq!((status, &refused["error"]["code"]), (404, &json!("JOB_NOT_FOUND")));
        assert_eq!(ask(&cloud, &cloud.api_key, &job).await.0, 200, "a key acts for any user of its client");
    });

    round.test("token_has_only_the_requested_scopes", |cloud| async move {
        let user = Uuid::new_v4();
        let reader = issued(&cloud, user, json!({"scopes": ["images:read"]})).await;
        assert_eq!(generate(&cloud, &reader, user).await.0, 403);
        let full = issued(&cloud, user, json!({})).await;
        let url = format!("{}/api/v1/admin/keys", cloud.url);
        let admin = cloud.http.get(url).bearer_auth(&full).send().await.unwrap();
        assert_eq!(admin.status(), 403, "no token of ours can manage keys, whatever its key could");

        let key = make_key(&cloud, "local", &["images:read", "keys:admin"]);
        for (scopes, status) in
            [(json!(["images:write"]), 403), (json!(["keys:admin"]), 400), (json!(["everything"]), 400)]
        {
            let answer = exchange(&cloud, &key, &json!({"userId": user, "scopes": scopes})).await;
            assert_eq!(answer.status(), status, "{scopes}");
        }
    });

    round.test("token_is_issued_only_for_an_api_key", |cloud| async move {
        let user = Uuid::new_v4();
        let body = json!({"userId": user});
        let own = issued(&cloud, user, json!({})).await;
        assert_eq!(exchange(&cloud, &own, &body).await.status(), 403);
        assert_eq!(exchange(&cloud, &token(LOCAL, &user.to_string()), &body).await.status(), 403);
        assert_eq!(exchange(&cloud, "sk_nothing", &body).await.status(), 401);
        let answer = exchange(&cloud, &cloud.api_key, &json!({"expiresIn": 3601})).await;
        assert_eq!(answer.status(), 400);
        let error: Value = answer.json().await.unwrap();
        let faults = error["error"]["details"].as_array().unwrap();
        let paths: Vec<_> = faults.iter().map(|fault| fault["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["userId", "expiresIn"]);
    });

    round.test("token_expires_at_its_exp", |cloud| async move {
        let user = Uuid::new_v4();
        let brief = issued(&cloud, user, json!({"expiresIn": 3})).await;
        assert_eq!(generate(&cloud, &brief, user).await.0, 202);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (status, refused) = generate(&cloud, &brief, user).await;
        assert_eq!((status, &refused["error"]["code"]), (401, &json!("UNAUTHORIZED")));
    });

    round.test("token_outlives_the_api_key_it_was_issued_for", |cloud| async move {
        let user = Uuid::new_v4();
        let key = make_key(&cloud, "local", &["images:write", "keys:admin"]);
        let made = exchange(&cloud, &key, &json!({"userId": user})).await;
        let token = made.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
        let keys = format!("{}/api/v1/admin/keys", cloud.url);
        let id = Uuid::try_parse(&key[3..35]).unwrap();
        let revoked = cloud.http.delete(format!("{keys}/{id}")).bearer_auth(&key).send().await.unwrap();
        assert_eq!(revoked.status(), 204);
        assert_eq!(generate(&cloud, &token, user).await.0, 202);
    });

    round.test("token_of_the_operators_key_set_acts_for_the_keys_client", |cloud| async move {
        let user = Uuid::new_v4();
        let (local, other) = (token(LOCAL, &user.to_string()), token(OTHER, &user.to_string()));
        let (status, job) = generate(&cloud, &local, user).await;
        assert_eq!(status, 202);
        assert_eq!(ask(&cloud, &local, &job).await.0, 200);
        let (status, refused) = ask(&cloud, &other, &job).await;
        assert_eq!((status, &refused["error"]["code"]), (404, &json!("JOB_NOT_FOUND")), "the same subject");
    });

    round.test("invalid_tokens_are_refused", |cloud| async move {
        let user = Uuid::new_v4();
        let (kid, key) = LOCAL;
        let header = json!({"alg": "HS256", "kid": kid});
        let good = json!({"sub": user, "exp": now() + 300});
        let none = sign(&json!({"alg": "none", "kid": kid}), &good, key);
        let unsigned = format!("{}.", none.rsplit_once('.').unwrap().0);
        let bad = [
            ("alg none", unsigned),
            ("alg none, signed", none),
            ("another key", sign(&header, &good, "a-key-that-nobody-knows-of-32-bytes")),
            ("another kid", sign(&json!({"alg": "HS256", "kid": "nobody"}), &good, key)),
            ("no kid", sign(&json!({"alg": "HS256"}), &good, key)),
            ("another algorithm", sign(&json!({"alg": "RS256", "kid": kid}), &good, key)),
            ("expired", sign(&header, &json!({"sub": user, "exp": now() - 1}), key)),
            ("no end", sign(&header, &json!({"sub": user}), key)),
            ("not yet", sign(&header, &json!({"sub": user, "exp": now() + 300, "nbf": now() + 60}), key)),
            ("no user", sign(&header, &json!({"exp": now() + 300}), key)),
            ("a user that is no UUID", sign(&header, &json!({"sub": "me", "exp": now() + 300}), key)),
            ("huge", sign(&header, &json!({"sub": user, "exp": now() + 300, "x": "x".repeat(8000)}), key)),
        ];
        assert_eq!(generate(&cloud, &sign(&header, &good, key), user).await.0, 202);
        for (what, token) in bad {
            let (status, refused) = generate(&cloud, &token, user).await;
            assert_eq!((status, &refused["error"]["code"]), (401, &json!("UNAUTHORIZED")), "{what}");
            assert!(!refused.to_string().contains(&token), "{what}");
        }
    });

    round.test("every_protected_endpoint_checks_tokens", |cloud| async move {
        let user = Uuid::new_v4();
        let (kid, _) = LOCAL;
        let good = json!({"sub": user, "exp": now() + 300});
        let forged = sign(&json!({"alg": "HS256", "kid": kid}), &good, "a-key-that-nobody-knows-of-32-bytes");
        let asks = ROUTES.iter().filter(|route| route.access != Access::Public);
        let paths = asks.map(|route| {
            let parts = route.path.split('/').map(|part| match part.starts_with('{') {
                true => user.to_string(),
                false => part.to_owned(),
            });
            (route.method, parts.collect::<Vec<_>>().join("/"))
        });
        for (method, path) in paths.chain([("GET", "/nothing/here".to_owned())]) {
            let url = format!("{}/api/v1{path}", cloud.url);
            let request = cloud.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
            let answer = request.bearer_auth(&forged).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path}");
        }
    });
}
