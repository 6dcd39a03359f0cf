//! `semantest generate`.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::follow::follow;
use super::{save, target};
use crate::cli;

pub(crate) async fn run(args: cli::Generate) -> Result<()> {
    let (api, user) = target::resolve(&args.target).await?;
    let handed_in = api.generate(&request(&args, &user)).await?;
    let job = follow(&api, handed_in).await?;
    let files = save::images(&api, &job, &args.prompt, &args.out).await?;
    save::tell(&job, &files, args.json)
}

/// The request's body: what was not said is left to the server's defaults.
fn request(args: &cli::Generate, user: &str) -> Value {
    let mut body = look(&args.look);
    body.insert("userId".to_owned(), json!(user));
    body.insert("prompt".to_owned(), json!(args.prompt));
    if let Some(priority) = &args.priority {
        body.insert("priority".to_owned(), json!(priority));
    }
    Value::Object(body)
}

/// How the images should be, as far as it was said.
pub(crate) fn look(look: &cli::Look) -> Map<String, Value> {
    let mut fields = Map::new();
    let words = [
        ("provider", &look.provider),
        ("size", &look.size),
        ("quality", &look.quality),
        ("style", &look.style),
    ];
    for (name, value) in words {
        if let Some(value) = value {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(count) = look.count {
        fields.insert("count".to_owned(), json!(count));
    }
    fields
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_request_says_only_what_was_said() {
        let line = ["semantest", "generate", "a cat", "--size", "256x256", "--count", "2"];
        let cli::Command::Generate(args) = cli::Cli::parse_from(line).command else { panic!("not generate") };
        let expected = json!({ "userId": "u", "prompt": "a cat", "size": "256x256", "count": 2 });
        assert_eq!(request(&args, "u"), expected);
    }
}
