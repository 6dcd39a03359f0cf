//! Chat, as the API contract describes it.

pub(crate) mod chatter;
mod history;
mod refused;

use std::time::{Duration, Instant};

use chatter::{Chatter, reply, told};
use domain::access::Scope;
use reqwest::Method;
use semantest_tests::receiver::Receiver;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Round;

pub(crate) fn tests(round: &mut Round<'_>) {
    history::tests(round);
    refused::tests(round);
    round.test("chat_replies_and_stores_both_messages", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let answer = chatter.post(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(answer.headers().contains_key("x-trace-id"));
        assert!(answer.headers().contains_key("x-ratelimit-remaining"));
        let said: Value = answer.json().await.unwrap();
        for id in ["sessionId", "messageId"] {
            assert_eq!(said[id].as_str().unwrap().parse::<Uuid>().unwrap().get_version_num(), 7, "{id}");
        }
        assert_eq!(location, format!("/api/v1/chat/{}", said["sessionId"].as_str().unwrap()));
        assert!(reply(&said).starts_with("You said: a kite"), "{said}");
        assert_eq!(said["chatResponse"]["role"], "assistant");
        assert_eq!(said.get("imageGenerationJob"), None);

        let (status, session) = chatter.get(location.strip_prefix("/api/v1").unwrap()).await;
        assert_eq!(status, 200);
        assert_eq!((&session["sessionId"], &session["userId"]), (&said["sessionId"], &json!(chatter.user)));
        assert!(session["createdAt"].as_str().unwrap().ends_with('Z'));
        assert_eq!(session.get("nextCursor"), None);
        let [prompt, answer] = session["messages"].as_array().unwrap().as_slice() else {
            panic!("{session}")
        };
        assert_eq!((&prompt["role"], &prompt["content"]), (&json!("user"), &json!("a kite")));
        assert_eq!((&answer["id"], &answer["role"]), (&said["messageId"], &json!("assistant")));
        for field in ["content", "timestamp"] {
            assert_eq!(answer[field], said["chatResponse"][field]);
        }
        assert!(prompt["timestamp"].as_str() <= answer["timestamp"].as_str());
        assert_eq!((prompt.get("jobId"), answer.get("jobId")), (None, None));
    });

    round.test("continued_chat_gets_the_history", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let session = chatter.say(json!({"prompt": "first"})).await["sessionId"].clone();
        let said = chatter.say(json!({"prompt": "second", "sessionId": session})).await;
        assert_eq!(said["sessionId"], session);
        assert!(reply(&said).contains("before it: 2; the last, of the assistant, begins: You said: first"));
        let context = json!({"temperature": 1.5, "previousMessages": [
            {"role": "system", "content": "be brief", "timestamp": "2026-01-01T00:00:00Z"},
            {"role": "user", "content": "third"}]});
        let said = chatter.say(json!({"sessionId": session, "chatContext": context})).await;
        assert!(reply(&said).contains("before it: 6; the last, of the user, begins: third"), "{said}");
        assert!(reply(&said).contains("temperature 1.5"), "{said}");
        let said = chatter.say(json!({"sessionId": session, "chatContext": {"maxTokens": 3}})).await;
        assert_eq!(reply(&said), "You said: a");
        assert_eq!(chatter.messages(&session).await.len(), 8);
    });

    round.test("image_job_of_a_chat_completes_and_is_linked_to_its_message", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let receiver = Receiver::start().await;
        let image = json!({"size": "256x256", "count": 2, "metadata": {"order": 1.0},
            "webhookUrl": receiver.url(), "webhookEvents": ["job.queued", "job.completed"]});
        let said = chatter.say(json!({"prompt": "a boat", "imageGeneration": image})).await;
        let job = &said["imageGenerationJob"];
        let id = job["jobId"].as_str().unwrap();
        assert_eq!((&job["status"], &job["priority"]), (&json!("queued"), &json!("normal")));
        assert_eq!(job["statusUrl"], format!("/api/v1/images/status/{id}"));
        assert_eq!(job["cancelUrl"], format!("/api/v1/images/cancel/{id}"));
        assert!(job["createdAt"].is_string());

        let state = cloud.ended(id).await;
        assert_eq!(state["status"], "completed", "{state}");
        assert_eq!(state["metadata"], json!({"order": 1.0}));
        assert_eq!(state["result"]["images"].as_array().unwrap().len(), 2);
        assert_eq!(state["result"]["images"][0]["size"], "256x256");
        let row = cloud.job(id).await;
        assert_eq!(row.session_id.map(|id| json!(id)), Some(said["sessionId"].clone()));
        assert_eq!((row.picture.prompt.as_str(), row.user_id), ("a boat", chatter.user));
        for event in ["job.queued", "job.completed"] {
            receiver.wait_for(event, 1).await;
        }
        let messages = chatter.messages(&said["sessionId"]).await;
        assert_eq!((messages[0].get("jobId"), &messages[1]["jobId"]), (None, &job["jobId"]));
    });

    round.test("chat_makes_an_image_only_if_the_body_requests_one", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        for (image, wanted) in [
            (json!({}), true),
            (json!({"enabled": true, "count": null}), true),
            (json!({"enabled": false}), false),
            (json!(null), false),
        ] {
            let said = chatter.say(json!({ "imageGeneration": image })).await;
            assert_eq!(said.get("imageGenerationJob").is_some(), wanted, "{image}");
        }
        let talker = Chatter::of(&cloud, "local", &[Scope::Chat]).await;
        talker.say(json!({})).await;
        let painter = Chatter::of(&cloud, "local", &[Scope::ImagesWrite, Scope::ImagesRead]).await;
        for refused in [
            talker.post(&json!({"imageGeneration": {}})).send().await.unwrap(),
            painter.post(&json!({})).send().await.unwrap(),
            painter.request(Method::GET, &format!("/chat/{}", Uuid::now_v7())).send().await.unwrap(),
        ] {
            let (status, error) = told(refused).await;
            assert_eq!((status, &error["error"]["code"]), (403, &json!("FORBIDDEN")), "{error}");
        }
        assert_eq!((talker.rows().await, painter.rows().await), ((1, 0), (0, 0)));
    });

    round.test("concurrent_turns_of_a_chat_are_all_stored_in_pairs", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let session = &chatter.say(json!({"prompt": "turn 0"})).await["sessionId"];
        let turn = |number: u32| {
            let body = json!({"prompt": format!("[[slow:1]] turn {number}"), "sessionId": session});
            let request = chatter.post(&body);
            async move { told(request.send().await.unwrap()).await }
        };
        let started = Instant::now();
        let all = tokio::join!(turn(1), turn(2), turn(3), turn(4));
        assert!(started.elapsed() < Duration::from_secs(4), "they ran at the same time");
        for (status, said) in [all.0, all.1, all.2, all.3] {
            assert_eq!((status, &said["sessionId"]), (201, session), "{said}");
        }
        let messages = chatter.messages(session).await;
        assert_eq!(messages.len(), 10);
        for pair in messages.chunks(2) {
            let prompt = pair[0]["content"].as_str().unwrap().replace("[[slow:1]] ", "");
            assert!(pair[1]["content"].as_str().unwrap().starts_with(&format!("You said: {prompt}\n")));
        }
    });
}

/// Tests that must be alone in the cloud.
pub(crate) fn alone(round: &mut Round<'_>) {
    round.test("warm_chat_makes_few_aws_calls", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let body = || json!({"imageGeneration": {"size": "256x256"}});
        let session = chatter.say(body()).await["sessionId"].clone();
        let seen = cloud.calls_so_far();
        let mut more = body();
        more["sessionId"] = session.clone();
        let said = chatter.say(more).await;
        assert_eq!(
            cloud.calls_of("chat-new", seen),
            ["dynamodb:UpdateItem", "dynamodb:Query", "dynamodb:TransactWriteItems", "sqs:SendMessage"],
        );
        cloud.ended(said["imageGenerationJob"]["jobId"].as_str().unwrap()).await;
        let path = format!("/chat/{}", session.as_str().unwrap());
        chatter.get(&path).await;
        let seen = cloud.calls_so_far();
        chatter.get(&path).await;
        let mut calls = cloud.calls_of("chat-get", seen);
        calls.sort_unstable();
        assert_eq!(calls, ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"]);
    });
}
