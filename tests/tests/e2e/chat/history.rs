//! The stored history of a chat, and its retention.

use std::time::Duration;

use aws::chat::{SessionsTable, Turns};
use aws::dynamodb::JobsTable;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::access::IdempotencyKey;
use domain::chat::{Message, Role, Session, Text, Turn, TurnIds, TurnStore as _};
use domain::{SessionId, Timestamp};
use semantest_tests::cloud::Cloud;
use serde_json::{Value, json};
use uuid::Uuid;

use super::chatter::{Chatter, reply, told};
use crate::Round;

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("huge_chat_is_read_in_pages_and_sent_to_the_model_in_part", |cloud| async move {
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
        // DynamoDB reads at most 1 MB at once; fifty of these messages are more.
        let shown = page["messages"].as_array().unwrap().len();
        assert!((1..=50).contains(&shown) && page["nextCursor"].is_string(), "{shown}");
    });

    round.test("chat_with_the_same_idempotency_key_replies_once", |cloud| async move {
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

        // As if a function had crashed after its work and before its response.
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

    round.test("chat_turn_repeated_after_a_crash_is_found_among_later_turns", |cloud| async move {
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

    round.test("expired_chat_with_remaining_rows_is_not_found", |cloud| async move {
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
            .expression_attribute_values(":past", AttributeValue::N("1000".into()))
            .return_values(ReturnValue::AllOld)
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
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// Removes the stored response of an `Idempotency-Key`, as if the request had crashed before it stored one.
async fn forget(cloud: &Cloud, chatter: &Chatter<'_>, key: &str) {
    let key = IdempotencyKey::new(chatter.caller(), key).unwrap();
    let past = AttributeValue::N("0".into());
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

/// A session of `count` turns of maximum length.
async fn long_chat(chatter: &Chatter<'_>, turns: usize) -> SessionId {
    let id = SessionId::new();
    for turn in 0..turns {
        add_turn(chatter, id, &"x".repeat(32_000), turn == 0).await;
    }
    id
}

/// Stores a turn as the function does, without a request to the model.
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
