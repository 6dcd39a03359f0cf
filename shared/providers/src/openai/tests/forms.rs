//! Whole images in other forms than they were asked for.

use testkit::standin::Reply;
use testkit::standin::openai::Act;

use super::*;

fn lines(picture: &str, columns: usize, end: &str) -> String {
    let lines: Vec<_> = picture.as_bytes().chunks(columns).map(String::from_utf8_lossy).collect();
    lines.join(end)
}

fn url_safe(picture: &str) -> String {
    picture.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned()
}

fn events(answer: &Value) -> Reply {
    let picture = picture_of(answer);
    let mut stream = String::from(": connected\n\n");
    for (kind, text) in [("partial_image", "iVBORw0KGgo="), ("completed", picture)] {
        let event =
            json!({"type": format!("image_generation.{kind}"), "b64_json": text, "usage": answer["usage"]});
        stream += &format!("event: image_generation.{kind}\ndata: {event}\n\n");
    }
    Reply::new(200, "text/event-stream", stream + "data: [DONE]\n\n")
}

/// In gzip without compression: a header, one stored block for each 64 KiB, and the check sum of RFC 1952.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut blocks = text.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        bytes.push(u8::from(blocks.peek().is_none()));
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(block);
    }
    let sum = text.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    });
    bytes.extend((!sum).to_le_bytes());
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes
}

/// The answer as text, in which `from` is replaced.
fn replaced(answer: &Value, from: &str, to: &str) -> Reply {
    let text = answer.to_string();
    assert!(text.contains(from), "{from}");
    Reply::new(200, "application/json", text.replacen(from, to, 1))
}

fn picture_of(answer: &Value) -> &str {
    answer["data"][0]["b64_json"].as_str().unwrap()
}

/// A chunked body whose last chunk never comes.
async fn in_a_broken_frame(body: &str) -> (String, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = format!("{head}{:x}\r\n{body}\r\n", body.len());
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 65536]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, serving)
}

#[tokio::test]
async fn whole_answer_in_a_broken_frame_is_used() {
    use base64::prelude::*;
    use domain::providers::{ErrorClass, Reason};
    use testkit::standin::{Encoding, painted};
    let picture = BASE64_STANDARD.encode(painted(1024, 1024, 1, Encoding::Png));
    let whole = json!({"created": 1, "data": [{"b64_json": picture}]}).to_string();
    let (url, serving) = in_a_broken_frame(&whole).await;
    let kept = Kept::default();
    let made = provider(&url, &json!({})).generate(&image_task(square(1)), &kept).await;
    assert!(matches!(made, Ok(Step::Finished(_))), "{made:?}");
    assert_eq!(kept.images().len(), 1);
    serving.abort();
    // Half of it is an answer that nobody can use.
    let (url, serving) = in_a_broken_frame(&whole[..whole.len() / 2]).await;
    let failure = provider(&url, &json!({})).generate(&image_task(square(1)), &kept).await.unwrap_err();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Provider, Reason::BadResponse));
    assert!(failure.possibly_paid && failure.is_useless_answer());
    serving.abort();
}

