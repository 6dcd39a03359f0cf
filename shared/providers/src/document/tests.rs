use domain::primitives::Secret;

use super::*;
use crate::Registry;

/// Every error of a new document.
fn errors(document: &str) -> Vec<String> {
    match Registry::from_new_document(&Secret::new(document)) {
        Ok(_) => Vec::new(),
        Err(bad) => bad.faults().iter().map(FieldError::to_string).collect(),
    }
}

#[test]
fn misspelt_name_is_reported_with_the_right_one() {
    for (document, expected) in [
        (r#"{"openAI":{}}"#, "openAI: is unknown; did you mean openai?"),
        (r#"{"stable_diffusion":{}}"#, "stable_diffusion: is unknown; did you mean stableDiffusion?"),
        (r#"{"openai":{"apikey":"sk-canary"}}"#, "openai.apikey: is unknown; did you mean apiKey?"),
        (r#"{"openai":{"models":{"dale3":"m"}}}"#, "openai.models.dale3: is unknown; did you mean dalle3?"),
        (r#"{"sandbox":{"slow":1}}"#, "sandbox.slow: is unknown; there is nothing to say here"),
    ] {
        assert_eq!(errors(document), [expected]);
    }
    let far = errors(r#"{"google":{}}"#);
    assert!(far[0].starts_with("google: is unknown; known are openai, chat, stability"), "{far:?}");
    // A control character in a name does not reach the terminal, nor does an endless name.
    let odd = errors(&format!(r#"{{"\u001b[2J{}":{{}}}}"#, "x".repeat(500)));
    assert!(odd[0].len() < 200 && odd[0].starts_with(r"\u{1b}[2J"), "{odd:?}");
}

#[test]
fn every_error_is_reported_at_once_with_its_path() {
    let document = r#"{
        "openai": {"apiKey": 7, "baseUrl": "canary", "dialect": "canary", "models": {"dalle2": ["m", 1]},
            "timeout": 3},
        "chat": {"temperature": "canary"},
        "stability": {"concurrency": 0, "perMinute": -1, "models": {"hd": "canary"}, "timeoutSeconds": 1.5},
        "stableDiffusion": {"baseUrl": "http://user:canary@host", "trainedSide": 4294967296,
            "steps": {"hd": "canary"}, "inTurn": "canary"},
        "midjourney": ["canary"],
        "sandbox": "canary",
        "order": ["openai", 1, "stability", {"canary": 1}]
    }"#;
    let url = "must be an http or https URL without user, password and query";
    let mut expected = [
        "openai.apiKey: must be text".to_owned(),
        "openai.baseUrl: must be a URL".to_owned(),
        "openai.dialect: must be one of gpt_image, dalle, local".to_owned(),
        "openai.models.dalle2: must be the name of a model, or a list of names".to_owned(),
        "openai.timeout: is unknown; did you mean timeoutSeconds?".to_owned(),
        "chat.baseUrl: is missing".to_owned(),
        "chat.model: is missing".to_owned(),
        "chat.temperature: must be true or false".to_owned(),
        "stability.apiKey: is missing".to_owned(),
        "stability.concurrency: must be a whole number from 1 to 4294967295".to_owned(),
        "stability.models.hd: must be one of core, ultra".to_owned(),
        "stability.perMinute: must be a whole number from 1 to 4294967295".to_owned(),
        "stability.timeoutSeconds: must be a whole number from 1 to 4294967295".to_owned(),
        format!("stableDiffusion.baseUrl: {url}"),
        "stableDiffusion.inTurn: must be true or false".to_owned(),
        "stableDiffusion.steps.hd: must be a whole number from 0 to 4294967295".to_owned(),
        "stableDiffusion.trainedSide: must be a whole number from 1 to 4294967295".to_owned(),
        "midjourney: must be an object".to_owned(),
        "order[1]: must be text".to_owned(),
        "order[3]: must be text".to_owned(),
        "sandbox: must be an object".to_owned(),
    ];
    expected.sort();
    let mut found = errors(document);
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn invalid_settings_are_reported_beside_shape_errors() {
    let document = r#"{"midjourney": {"baseUrl": "http://h", "version": "", "pricePerJob": -1}, "chat": {},
        "stableDiffusion": {"baseUrl": "http://h", "trainedSide": 1}}"#;
    let found = errors(document).join("\n");
    for part in ["midjourney: version", "pricePerJob", "chat.model", "stableDiffusion: trainedSide"] {
        assert!(found.contains(part), "{part} in {found}");
    }
}

#[test]
fn picture_hosts_are_checked_one_by_one() {
    let wrong = "must be a host or host:port, such as minio.internal:9000, without http:// and path";
    for section in ["openai", "midjourney"] {
        let with = |hosts: &str| {
            errors(&format!(
                r#"{{"{section}": {{"baseUrl": "http://h", "picturesFrom": {hosts}}}, "chat": {{}}}}"#
            ))
        };
        let chat = ["chat.baseUrl: is missing".to_owned(), "chat.model: is missing".to_owned()];
        assert_eq!(with(r#"["10.0.0.5:9000", "minio.internal", "[fd00::5]:9000"]"#), chat);
        for (hosts, at, problem) in [
            (r#"["http://canary:9000"]"#, "[0]", wrong),
            (r#"["10.0.0.5", "canary/p"]"#, "[1]", wrong),
            (r#"["10.0.0.5", 1795380911]"#, "[1]", "must be text"),
            (r#""10.0.0.5""#, "", "must be a list"),
        ] {
            let mut found = with(hosts);
            assert!(found.iter().all(|error| !error.contains("canary") && !error.contains("1795380911")));
            found.retain(|error| !chat.contains(error));
            assert_eq!(found, [format!("{section}.picturesFrom{at}: {problem}")], "{hosts}");
        }
    }
    assert_eq!(
        errors(r#"{"openai": {"pictureFrom": []}}"#),
        ["openai.pictureFrom: is unknown; did you mean picturesFrom?"]
    );
}

#[test]
fn duplicate_name_is_an_error() {
    assert_eq!(errors(r#"{"sandbox":{},"sandbox":{}}"#), ["sandbox: stands there twice"]);
    let twice = r#"{"openai":{"apiKey":"sk-canary-1","apiKey":"sk-canary-2"}}"#;
    assert_eq!(errors(twice), ["openai.apiKey: stands there twice"]);
}

#[test]
fn invalid_json_is_reported_with_its_line() {
    for bad in ["", "sk-canary", r#"{"sandbox": {}"#, "{\n\"sandbox\": sk-canary}"] {
        let found = errors(bad);
        assert!(found.len() == 1 && found[0].contains("line "), "{found:?}");
        assert!(!found[0].contains("canary"), "{found:?}");
    }
    for bad in ["[]", "7", "null", "\"sk-canary\""] {
        assert_eq!(errors(bad), ["must be an object"]);
    }
}

#[test]
fn errors_show_no_value() {
    let values =
        [r#""sk-canary""#, r#"["sk-canary"]"#, r#"{"k": "sk-canary"}"#, "1795380911", "-1795380911.5"];
    let sections = ["openai", "chat", "stability", "stableDiffusion", "midjourney", "sandbox", "order"];
    let fields = [
        "apiKey",
        "apiSecret",
        "baseUrl",
        "model",
        "models",
        "dialect",
        "tokenField",
        "temperature",
        "username",
        "password",
        "checkpoint",
        "trainedSide",
        "steps",
        "cfgScale",
        "negativePrompt",
        "inTurn",
        "version",
        "flags",
        "speed",
        "upscale",
        "pricePerJob",
        "timeoutSeconds",
        "concurrency",
        "perMinute",
        "picturesFrom",
    ];
    for section in sections {
        for value in values {
            let mut documents = vec![format!(r#"{{"{section}": {value}}}"#)];
            documents.extend(fields.map(|field| format!(r#"{{"{section}": {{"{field}": {value}}}}}"#)));
            for document in documents {
                let found = errors(&document).join("\n");
                assert!(!found.contains("canary") && !found.contains("1795380911"), "{document}: {found}");
            }
        }
    }
}

#[test]
fn reader_ignores_unknown_names_and_writer_reports_them() {
    let document = Secret::new(r#"{"sandbox": {"later": 1}, "of a later version": {}, "midjourney": null}"#);
    let registry = Registry::from_document(&document).unwrap();
    assert_eq!(registry.enabled().into_iter().collect::<Vec<_>>(), ["sandbox"]);
    assert_eq!(errors(document.expose()).len(), 2, "the writer gets the errors");
}
