//! Chat: every line that the contract has on it.

use aws::access::AccessTable;
use aws::jobs::JobsTable;
use aws::sessions::{SessionsTable, Turns};
use domain::access::{ApiKey, Caller, Scope};
use domain::chat::{Message, Role, Session, Text, Turn, TurnIds};
use domain::idempotency::IdempotencyKey;
use domain::ports::{KeyRegistry as _, TurnStore as _};
use domain::{SessionId, Timestamp, UserId};
use reqwest::{Method, RequestBuilder, Response};
use semantest_tests::cloud::Cloud;
use semantest_tests::receiver::Receiver;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

use crate::Round;

const BOTH: &[Scope] = &[Scope::Chat, Scope::ImagesWrite, Scope::ImagesRead];

/// A client with a key of its own, so that no test uses up another's limit.
struct Chatter<'a> {
    cloud: &'a Cloud,
    key: String,
    user: UserId,
}

impl<'a> Chatter<'a> {
    async fn of(cloud: &'a Cloud, client: &str, scopes: &[Scope]) -> Self {
        let (key, record) = testkit::api_key(client, scopes);
        let table = AccessTable::new(cloud.dynamodb.clone(), cloud.output("AccessTable").to_owned());
        table.add(&record).await.unwrap();
        Self { cloud, key: key.expose().to_owned(), user: UserId::new() }
    }

    async fn new(cloud: &'a Cloud) -> Self {
        Self::of(cloud, "local", BOTH).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.cloud.http.request(method, format!("{}/api/v1{path}", self.cloud.url));
        request.header("x-api-key", &self.key)
    }

