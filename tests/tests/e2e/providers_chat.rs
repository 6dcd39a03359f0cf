//! Chats with a model behind `/chat/completions` from end to end, with a stand-in.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::standin::openai::Act;

use crate::Round;
use crate::chat::chatter::{Chatter, reply, told};

pub(crate) fn tests(round: &mut Round<'_>) {
    round.with_providers("chat_model_replies_and_gets_the_history", |cloud, stand_ins| async move {
        let chatter = Chatter::new(&cloud).await;
        let first = chatter.say(json!({"prompt": "a question of kites"})).await;
        assert_eq!(reply(&first), "You said: a question of kites");
        let next = json!({"prompt": "and of dunes", "sessionId": first["sessionId"],
            "chatContext": {"temperature": 0.2, "maxTokens": 4}});
        let second = chatter.say(next).await;
        assert_eq!(reply(&second).trim_end(), "You said: and of", "cut after four words");
        let asked = stand_ins.openai.requests();
        let asked = asked.iter().find(|body| body["max_completion_tokens"] == 4).unwrap();
        let said: Vec<_> =
            asked["messages"].as_array().unwrap().iter().map(|said| &said["content"]).collect();
        assert_eq!(said, ["a question of kites", "You said: a question of kites", "and of dunes"]);
        assert_eq!(asked.get("temperature"), None, "a model that thinks takes none");
    });

    round.with_providers("chat_model_that_refuses_or_fails_leaves_no_rows", |cloud, stand_ins| async move {
        for (words, act) in [
            ("refused kites", Act::Refusal),
            ("thought of kites", Act::Thought),
            ("broken kites", Act::BreakOff),
            ("kites without money", Act::error(429, &json!({"message": "x", "code": "insufficient_quota"}))),
        ] {
            stand_ins.openai.upon(words, 1, act);
            let chatter = Chatter::new(&cloud).await;
            let body = json!({"prompt": words, "imageGeneration": {"enabled": true}});
            let (status, error) = told(chatter.post(&body).send().await.unwrap()).await;
            assert_eq!(
                (status, &error["error"]["code"]),
                (502, &json!("GENERATION_FAILED")),
                "{words}: {error}"
            );
            assert_eq!(chatter.rows().await, (0, 0), "{words}");
        }
    });

    round.with_providers(
        "chat_model_that_hangs_times_out_before_the_gateway",
        |cloud, stand_ins| async move {
            stand_ins.openai.upon("hanging kites", 1, Act::Stall);
            let chatter = Chatter::new(&cloud).await;
            let started = Instant::now();
            let answer = chatter.post(&json!({"prompt": "hanging kites"})).send().await.unwrap();
            assert!(started.elapsed() < Duration::from_secs(26), "{:?}", started.elapsed());
            let (status, error): (u16, Value) = told(answer).await;
            assert_eq!((status, &error["error"]["code"]), (502, &json!("GENERATION_FAILED")), "{error}");
            assert_eq!(chatter.rows().await, (0, 0));
        },
    );
}
