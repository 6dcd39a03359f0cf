//! `semantest chat`.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::cli;
use crate::client::poll::follow;
use crate::client::request::image_options;
use crate::client::save;
use crate::client::target::{self, IfStopped};
use crate::interrupts::Interrupts;
use crate::output;

pub(crate) async fn run(args: cli::Chat) -> Result<()> {
    if wants_images(&args) {
        save::prepare(&args.out)?;
    }
    let (api, user) = target::resolve(&args.target, IfStopped::Start).await?;
    let mut interrupts = Interrupts::listen()?;
    let mut turn = interrupts.after_answer(api.chat(&request_body(&args, &user))).await?;
    if !args.json {
        output::line(&turn.chat_response.content);
    }
    output::note(format_args!("session {}", turn.session_id));
    let Some(job) = turn.image_generation_job.take() else {
        if args.json {
            output::line(serde_json::to_string(&turn)?);
        }
        return Ok(());
    };
    output::note(format_args!("job {}", job.job_id));
    let job = follow(&api, job, &mut interrupts).await?;
    let files = save::save_images(&api, &job, &args.prompt, &args.out).await?;
    if args.json {
        let mut output = serde_json::to_value(&turn)?;
        output["imageGenerationJob"] = save::job_json(&job, &files)?;
        output::line(output);
    } else {
        save::print_images(&job, &files);
    }
    save::ensure_completed(&job)
}

/// Whether the chat is also to generate images. Any image option implies it.
fn wants_images(args: &cli::Chat) -> bool {
    args.image || !image_options(&args.options).is_empty()
}

/// The body of the request. The server applies its defaults to absent options.
fn request_body(args: &cli::Chat, user: &str) -> Value {
    let mut body = Map::new();
    body.insert("userId".to_owned(), json!(user));
    body.insert("prompt".to_owned(), json!(args.prompt));
    if let Some(session) = &args.session {
        body.insert("sessionId".to_owned(), json!(session));
    }
    if wants_images(args) {
        body.insert("imageGeneration".to_owned(), Value::Object(image_options(&args.options)));
    }
    let mut context = Map::new();
    if let Some(temperature) = args.temperature {
        context.insert("temperature".to_owned(), json!(temperature));
    }
    if let Some(max_tokens) = args.max_tokens {
        context.insert("maxTokens".to_owned(), json!(max_tokens));
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

    fn body(options: &[&str]) -> Value {
        let line = ["semantest", "chat", "hello"].iter().chain(options);
        let cli::Command::Chat(args) = cli::Cli::parse_from(line).command else { panic!("not chat") };
        request_body(&args, "u")
    }

    #[test]
    fn request_body_holds_only_given_options() {
        assert_eq!(body(&[]), json!({"userId": "u", "prompt": "hello"}));
        let full = body(&["--temperature", "0.2", "--max-tokens", "9", "--image"]);
        let context = json!({"temperature": 0.2, "maxTokens": 9});
        let expected =
            json!({"userId": "u", "prompt": "hello", "imageGeneration": {}, "chatContext": context});
        assert_eq!(full, expected);
        assert_eq!(body(&["--size", "256x256"])["imageGeneration"], json!({"size": "256x256"}));
    }
}
