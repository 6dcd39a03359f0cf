use domain::primitives::Secret;

use super::*;
use crate::Registry;

/// Everything that is wrong with a document that somebody writes, line by line.
fn faults(document: &str) -> Vec<String> {
    match Registry::from_new_document(&Secret::new(document)) {
        Ok(_) => Vec::new(),
        Err(bad) => bad.faults().iter().map(Fault::to_string).collect(),
    }
}

#[test]
fn a_misspelt_name_is_told_with_the_right_one() {
    for (document, said) in [
        (r#"{"openAI":{}}"#, "openAI: is unknown; did you mean openai?"),
        (r#"{"stable_diffusion":{}}"#, "stable_diffusion: is unknown; did you mean stableDiffusion?"),
        (r#"{"openai":{"apikey":"sk-canary"}}"#, "openai.apikey: is unknown; did you mean apiKey?"),
        (r#"{"openai":{"models":{"dale3":"m"}}}"#, "openai.models.dale3: is unknown; did you mean dalle3?"),
        (r#"{"sandbox":{"slow":1}}"#, "sandbox.slow: is unknown; there is nothing to say here"),
    ] {
        assert_eq!(faults(document), [said]);
    }
    let far = faults(r#"{"google":{}}"#);
    assert!(far[0].starts_with("google: is unknown; known are openai, chat, stability"), "{far:?}");
    // A control character in a name does not reach the terminal, nor does a name without end.
    let odd = faults(&format!(r#"{{"\u001b[2J{}":{{}}}}"#, "x".repeat(500)));
    assert!(odd[0].len() < 200 && odd[0].starts_with(r"\u{1b}[2J"), "{odd:?}");
}

#[test]
fn every_fault_is_told_at_once_by_its_place() {
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
    let mut told = faults(document);
    told.sort();
    assert_eq!(told, expected);
}

#[test]
fn what_is_wrong_beyond_the_shape_is_told_beside_it() {
    let document = r#"{"midjourney": {"baseUrl": "http://h", "version": "", "pricePerJob": -1}, "chat": {},
        "stableDiffusion": {"baseUrl": "http://h", "trainedSide": 1}}"#;
    let told = faults(document).join("\n");
    for part in ["midjourney: version", "pricePerJob", "chat.model", "stableDiffusion: trainedSide"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn a_name_that_stands_there_twice_is_a_fault() {
    assert_eq!(faults(r#"{"sandbox":{},"sandbox":{}}"#), ["sandbox: stands there twice"]);
    let twice = r#"{"openai":{"apiKey":"sk-canary-1","apiKey":"sk-canary-2"}}"#;
    assert_eq!(faults(twice), ["openai.apiKey: stands there twice"]);
}

#[test]
fn what_is_no_json_is_told_by_its_line() {
    for bad in ["", "sk-canary", r#"{"sandbox": {}"#, "{\n\"sandbox\": sk-canary}"] {
        let told = faults(bad);
        assert!(told.len() == 1 && told[0].contains("line "), "{told:?}");
        assert!(!told[0].contains("canary"), "{told:?}");
    }
    for bad in ["[]", "7", "null", "\"sk-canary\""] {
        assert_eq!(faults(bad), ["must be an object"]);
    }
}

#[test]
fn no_value_is_ever_shown() {
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
    ];
    for section in sections {
        for value in values {
            let mut documents = vec![format!(r#"{{"{section}": {value}}}"#)];
            documents.extend(fields.map(|field| format!(r#"{{"{section}": {{"{field}": {value}}}}}"#)));
            for document in documents {
                let told = faults(&document).join("\n");
                assert!(!told.contains("canary") && !told.contains("1795380911"), "{document}: {told}");
            }
        }
    }
}

#[test]
fn a_reader_leaves_what_it_does_not_know_to_later_versions() {
    let document = Secret::new(r#"{"sandbox": {"later": 1}, "of a later version": {}, "midjourney": null}"#);
    let registry = Registry::from_document(&document).unwrap();
    assert_eq!(registry.enabled().into_iter().collect::<Vec<_>>(), ["sandbox"]);
    assert_eq!(faults(document.expose()).len(), 2, "but a writer is told");
}