    fn post(&self, more: &Value) -> RequestBuilder {
        let mut body = json!({"userId": self.user, "prompt": "a kite"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.request(Method::POST, "/chat/new").json(&body)
    }

    /// One turn, which must succeed.
    async fn say(&self, more: Value) -> Value {
        let answer = self.post(&more).send().await.unwrap();
        let status = answer.status();
        let said: Value = answer.json().await.unwrap();
        assert_eq!(status, 201, "{said}");
        said
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        told(self.request(Method::GET, path).send().await.unwrap()).await
    }

    /// A session's every message.
    async fn messages(&self, session: &Value) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/chat/{}?limit=100{cursor}", session.as_str().unwrap());
            let (status, page) = self.get(&path).await;
            assert_eq!(status, 200, "{page}");
            all.extend(page["messages"].as_array().unwrap().clone());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// How many rows there are of this user: sessions, and image jobs.
    async fn rows(&self) -> (usize, usize) {
        let mut counts = Vec::new();
        for table in ["SessionsTable", "JobsTable"] {
            let scan = self.cloud.dynamodb.scan().table_name(self.cloud.output(table));
            let user = aws_sdk_dynamodb::types::AttributeValue::S(self.user.to_string());
            let scan = scan.filter_expression("userId = :user").expression_attribute_values(":user", user);
            let items: Result<Vec<_>, _> = scan.into_paginator().items().send().collect().await;
            counts.push(items.unwrap().len());
        }
        (counts[0], counts[1])
    }

    fn caller(&self) -> Caller {
        Caller::Key(self.key.parse::<ApiKey>().unwrap().id())
    }
}

async fn told(answer: Response) -> (u16, Value) {
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn reply(said: &Value) -> &str {
    said["chatResponse"]["content"].as_str().unwrap()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("a_chat_replies_and_keeps_what_was_said", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let answer = chatter.post(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(answer.headers().contains_key("x-trace-id"));
        assert_eq!(answer.headers()["x-ratelimit-limit"], "10");
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

    round.test("a_continued_chat_knows_what_was_said", |cloud| async move {
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

    round.test("a_chat_of_another_owner_is_not_there", |cloud| async move {
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

    round.test("an_image_job_of_a_chat_completes_and_stands_at_its_message", |cloud| async move {
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

    round.test("a_chat_wants_an_image_by_naming_one_and_not_else", |cloud| async move {
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

    round.test("a_chat_provider_that_fails_leaves_nothing_behind", |cloud| async move {
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

    round.test(
        "a_chat_provider_that_takes_too_long_has_failed_before_the_gateway_gives_up",
        |cloud| async move {
            let chatter = Chatter::new(&cloud).await;
            let started = Instant::now();
            let body = json!({"prompt": "[[slow:60]] a kite", "imageGeneration": {}});
            let (status, error) = told(chatter.post(&body).send().await.unwrap()).await;
            let took = started.elapsed();
            assert_eq!((status, &error["error"]["code"]), (502, &json!("GENERATION_FAILED")), "{error}");
            assert!((Duration::from_secs(20)..Duration::from_secs(29)).contains(&took), "{took:?}");
            assert_eq!(chatter.rows().await, (0, 0));
        },
    );

    round.test("turns_at_once_of_one_chat_are_all_stored_and_stay_in_pairs", |cloud| async move {
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

    round.test("a_huge_chat_is_read_in_pages_and_told_in_part", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let session = json!(long_chat(&chatter, 70).await);
        let said = chatter.say(json!({"sessionId": session, "prompt": "x".repeat(4000)})).await;
        assert!(
            reply(&said).contains("before it: 2; the last, of the assistant"),
            "{}",
            &reply(&said)[3900..]
        );
        let messages = chatter.messages(&session).await;
        assert_eq!(messages.len(), 142);
        let ids: Vec<_> = messages.iter().map(|message| message["id"].as_str().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "oldest first, none twice");
        for (name, value) in [("limit", "0"), ("limit", "101"), ("limit", "x"), ("cursor", "x")] {
            let path = format!("/chat/{}?{name}={value}", session.as_str().unwrap());
            let (status, error) = chatter.get(&path).await;
            assert_eq!((status, &error["error"]["details"][0]["path"]), (400, &json!(name)), "{path}");
        }
        let (_, page) = chatter.get(&format!("/chat/{}", session.as_str().unwrap())).await;
        // A megabyte is what DynamoDB reads at once; fifty of these are more.
        let shown = page["messages"].as_array().unwrap().len();
        assert!((1..=50).contains(&shown) && page["nextCursor"].is_string(), "{shown}");
    });

    round.test("a_chat_with_the_same_idempotency_key_replies_once", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let body = json!({"prompt": "[[slow:1]] a kite", "imageGeneration": {"size": "256x256"}});
        let send = || chatter.post(&body).header("idempotency-key", "k-1").send();
        let (one, other) = tokio::join!(send(), send());
        let mut statuses =
            [one.as_ref().unwrap().status().as_u16(), other.as_ref().unwrap().status().as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
        let first = if one.as_ref().unwrap().status() == 201 { one } else { other }.unwrap();
        let (location, first) = (first.headers()["location"].clone(), first.text().await.unwrap());
        let again = send().await.unwrap();
        assert_eq!((again.status().as_u16(), &again.headers()["location"]), (201, &location));
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(again.text().await.unwrap(), first);

        let changed = chatter.post(&json!({})).header("idempotency-key", "k-1").send().await.unwrap();
        let (status, error) = told(changed).await;
        assert_eq!((status, &error["error"]["code"]), (422, &json!("IDEMPOTENCY_CONFLICT")));
        assert_eq!(chatter.rows().await, (1, 1));

        // As a function leaves it that dies after its work and before its answer.
        forget(&cloud, &chatter, "k-1").await;
        let rerun = send().await.unwrap();
        assert_eq!((rerun.status().as_u16(), rerun.headers().get("idempotent-replayed")), (201, None));
        let (first, rerun): (Value, Value) =
            (serde_json::from_str(&first).unwrap(), rerun.json().await.unwrap());
        for field in ["sessionId", "messageId", "chatResponse"] {
            assert_eq!(rerun[field], first[field]);
        }
        assert_eq!(rerun["imageGenerationJob"]["jobId"], first["imageGenerationJob"]["jobId"]);
        assert_eq!((chatter.rows().await, chatter.messages(&first["sessionId"]).await.len()), ((1, 1), 2));
    });

    round.test("a_chat_turn_begun_twice_is_found_however_much_was_said_since", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let session = chatter.say(json!({})).await["sessionId"].clone();
        let body = json!({"sessionId": session, "prompt": "the old one"});
        let send = || chatter.post(&body).header("idempotency-key", "k-2").send();
        let first: Value = send().await.unwrap().json().await.unwrap();
        for _ in 0..60 {
            add_turn(&chatter, session.as_str().unwrap().parse().unwrap(), "hm", false).await;
        }
        forget(&cloud, &chatter, "k-2").await;
        let rerun: Value = send().await.unwrap().json().await.unwrap();
        assert_eq!(rerun, first);
        assert_eq!(chatter.messages(&session).await.len(), 4 + 120);
    });

    round.test("an_expired_chat_is_not_there_though_its_rows_still_are", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let session = chatter.say(json!({})).await["sessionId"].clone();
        let kept = cloud
            .dynamodb
            .update_item()
            .table_name(cloud.output("SessionsTable"))
            .key("pk", text(format!("SESSION#{}", session.as_str().unwrap())))
            .key("sk", text("SESSION"))
            .update_expression("SET #ttl = :past")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":past", aws_sdk_dynamodb::types::AttributeValue::N("1000".into()))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld)
            .send()
            .await
            .unwrap();
        let ttl: i64 = kept.attributes().unwrap()["ttl"].as_n().unwrap().parse().unwrap();
        let days = (ttl - Timestamp::now().seconds()) / 86_400;
        assert!((89..=90).contains(&days), "kept for {days} days");
        let (status, _) = chatter.get(&format!("/chat/{}", session.as_str().unwrap())).await;
        let (again, _) = told(chatter.post(&json!({"sessionId": session})).send().await.unwrap()).await;
        assert_eq!((status, again), (404, 404));
    });

    round.test("every_fault_of_a_chat_is_told_at_once_by_its_path", |cloud| async move {
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
        let many = vec![json!({"role": "user", "content": "x"}); 101];
        let (_, error) =
            told(chatter.post(&json!({"chatContext": {"previousMessages": many}})).send().await.unwrap())
                .await;
        assert_eq!(error["error"]["details"][0]["path"], "chatContext.previousMessages");
        assert_eq!(chatter.rows().await, (0, 0));
    });

    round.test("no_body_of_a_chat_is_a_fault_of_ours", |cloud| async move {
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
                // Of two fields with one name the last counts.
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

/// What must be alone in the cloud.
pub(crate) fn alone(round: &mut Round<'_>) {
    round.test("a_warm_chat_makes_few_calls", |cloud| async move {
        let chatter = Chatter::new(&cloud).await;
        let body = || json!({"imageGeneration": {"size": "256x256"}});
        let session = chatter.say(body()).await["sessionId"].clone();
        let seen = cloud.calls().len();
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
        let seen = cloud.calls().len();
        chatter.get(&path).await;
        let mut calls = cloud.calls_of("chat-get", seen);
        calls.sort_unstable();
        assert_eq!(calls, ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"]);
    });
}

fn text(value: impl Into<String>) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::S(value.into())
}

/// Leaves a used `Idempotency-Key` as a run that died before its answer was kept.
async fn forget(cloud: &Cloud, chatter: &Chatter<'_>, key: &str) {
    let key = IdempotencyKey::new(chatter.caller(), key).unwrap();
    let past = aws_sdk_dynamodb::types::AttributeValue::N("0".into());
    cloud
        .dynamodb
        .update_item()
        .table_name(cloud.output("JobsTable"))
        .key("pk", text(aws::keys::idempotency_partition(&key)))
        .key("sk", text(aws::keys::idempotency_sort()))
        .update_expression("REMOVE answer SET claimedUntil = :past")
        .condition_expression("attribute_exists(answer)")
        .expression_attribute_values(":past", past)
        .send()
        .await
        .unwrap();
}

/// A session of so many turns, each as long as can be.
async fn long_chat(chatter: &Chatter<'_>, turns: usize) -> SessionId {
    let id = SessionId::new();
    for turn in 0..turns {
        add_turn(chatter, id, &"x".repeat(32_000), turn == 0).await;
    }
    id
}

/// Stores a turn as the function does, without asking anybody.
async fn add_turn(chatter: &Chatter<'_>, session: SessionId, words: &str, begins: bool) {
    let (client, now) = (chatter.cloud.dynamodb.clone(), Timestamp::now());
    let turns = Turns {
        sessions: SessionsTable::new(client.clone(), chatter.cloud.output("SessionsTable").to_owned()),
        jobs: JobsTable::new(client, chatter.cloud.output("JobsTable").to_owned()),
    };
    let expires_at = now + Duration::from_secs(86_400);
    let ids = TurnIds::from_seed(Uuid::now_v7());
    let message = |id, role| Message {
        id,
        role,
        content: Text::try_from(words.to_owned()).unwrap(),
        timestamp: now,
        job_id: None,
        expires_at,
    };
    let (client_id, user_id) = ("local".parse().unwrap(), chatter.user);
    let session = Session { id: session, client_id, user_id, created_at: now, expires_at };
    let (prompt, reply) = (message(ids.prompt, Role::User), message(ids.reply, Role::Assistant));
    turns.save_turn(&Turn { session, begins, prompt, reply }, None).await.unwrap();
}