#[tokio::test]
async fn odd_side_field_does_not_lose_the_image() {
    let acts = [
        Act::Item(|picture| json!({"b64_json": picture, "revised_prompt": 7})),
        Act::Item(|picture| json!({"b64_json": picture, "revised_prompt": ["x"]})),
        Act::Item(|picture| json!({"b64_json": picture, "revised_prompt": {"text": "x"}})),
        Act::Item(|picture| json!({"b64_json": picture, "revised_prompt": true})),
        Act::Item(|picture| json!({"b64_json": picture, "url": false})),
        Act::Item(|picture| json!({"b64_json": false, "url": format!("data:image/png;base64,{picture}")})),
        Act::Wrapped(|answer| replaced(answer, "{\"b64_json\"", r#"{"revised_prompt":"x\ud83d","b64_json""#)),
        Act::Wrapped(|answer| replaced(answer, "{\"b64_json\"", r#"{"b64_json":null,"b64_json""#)),
        Act::Wrapped(|answer| replaced(answer, "\"data\"", "\"created\":NaN,\"data\"")),
        Act::Wrapped(|answer| replaced(answer, "\"data\"", "\"cost\":1e400,\"data\"")),
        Act::Wrapped(|answer| replaced(answer, "\"usage\":{", "\"usage\":{\"cost\":NaN,")),
        Act::Wrapped(|answer| replaced(answer, "\"usage\":{", "\"usage\":{\"cost\":1e400,")),
        Act::Wrapped(|answer| {
            let text =
                answer.to_string().replacen("{\"b64_json\"", "{\"revised_prompt\":\"caf?\",\"b64_json\"", 1);
            let body: Vec<u8> = text.bytes().map(|byte| if byte == b'?' { 0xe9 } else { byte }).collect();
            Reply::new(200, "application/json", body)
        }),
    ];
    for (number, act) in acts.into_iter().enumerate() {
        let stand_in = StandIn::start().await;
        let (kept, made) = make(stand_in.next(act), &json!({}), square(1)).await;
        assert!(matches!(made, Ok(Step::Finished(_))), "{number}: {made:?}");
        assert_eq!((kept.images().len(), stand_in.paid_calls()), (1, 1), "{number}");
    }
}

#[tokio::test]
async fn url_is_fetched_if_what_stands_beside_it_is_no_picture() {
    let local = json!({"models": {"gpt_image": "flux.1-schnell"}, "dialect": "local"});
    for placeholder in ["null", "None", "<omitted>", "aGVsbG8gd29ybGQ=", "iVBORw0KGgoAAAAN*"] {
        let stand_in = StandIn::start().await;
        let storage = testkit::standin::Server::start(|_| {
            let picture = testkit::standin::painted(1024, 1024, 7, testkit::standin::Encoding::Png);
            Reply::new(200, "image/png", picture)
        })
        .await;
        let mut settings = local.clone();
        settings["picturesFrom"] = json!(["127.0.0.1"]);
        let item = json!({"b64_json": placeholder, "url": format!("{}/ok.png", storage.url())});
        let reply = Reply::json(200, &json!({"data": [item]}));
        let (kept, made) = make(stand_in.next(Act::Spoil(reply)), &settings, square(1)).await;
        assert!(matches!(made, Ok(Step::Finished(_))), "{placeholder}: {made:?}");
        assert_eq!((kept.images().len(), stand_in.paid_calls()), (1, 1), "{placeholder}");
    }
}

#[tokio::test]
async fn whole_image_in_another_form_is_bought_once() {
    let acts = [
        Act::Item(|picture| json!({"b64_json": format!("data:image/png; base64, {picture}")})),
        Act::Item(|picture| json!({"b64_json": format!("\u{feff}{picture}\0")})),
        Act::Item(|picture| json!({"b64_json": format!("\"{picture}\"")})),
        Act::Item(|picture| json!(picture)),
        Act::Item(|picture| json!(format!("data:image/png;base64,{picture}"))),
        Act::Wrapped(|answer| Reply::json(200, &json!({"data": answer["data"][0]}))),
        Act::Wrapped(|answer| Reply::json(200, &json!({"images": answer["data"]}))),
        Act::Wrapped(|answer| Reply::json(200, &json!({"images": [picture_of(answer)]}))),
        Act::Wrapped(|answer| Reply::new(200, "text/plain", picture_of(answer))),
        Act::Wrapped(|answer| Reply::json(200, &answer["data"][0]["b64_json"])),
        Act::Wrapped(|answer| Reply::new(200, "application/json", format!("{answer}\0\0"))),
        Act::Wrapped(|answer| Reply::new(200, "application/json", format!("{answer}\n{{\"done\":true}}\n"))),
        Act::Wrapped(|answer| {
            let text = format!("\u{feff}{answer}");
            let body: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            Reply::new(200, "application/json", body)
        }),
        Act::Wrapped(|answer| {
            let text = format!("\u{feff}{answer}");
            let body: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            Reply::new(200, "application/json", body)
        }),
        Act::Item(|picture| json!({"url": format!("data:image/png;base64,{picture}")})),
        Act::Item(|picture| json!({"b64_json": format!("data:image/png;base64,{picture}")})),
        Act::Item(|picture| json!({"url": picture})),
        Act::Item(|picture| json!({"b64_json": lines(picture, 76, "\r\n")})),
        Act::Item(|picture| json!({"b64_json": lines(picture, 64, "\n") + "\n"})),
        Act::Item(|picture| json!({"b64_json": lines(picture, 100, " ")})),
        Act::Item(|picture| json!({"b64_json": url_safe(picture)})),
        Act::Item(|picture| json!({"b64_json": format!("{}==", picture.trim_end_matches('='))})),
        Act::Wrapped(|answer| Reply::new(200, "application/json", format!("\u{feff}{answer}"))),
        Act::Wrapped(|answer| {
            let body = gzip(answer.to_string().as_bytes());
            Reply::new(200, "application/json", body).header("content-encoding", "gzip")
        }),
        Act::Wrapped(|answer| Reply::new(200, "application/json", gzip(answer.to_string().as_bytes()))),
        Act::Wrapped(events),
        Act::Wrapped(|answer| Reply::new(200, "text/event-stream", format!("data: {answer}\r\n\r\n"))),
        Act::Wrapped(|answer| Reply::new(200, "application/json", format!("data: {answer}"))),
    ];
    for (number, act) in acts.into_iter().enumerate() {
        let stand_in = StandIn::start().await;
        let (kept, made) = make(stand_in.next(act), &json!({}), square(1)).await;
        assert!(matches!(made, Ok(Step::Finished(_))), "{number}: {made:?}");
        let images = kept.images();
        assert_eq!((images.len(), stand_in.paid_calls()), (1, 1), "{number}");
        assert!(pictures::decode::decode(&images[0].1.bytes).is_ok(), "{number}");
    }
}
