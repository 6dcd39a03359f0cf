//! Answers with and without a usable image.

use super::*;

#[tokio::test]
async fn raw_image_answer_is_read() {
    let standin = standin::Stability::start(KEY).await;
    standin.answer_raw();
    let (task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
    provider(&standin).generate(&task, &kept).await.unwrap();
    let image = &kept.images()[0].1;
    assert_eq!(decode(&image.bytes).unwrap().width, 1216);
    assert_eq!(image.origin.seed, Some(seed::of(task.job, 0)));
}

#[tokio::test]
async fn blurred_image_is_a_refusal_in_header_or_body() {
    let body_only = serde_json::json!({"image": "aGVsbG8=", "finish_reason": "content_filtered"});
    let header_only = serde_json::json!({"image": "aGVsbG8=", "finish_reason": "SUCCESS"});
    for reply in [
        standin::blurred(),
        standin::blurred_by_header(),
        Reply::json(200, &body_only),
        Reply::json(200, &header_only).header("finish-reason", "CONTENT_FILTERED"),
    ] {
        let error = error_of(reply).await;
        assert_eq!((error.class, error.reason), (ErrorClass::Caller, Reason::Moderated), "{error}");
        assert!(error.possibly_paid);
    }
}

#[tokio::test]
async fn unusable_answers_are_provider_errors() {
    let json = |body: &str| Reply::new(200, "application/json", body);
    let large = format!(r#"{{"image":"{}"}}"#, "A".repeat(MAX_ANSWER_BYTES));
    for reply in [
        json(r#"{"image":"aGVsbG8=","finish_reason":"SUCC"#),
        json(""),
        json("[]"),
        json(r#"{"image":"%%%","finish_reason":"SUCCESS"}"#),
        json(r#"{"image":"aGVsbG8="}"#),
        json(r#"{"image":"aGVsbG8=","finish_reason":"ERROR"}"#),
        json(&large),
        Reply::html(200),
        Reply::new(200, "image/png", "png"),
    ] {
        let error = error_of(reply).await;
        assert_eq!((error.class, error.reason), (ErrorClass::Provider, Reason::BadResponse), "{error}");
        assert!(error.possibly_paid);
    }
}

#[tokio::test]
async fn answer_without_an_image_has_its_own_reason() {
    for body in [
        r#"{"finish_reason":"SUCCESS"}"#,
        r#"{"image":null,"finish_reason":"SUCCESS"}"#,
        r#"{"image":"","finish_reason":"SUCCESS"}"#,
    ] {
        let error = error_of(Reply::new(200, "application/json", body)).await;
        assert_eq!((error.class, error.reason), (ErrorClass::Provider, Reason::NoImage), "{error}");
        assert!(error.possibly_paid);
    }
}

#[tokio::test]
async fn unknown_fields_in_an_answer_are_ignored() {
    let standin = standin::Stability::start(KEY).await;
    let body = serde_json::json!({
        "image": "aGVsbG8=", "finish_reason": "SUCCESS", "seed": "12", "new": {"x": [1]},
    });
    standin.next(Reply::json(200, &body));
    let (task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
    provider(&standin).generate(&task, &kept).await.unwrap();
    assert_eq!(kept.images()[0].1.origin.seed, Some(12));
}

#[tokio::test]
async fn odd_side_field_does_not_lose_the_image() {
    for fields in [r#""seed":NaN"#, r#""seed":1e400"#, r#""id":"x\ud83d""#, r#""image":null"#] {
        let standin = standin::Stability::start(KEY).await;
        let body = format!(r#"{{{fields},"image":"aGVsbG8=","finish_reason":"SUCCESS"}}"#);
        standin.next(Reply::new(200, "application/json", body));
        let (task, kept) = (image_task(picture(Size::S256, 1)), Kept::default());
        provider(&standin).generate(&task, &kept).await.unwrap();
        assert_eq!(kept.images().len(), 1, "{fields}");
    }
}

fn answer(status: u16, body: Vec<u8>, kind: &str, finish: &str) -> call::Answer {
    let mut headers = egress::header::HeaderMap::new();
    for (name, value) in [("content-type", kind), ("finish-reason", finish), ("seed", finish)] {
        if let Ok(value) = egress::header::HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    let status = egress::StatusCode::from_u16(status).unwrap();
    call::Answer { status, headers, body: body.into() }
}

proptest! {
    #[test]
    fn no_answer_panics(
        status in 300u16..1000,
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        text in ".{0,60}",
        n in any::<i64>(),
    ) {
        let object = serde_json::json!({
            "image": text, "finish_reason": text, "seed": n, "name": text, "errors": [text], "message": text,
        });
        for body in [bytes, text.clone().into_bytes(), object.to_string().into_bytes()] {
            for kind in ["application/json", "image/png", ""] {
                let _ = answer::read(&answer(200, body.clone(), kind, &text));
            }
            let _ = error::classify(&answer(status, body, "application/json", &text), &[]);
        }
    }
}
