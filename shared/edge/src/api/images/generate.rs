//! The body of `POST /images/generate`.

use domain::Error;
use domain::jobs::{GenerateRequest, WebhookUrlPolicy};

use crate::api::images::image_options;
use crate::http::json_body::{Fields, parsed};

/// Parses the body of `POST /images/generate`.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors.
pub fn parse(body: &[u8], url_policy: WebhookUrlPolicy) -> Result<GenerateRequest, Error> {
    let mut fields = Fields::parse(body)?;

    let user = fields.required("userId", parsed);
    let session = fields.optional("sessionId", parsed);
    let prompt = image_options::prompt(&mut fields);
    let options = image_options::image_options(&mut fields);
    let priority = image_options::priority(&mut fields);
    let webhook = image_options::webhook(&mut fields, url_policy);
    let metadata = image_options::metadata(&mut fields);
    fields.finish()?;

    let (Some(user), Some(prompt)) = (user, prompt) else {
        return Err(Error::internal("a required field is missing, but no field error was added"));
    };
    Ok(GenerateRequest { user, session, picture: options.of(prompt), priority, webhook, metadata })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use domain::images::{ProviderChoice, Quality, Size, Style};
    use domain::jobs::WebhookEvent;
    use domain::primitives::Priority;
    use proptest::prelude::*;
    use serde_json::Value;

    const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

    fn error_paths(body: &str) -> Vec<String> {
        match parse(body.as_bytes(), WebhookUrlPolicy::HttpsOnly) {
            Err(Error::Invalid(field_errors)) => field_errors.into_iter().map(|error| error.path).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn missing_fields_get_defaults() {
        let body = format!(r#"{{"userId":"{USER}","prompt":"a kite","unknown":1,"style":null}}"#);
        let request = parse(body.as_bytes(), WebhookUrlPolicy::HttpsOnly).unwrap();
        let picture = &request.picture;
        assert_eq!(
            (picture.provider, picture.size, picture.count.get(), picture.quality, picture.style),
            (ProviderChoice::Automatic, Size::S512, 1, Quality::Standard, None)
        );
        assert_eq!((request.priority, request.webhook, request.metadata), (Priority::Normal, None, None));
    }

    #[test]
    fn all_fields_are_read() {
        let body = format!(
            r#"{{"userId":"{USER}","sessionId":"{USER}","prompt":"p","provider":"dalle3","size":"1792x1024",
            "count":4.0,"quality":"hd","style":"natural","priority":"high","webhookUrl":"https://example.com/h",
            "webhookEvents":["job.failed","job.failed"],"metadata":{{"big":12345678901234567890123, "a":1.0}}}}"#
        );
        let request = parse(body.as_bytes(), WebhookUrlPolicy::HttpsOnly).unwrap();
        assert_eq!(request.picture.style, Some(Style::Natural));
        assert_eq!(request.picture.count.get(), 4);
        assert_eq!(request.priority, Priority::High);
        let webhook = request.webhook.unwrap();
        assert_eq!(webhook.url.url().as_str(), "https://example.com/h");
        assert_eq!(webhook.events, [WebhookEvent::Failed]);
        assert_eq!(request.metadata.unwrap().json(), r#"{"big":12345678901234567890123, "a":1.0}"#);
    }

    #[test]
    fn all_field_errors_are_reported() {
        let body = r#"{"userId":7,"sessionId":"x","provider":"dalle9","size":"1x1","count":5,"quality":"best",
            "style":"loud","priority":9,"webhookUrl":"http://example.com","webhookEvents":["job.completed","nope",1],
            "metadata":[]}"#;
        assert_eq!(
            error_paths(body),
            [
                "userId",
                "sessionId",
                "prompt",
                "provider",
                "size",
                "count",
                "quality",
                "style",
                "priority",
                "webhookUrl",
                "webhookEvents[1]",
                "webhookEvents[2]",
                "metadata"
            ]
        );
    }

    #[test]
    fn body_must_be_an_object() {
        for body in ["", "{", "[]", "null", "1", "\"x\"", "{}x", "\u{feff}{}"] {
            assert_eq!(error_paths(body), [""], "{body}");
        }
        assert!(matches!(parse(b"{\"a\":\"\xff\"}", WebhookUrlPolicy::HttpsOnly), Err(Error::Invalid(_))));
    }

    #[test]
    fn bounds_are_exact() {
        let with =
            |field: &str, value: &str| format!(r#"{{"userId":"{USER}","prompt":"p","{field}":{value}}}"#);
        for (field, value) in [
            ("count", "0"),
            ("count", "1.5"),
            ("count", "-1"),
            ("count", "1e999"),
            ("count", "\"1\""),
            ("count", "257"),
            ("prompt", "\"\""),
            ("prompt", "\" \""),
            ("metadata", &format!(r#"{{"a":"{}"}}"#, "x".repeat(4096))),
        ] {
            assert_eq!(error_paths(&with(field, value)), [field], "{field} {value}");
        }
        let max_metadata = format!(r#"{{"a":"{}"}}"#, "x".repeat(4096 - 8));
        assert!(parse(with("metadata", &max_metadata).as_bytes(), WebhookUrlPolicy::HttpsOnly).is_ok());
    }

    proptest! {
        #[test]
        fn parse_never_panics_on_bytes(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, WebhookUrlPolicy::HttpsOnly);
        }

        #[test]
        fn parse_never_panics_on_json(field in "(userId|prompt|count|size|metadata|webhookUrl|webhookEvents)", value in any_json()) {
            let body = serde_json::json!({ field: value }).to_string();
            let _ = parse(body.as_bytes(), WebhookUrlPolicy::AllowLoopbackHttp);
        }
    }

    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,8}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
