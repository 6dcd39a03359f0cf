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
    let picture = answer["data"][0]["b64_json"].as_str().unwrap();
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

#[tokio::test]
async fn whole_image_in_another_form_is_bought_once() {
    let acts = [
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
