//! `semantest generate`.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli;
use crate::client::poll::follow;
use crate::client::request::image_options;
use crate::client::save;
use crate::client::target::{self, IfStopped};
use crate::interrupts::Interrupts;
use crate::output;

pub(crate) async fn run(args: cli::Generate) -> Result<()> {
    save::prepare(&args.out)?;
    let (api, user) = target::resolve(&args.target, IfStopped::Start).await?;
    let mut interrupts = Interrupts::listen()?;
    let submitted = interrupts.after_answer(api.generate(&request_body(&args, &user))).await?;
    output::note(format_args!("job {}", submitted.job_id));
    let job = follow(&api, submitted, &mut interrupts).await?;
    let files = save::save_images(&api, &job, &args.prompt, &args.out).await?;
    save::print_job(&job, &files, args.json)
}

/// The body of the request. The server applies its defaults to absent options.
fn request_body(args: &cli::Generate, user: &str) -> Value {
    let mut body = image_options(&args.options);
    body.insert("userId".to_owned(), json!(user));
    body.insert("prompt".to_owned(), json!(args.prompt));
    if let Some(priority) = &args.priority {
        body.insert("priority".to_owned(), json!(priority));
    }
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn request_body_holds_only_given_options() {
        let line = ["semantest", "generate", "a cat", "--size", "256x256", "--count", "2"];
        let cli::Command::Generate(args) = cli::Cli::parse_from(line).command else { panic!("not generate") };
        let expected = json!({ "userId": "u", "prompt": "a cat", "size": "256x256", "count": 2 });
        assert_eq!(request_body(&args, "u"), expected);
    }

    #[test]
    fn request_body_holds_the_given_webhook() {
        let line =
            ["semantest", "generate", "a cat", "--webhook", "https://a/h", "--webhook-event", "job.started"];
        let cli::Command::Generate(args) = cli::Cli::parse_from(line).command else { panic!("not generate") };
        let body = request_body(&args, "u");
        assert_eq!(
            (&body["webhookUrl"], &body["webhookEvents"]),
            (&json!("https://a/h"), &json!(["job.started"]))
        );
        let events_alone = ["semantest", "generate", "a cat", "--webhook-event", "job.started"];
        assert!(cli::Cli::try_parse_from(events_alone).is_err());
    }
}
