//! The commands of `semantest webhooks` that use the API.

use anyhow::{Context as _, Result, bail};
use domain::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli;
use crate::client::api::Api;
use crate::client::target::{self, IfStopped};
use crate::output;

/// Lists the delivery attempts of a job's webhooks.
pub(crate) async fn list(args: &cli::WebhooksList) -> Result<()> {
    let (api, _) = target::resolve(&args.target, IfStopped::Fail).await?;
    let path = format!("/images/status/{}/webhooks", args.job);
    let (mut attempts, mut query) = (Vec::new(), String::new());
    loop {
        let mut page: Value = api.send_json(api.request(Method::GET, &format!("{path}{query}"))).await?;
        attempts.extend(page["attempts"].as_array_mut().map(std::mem::take).unwrap_or_default());
        match page["nextCursor"].as_str() {
            // It consists of letters, digits, `-` and `_`.
            Some(next) => query = format!("?cursor={next}"),
            None => break,
        }
    }
    print_list(&json!(attempts), args.json, "the job has no webhooks", attempt_line);
    Ok(())
}

/// Redelivers one webhook, or all webhooks of a period.
pub(crate) async fn redeliver(args: &cli::WebhooksRedeliver) -> Result<()> {
    let (api, _) = target::resolve(&args.target, IfStopped::Fail).await?;
    if let (Some(job), Some(webhook)) = (args.job, args.webhook) {
        let path = format!("/images/status/{job}/webhooks/{webhook}/redeliver");
        api.send_no_content(api.request(Method::POST, &path)).await?;
        output::note("the webhook is on its way");
        return Ok(());
    }
    let Some(since) = args.since else { bail!("no webhook selected: use JOB WEBHOOK or --since TIME") };
    let count =
        redeliver_period(&api, since, args.until.unwrap_or_else(Timestamp::now), args.status.as_deref())
            .await?;
    output::note(format_args!("{count} webhooks are on their way"));
    Ok(())
}

/// Redelivers page by page, and returns the number of webhooks.
async fn redeliver_period(
    api: &Api,
    since: Timestamp,
    until: Timestamp,
    status: Option<&str>,
) -> Result<u64> {
    let (mut count, mut cursor) = (0, None::<String>);
    loop {
        let mut body = json!({"since": since.to_string(), "until": until.to_string(), "status": status});
        if let Some(cursor) = &cursor {
            body["cursor"] = json!(cursor);
        }
        let answer = api.send_json(api.request(Method::POST, "/webhooks/redeliver").json(&body)).await;
        let page: Value = answer.with_context(|| match cursor {
            None => "no webhook was sent again".to_owned(),
            // The command cannot begin in the middle: the first ones would be sent twice.
            Some(_) => format!("{count} are on their way, the rest is not; the same command sends all again"),
        })?;
        count += page["count"].as_u64().context("the response has no count")?;
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(count),
        }
    }
}

pub(crate) async fn disabled(args: &cli::WebhooksDisabled) -> Result<()> {
    let (api, _) = target::resolve(&args.target, IfStopped::Fail).await?;
    let listed: Value = api.send_json(api.request(Method::GET, "/webhooks/disabled")).await?;
    print_list(&listed["urls"], args.json, "no URL is disabled", |url| {
        let text = |field: &str| url[field].as_str().unwrap_or("-");
        format!(
            "{}  disabled since {}, next attempt {}",
            text("url"),
            text("offSince"),
            text("nextAttemptAt")
        )
    });
    Ok(())
}

pub(crate) async fn enable(args: &cli::WebhooksEnable) -> Result<()> {
    let (api, _) = target::resolve(&args.target, IfStopped::Fail).await?;
    api.send_no_content(api.request(Method::POST, "/webhooks/enable").json(&json!({"url": args.endpoint})))
        .await
}

pub(crate) async fn show_secret(args: &cli::WebhookSecretShow) -> Result<()> {
    let api = target::resolve_client_admin(&args.target).await?;
    output::line(webhook_secret(&api).await?);
    Ok(())
}

