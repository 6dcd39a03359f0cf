//! `semantest chat`.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::follow::follow;
use super::generate::look;
use super::{save, target};
use crate::cli;

pub(crate) async fn run(args: cli::Chat) -> Result<()> {
    let (api, user) = target::resolve(&args.target).await?;
    let mut turn = api.chat(&request(&args, &user)).await?;
    if !args.json {
        println!("{}", turn.chat_response.content);
        eprintln!("session {}", turn.session_id);
    }
    let Some(job) = turn.image_generation_job.take() else {
        if args.json {
            println!("{}", serde_json::to_string(&turn)?);
        }
        return Ok(());
    };
    let job = follow(&api, job).await?;
    let files = save::images(&api, &job, &args.prompt, &args.out).await?;
    if args.json {
        let mut shown = serde_json::to_value(&turn)?;
        shown["imageGenerationJob"] = save::json(&job, &files)?;
        println!("{shown}");
    } else {
        save::print(&job, &files);
    }
    save::verdict(&job)
}

/// The request's body: what was not said is left to the server's defaults.
fn request(args: &cli::Chat, user: &str) -> Value {
    let mut body = Map::new();
    body.insert("userId".to_owned(), json!(user));
    body.insert("prompt".to_owned(), json!(args.prompt));
    if let Some(session) = &args.session {
        body.insert("sessionId".to_owned(), json!(session));
    }
    let look = look(&args.look);
    if args.image || !look.is_empty() {
        body.insert("imageGeneration".to_owned(), Value::Object(look));
    }
    let mut context = Map::new();
    if let Some(temperature) = args.temperature {
        context.insert("temperature".to_owned(), json!(temperature));
    }
    if let Some(most) = args.max_tokens {
        context.insert("maxTokens".to_owned(), json!(most));
    }
    if !context.is_empty() {
        body.insert("chatContext".to_owned(), Value::Object(context));
    }
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn body(more: &[&str]) -> Value {
        let line = ["semantest", "chat", "hello"].iter().chain(more);
        let cli::Command::Chat(args) = cli::Cli::parse_from(line).command else { panic!("not chat") };
        request(&args, "u")
    }

    #[test]
    fn a_request_says_only_what_was_said() {
        assert_eq!(body(&[]), json!({"userId": "u", "prompt": "hello"}));
        let said = body(&["--temperature", "0.2", "--max-tokens", "9", "--image"]);
        let context = json!({"temperature": 0.2, "maxTokens": 9});
        let expected =
            json!({"userId": "u", "prompt": "hello", "imageGeneration": {}, "chatContext": context});
        assert_eq!(said, expected);
        assert_eq!(body(&["--size", "256x256"])["imageGeneration"], json!({"size": "256x256"}));
    }
}
