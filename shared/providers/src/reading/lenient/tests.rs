use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn odd_details_of_json_are_mended() {
    for (json, expected) in [
        (
            &br#"{"a":NaN,"b":[-Infinity,Infinity,-NaN,-1]}"#[..],
            json!({"a": null, "b": [null, null, null, -1]}),
        ),
        (
            br#"{"a":"x\ud83d","b":"\ude00\ud83d\ude00\uD83D\n"}"#,
            json!({"a": "x\u{fffd}", "b": "\u{fffd}😀\u{fffd}\n"}),
        ),
        (b"{\"a\":\"caf\xe9\"}", json!({"a": "caf\u{fffd}"})),
        (
            br#"{"a":"NaN","b":"\\ud83d \"-Infinity","c":NaN}"#,
            json!({"a": "NaN", "b": "\\ud83d \"-Infinity", "c": null}),
        ),
        (b"{\"a\":1}\0\0", json!({"a": 1})),
        (b"{\"a\":1}\n{\"b\":2}", json!({"a": 1})),
    ] {
        let shown = String::from_utf8_lossy(json);
        assert_eq!(read::<Value>(json), Some(expected), "{shown}");
    }
    for json in [&b""[..], b"{", b"<html>", b"{\"a\":1", b"{\"a\":\"\\ud8", b"{\"a\":Nan}"] {
        assert_eq!(read::<Value>(json), None, "{}", String::from_utf8_lossy(json));
    }
}

#[test]
fn field_that_cannot_be_read_spoils_no_other() {
    let json = br#"{"a":null,"a":false,"a":" ","a":"x","b":1e400,"c":"y\ud83d","d":{"e":[1]},"a":"z"} rest"#;
    let fields = Fields::read(json).unwrap();
    assert_eq!(fields.text("a").as_deref(), Some("x"));
    assert_eq!((fields.value("b"), fields.text("b")), (Value::Null, None));
    assert_eq!(fields.text("c").as_deref(), Some("y\u{fffd}"));
    assert_eq!((fields.value("d"), fields.value("e")), (json!({"e": [1]}), Value::Null));
    for json in [&b"[1]"[..], b"\"x\"", b"{\"a\":1", b""] {
        assert!(Fields::read(json).is_none());
    }
}

proptest! {
    #[test]
    fn valid_json_is_not_changed(text in ".{0,20}", number in any::<f64>(), escaped: bool) {
        let mut json = json!({text.clone(): [text, number, {"n": null}]}).to_string();
        if escaped {
            json = json.chars().fold(String::new(), |json, c| {
                if c.is_ascii() {
                    return json + &c.to_string();
                }
                c.encode_utf16(&mut [0; 2]).iter().fold(json, |json, unit| format!("{json}\\u{unit:04x}"))
            });
        }
        prop_assert_eq!(mended(json.as_bytes()), None);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[{}\"\\\\uUd8fNaIinty:,-]{0,40}") {
        for json in [&bytes[..], text.as_bytes()] {
            let _ = (read::<Value>(json), mended(json), Fields::read(json).map(|fields| fields.value("")));
        }
    }
}
