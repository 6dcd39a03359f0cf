//! Chats that are refused or fail: the errors, and that they leave no rows.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::chatter::{BOTH, Chatter, told};
use crate::Round;

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("chat_of_another_owner_is_not_found", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let session = chatter.say(json!({})).await["sessionId"].clone();
        let rival = Chatter::of(&cloud, "rival", BOTH).await;
        let path = format!("/chat/{}", session.as_str().unwrap());
        let unknown = format!("/chat/{}", Uuid::now_v7());
        let mut refused = vec![
            rival.get(&path).await,
            chatter.get(&unknown).await,
            chatter.get("/chat/x").await,
            rival.get(&format!("{path}?cursor={}", Uuid::now_v7())).await,
        ];
        for body in
            [json!({"sessionId": session, "userId": Uuid::now_v7()}), json!({"sessionId": Uuid::now_v7()})]
        {
            refused.push(told(chatter.post(&body).send().await.unwrap()).await);
        }
        let body = json!({"sessionId": session, "userId": chatter.user, "imageGeneration": {}});
        refused.push(told(rival.post(&body).send().await.unwrap()).await);
        for (status, error) in refused {
            assert_eq!((status, &error["error"]["code"]), (404, &json!("SESSION_NOT_FOUND")), "{error}");
        }
        assert_eq!(chatter.messages(&session).await.len(), 2);
        assert_eq!((chatter.rows().await, rival.rows().await), ((1, 0), (0, 0)));
    });

    round.test("chat_with_a_token_is_limited_to_the_tokens_user", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let token = async |user: Value| {
            let request = chatter.request(Method::POST, "/auth/token").json(&json!({ "userId": user }));
            let (status, made) = told(request.send().await.unwrap()).await;
            assert_eq!(status, 201, "{made}");
            made["token"].as_str().unwrap().to_owned()
        };
        let (own, other) = (token(json!(chatter.user)).await, token(json!(Uuid::now_v7())).await);
        let url = format!("{}/api/v1/chat", cloud.url);
        let body = json!({"userId": chatter.user, "prompt": "a kite"});
        let post = |token: &str, body: &Value| {
            cloud.http.post(format!("{url}/new")).bearer_auth(token).json(body).send()
        };
        let (status, said) = told(post(&own, &body).await.unwrap()).await;
        assert_eq!(status, 201, "{said}");
        let (status, error) = told(post(&other, &body).await.unwrap()).await;
        assert_eq!((status, &error["error"]["code"]), (403, &json!("FORBIDDEN")), "{error}");
        let get = |token: &str| {
            let session = said["sessionId"].as_str().unwrap();
            cloud.http.get(format!("{url}/{session}")).bearer_auth(token).send()
        };
        assert_eq!(get(&own).await.unwrap().status(), 200);
        let (status, error) = told(get(&other).await.unwrap()).await;
        assert_eq!((status, &error["error"]["code"]), (404, &json!("SESSION_NOT_FOUND")), "{error}");
    });

    round.test("failing_chat_provider_leaves_no_rows", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        for prompt in ["[[fail:forever]]", "[[fail:operator]]", "[[limit:5]]", "[[refuse]] a kite"] {
            let body = json!({"prompt": prompt, "imageGeneration": {}});
            let (status, error) = told(chatter.post(&body).send().await.unwrap()).await;
            assert_eq!((status, &error["error"]["code"]), (502, &json!("GENERATION_FAILED")), "{error}");
        }
        assert_eq!(chatter.rows().await, (0, 0));
        let session = chatter.say(json!({})).await["sessionId"].clone();
        let body = json!({"prompt": "[[fail:1]]", "imageGeneration": {}, "sessionId": session});
        assert_eq!(chatter.post(&body).send().await.unwrap().status(), 502);
        assert_eq!((chatter.messages(&session).await.len(), chatter.rows().await), (2, (1, 0)));
    });

    round.test("slow_chat_provider_fails_before_the_gateway_times_out", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let started = Instant::now();
        let body = json!({"prompt": "[[slow:60]] a kite", "imageGeneration": {}});
        let (status, error) = told(chatter.post(&body).send().await.unwrap()).await;
        let took = started.elapsed();
        assert_eq!((status, &error["error"]["code"]), (502, &json!("GENERATION_FAILED")), "{error}");
        assert!((Duration::from_secs(20)..Duration::from_secs(29)).contains(&took), "{took:?}");
        assert_eq!(chatter.rows().await, (0, 0));
    });

    round.test("invalid_chat_reports_every_field_error_by_its_path", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let said = json!([{"role": "user", "content": "x"}, {"role": "bot", "content": 1},
            {"role": "user", "content": "x".repeat(32_001), "timestamp": "yesterday"}, "x"]);
        let body = json!({
            "userId": "me", "sessionId": 1, "prompt": "x".repeat(4001),
            "imageGeneration": {"enabled": 1, "provider": "x", "size": "x", "count": 5, "quality": "x",
                "style": "x", "webhookUrl": "http://example.com", "webhookEvents": ["x"], "metadata": 1},
            "chatContext": {"previousMessages": said, "temperature": 2.5, "maxTokens": 0},
        });
        let (status, error) = told(chatter.post(&body).send().await.unwrap()).await;
        assert_eq!((status, &error["error"]["code"]), (400, &json!("VALIDATION_ERROR")));
        let details = error["error"]["details"].as_array().unwrap();
        let paths: Vec<_> = details.iter().map(|fault| fault["path"].as_str().unwrap().to_owned()).collect();
        let image = [
            "enabled",
            "provider",
            "size",
            "count",
            "quality",
            "style",
            "webhookUrl",
            "webhookEvents[0]",
            "metadata",
        ];
        let before = ["[1].role", "[1].content", "[2].content", "[2].timestamp", "[3]"];
        let expected = ["userId", "sessionId", "prompt"]
            .map(str::to_owned)
            .into_iter()
            .chain(image.map(|name| format!("imageGeneration.{name}")))
            .chain(before.map(|name| format!("chatContext.previousMessages{name}")))
            .chain(["temperature", "maxTokens"].map(|name| format!("chatContext.{name}")));
        assert_eq!(paths, expected.collect::<Vec<_>>());
        let many = vec![json!({"role": "user", "content": "x"}); 1001];
        let (_, error) =
            told(chatter.post(&json!({"chatContext": {"previousMessages": many}})).send().await.unwrap())
                .await;
        assert_eq!(error["error"]["details"][0]["path"], "chatContext.previousMessages");
        assert_eq!(chatter.rows().await, (0, 0));
    });

    round.test("no_chat_body_causes_a_server_error", |cloud| async move {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let values =
            ["null", "\"\"", "\"\\ud800\"", "-1", "1e999", "0.5", "[]", "{}", "true", "[null]", &deep];
        let fields = [
            "userId",
            "sessionId",
            "prompt",
            "imageGeneration",
            "imageGeneration.enabled",
            "imageGeneration.count",
            "imageGeneration.metadata",
            "imageGeneration.webhookEvents",
            "chatContext",
            "chatContext.previousMessages",
            "chatContext.temperature",
            "chatContext.maxTokens",
        ];
        for field in fields {
            let (one, other) = (Chatter::new(&cloud).await, Chatter::new(&cloud).await);
            for (number, value) in values.iter().enumerate() {
                let chatter = if number % 2 == 0 { &one } else { &other };
                let set = match field.split_once('.') {
                    Some((outer, inner)) => format!("\"{outer}\":{{\"{inner}\":{value}}}"),
                    None => format!("\"{field}\":{value}"),
                };
                // The last of two fields with the same name counts.
                let body = format!("{{\"userId\":\"{}\",\"prompt\":\"a kite\",{set}}}", chatter.user);
                let answer =
                    chatter.request(Method::POST, "/chat/new").body(body.clone()).send().await.unwrap();
                let (status, said) = told(answer).await;
                let short = &body[..body.len().min(200)];
                assert!([201, 400].contains(&status), "{short}: {said}");
            }
        }
    });
}