/// The secret that signs the webhooks of the key's client.
pub(super) async fn webhook_secret(api: &Api) -> Result<String> {
    let answer: Value = api.send_json(api.request(Method::GET, "/admin/webhook-secret")).await?;
    secret_of(&answer).map(str::to_owned)
}

pub(crate) async fn rotate_secret(args: &cli::WebhookSecretRotate) -> Result<()> {
    let api = target::resolve_client_admin(&args.target).await?;
    let request = api.request(Method::POST, "/admin/webhook-secret/rotate");
    let secret: Value = api.send_json(request.json(&json!({"overlapSeconds": args.overlap}))).await?;
    output::line(secret_of(&secret)?);
    if let Some(until) = secret["previousUntil"].as_str() {
        output::note(format_args!("the previous secret signs as well until {until}"));
    }
    Ok(())
}

fn secret_of(answer: &Value) -> Result<&str> {
    answer["secret"].as_str().context("the response has no secret")
}

/// Prints each item as a line, or `none` if there are none.
fn print_list(list: &Value, as_json: bool, none: &str, line: impl Fn(&Value) -> String) {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    for item in items {
        if as_json {
            output::line(item);
        } else {
            output::line(line(item));
        }
    }
    if items.is_empty() && !as_json {
        output::note(none);
    }
}

/// `webhook id  event  #attempt  time  outcome, state, next attempt`
fn attempt_line(attempt: &Value) -> String {
    let text = |field: &str| attempt[field].as_str().unwrap_or_default();
    let outcome = match (attempt["status"].as_u64(), attempt["error"].as_str()) {
        (Some(status), _) => format!("answered with {status}"),
        (None, Some(error)) => error.escape_debug().to_string(),
        (None, None) if attempt["attempt"] == 0 => "not attempted yet".to_owned(),
        (None, None) => "in progress".to_owned(),
    };
    let took = attempt["duration"].as_u64().map(|millis| format!(" in {millis} ms")).unwrap_or_default();
    let next = attempt["nextAttemptAt"].as_str().map(|at| format!(", next {at}")).unwrap_or_default();
    format!(
        "{}  {}  #{}  {}  {outcome}{took}, {}{next}",
        text("webhookId"),
        text("event"),
        attempt["attempt"],
        text("at"),
        text("state")
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A deployment that answers one request after the other with these responses.
    fn deployment(answers: &'static [(u16, &'static str)]) -> Api {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 4096]).unwrap();
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        });
        Api::new(&url, "sk_none").unwrap()
    }

    #[tokio::test]
    async fn redeliver_period_follows_the_cursor() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let whole = deployment(&[(202, r#"{"count":2,"nextCursor":"abc"}"#), (202, r#"{"count":3}"#)]);
        assert_eq!(redeliver_period(&whole, at(0), at(9), None).await.unwrap(), 5);
        let broken = deployment(&[(202, r#"{"count":2,"nextCursor":"abc"}"#), (503, "{}")]);
        let message = format!("{:#}", redeliver_period(&broken, at(0), at(9), None).await.unwrap_err());
        assert!(message.starts_with("2 are on their way, the rest is not"), "{message}");
    }

    #[test]
    fn attempt_line_shows_outcome_and_next_attempt() {
        let mut value = json!({"webhookId": "w", "event": "job.completed", "attempt": 1, "at": "t",
            "state": "pending", "status": 500, "duration": 7, "nextAttemptAt": "n"});
        assert_eq!(
            attempt_line(&value),
            "w  job.completed  #1  t  answered with 500 in 7 ms, pending, next n"
        );
        value["status"] = json!(null);
        value["error"] = json!("no\u{1b}[2J answer");
        assert!(attempt_line(&value).contains("no\\u{1b}[2J answer in 7 ms"), "{}", attempt_line(&value));
    }
}
