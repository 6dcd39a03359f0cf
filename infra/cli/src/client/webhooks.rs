//! `semantest webhooks`, over the API.

use anyhow::{Context as _, Result, bail};
use domain::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::api::Api;
use super::target;
use crate::cli;

/// Lists the attempts at a job's webhooks.
pub(crate) async fn list(args: &cli::WebhooksList) -> Result<()> {
    let (api, _) = target::resolve(&args.target).await?;
    let path = format!("/images/status/{}/webhooks", args.job);
    let listed: Value = api.take(api.request(Method::GET, &path)).await?;
    print(&listed["attempts"], args.json, attempt);
    Ok(())
}

/// Sends one webhook again, or all of some time.
pub(crate) async fn redeliver(args: &cli::WebhooksRedeliver) -> Result<()> {
    let (api, _) = target::resolve(&args.target).await?;
    if let (Some(job), Some(webhook)) = (args.job, args.webhook) {
        let path = format!("/images/status/{job}/webhooks/{webhook}/redeliver");
        api.done(api.request(Method::POST, &path)).await?;
        eprintln!("it is on its way");
        return Ok(());
    }
    let Some(since) = args.since else { bail!("say which: JOB WEBHOOK, or --since TIME") };
    let count = range(&api, since, args.until.unwrap_or_else(Timestamp::now), args.status.as_deref()).await?;
    eprintln!("{count} are on their way");
    Ok(())
}

/// Asks until all are on their way.
async fn range(api: &Api, since: Timestamp, until: Timestamp, status: Option<&str>) -> Result<u64> {
    let (mut count, mut since, until) = (0, since.to_string(), until.to_string());
    loop {
        let body = json!({"since": since, "until": until, "status": status});
        let answer = api.take(api.request(Method::POST, "/webhooks/redeliver").json(&body)).await;
        let done: Value = answer.with_context(|| {
            format!("{count} are on their way; go on with --since {since} --until {until}")
        })?;
        count += done["count"].as_u64().context("the answer has no count")?;
        match done["next"].as_str() {
            Some(next) => since = next.to_owned(),
            None => return Ok(count),
        }
    }
}

/// Lists the URLs that are switched off.
pub(crate) async fn disabled(args: &cli::WebhooksDisabled) -> Result<()> {
    let (api, _) = target::resolve(&args.target).await?;
    let listed: Value = api.take(api.request(Method::GET, "/webhooks/disabled")).await?;
    print(&listed["urls"], args.json, |url| {
        let text = |name: &str| url[name].as_str().unwrap_or("-");
        format!("{}  off since {}, next attempt {}", text("url"), text("offSince"), text("nextAttemptAt"))
    });
    Ok(())
}

/// Switches a URL on again.
pub(crate) async fn enable(args: &cli::WebhooksEnable) -> Result<()> {
    let (api, _) = target::resolve(&args.target).await?;
    api.done(api.request(Method::POST, "/webhooks/enable").json(&json!({"url": args.receiver}))).await
}

/// Prints the client's webhook secret.
pub(crate) async fn show_secret(args: &cli::WebhookSecretShow) -> Result<()> {
    let api = target::resolve_own_admin(&args.target).await?;
    let secret: Value = api.take(api.request(Method::GET, "/admin/webhook-secret")).await?;
    println!("{}", secret["secret"].as_str().context("the answer has no secret")?);
    Ok(())
}

/// Replaces the client's webhook secret, and prints the new one.
pub(crate) async fn rotate_secret(args: &cli::WebhookSecretRotate) -> Result<()> {
    let api = target::resolve_own_admin(&args.target).await?;
    let request = api.request(Method::POST, "/admin/webhook-secret/rotate");
    let secret: Value = api.take(request.json(&json!({"overlapSeconds": args.overlap}))).await?;
    println!("{}", secret["secret"].as_str().context("the answer has no secret")?);
    if let Some(until) = secret["previousUntil"].as_str() {
        eprintln!("the one before it signs too, until {until}");
    }
    Ok(())
}

fn print(list: &Value, as_json: bool, line: impl Fn(&Value) -> String) {
    for one in list.as_array().into_iter().flatten() {
        if as_json {
            println!("{one}");
        } else {
            println!("{}", line(one));
        }
    }
}

/// `webhook  event  #attempt  time  what came of it`
fn attempt(one: &Value) -> String {
    let text = |name: &str| one[name].as_str().unwrap_or_default();
    let outcome = match (one["status"].as_u64(), one["error"].as_str()) {
        (Some(status), _) => format!("answered with {status}"),
        (None, Some(error)) => error.escape_debug().to_string(),
        (None, None) if one["attempt"] == 0 => "not tried yet".to_owned(),
        (None, None) => "under way".to_owned(),
    };
    let took = one["duration"].as_u64().map(|millis| format!(" in {millis} ms")).unwrap_or_default();
    let next = one["nextAttemptAt"].as_str().map(|at| format!(", next {at}")).unwrap_or_default();
    format!(
        "{}  {}  #{}  {}  {outcome}{took}, {}{next}",
        text("webhookId"),
        text("event"),
        one["attempt"],
        text("at"),
        text("state")
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A deployment that gives these answers, one after the other.
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
    async fn a_range_that_breaks_off_says_how_far_it_came_and_where_to_go_on() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let whole =
            deployment(&[(202, r#"{"count":2,"next":"1970-01-01T00:00:07Z"}"#), (202, r#"{"count":3}"#)]);
        assert_eq!(range(&whole, at(0), at(9), None).await.unwrap(), 5);
        let broken = deployment(&[(202, r#"{"count":2,"next":"1970-01-01T00:00:07Z"}"#), (503, "{}")]);
        let said = format!("{:#}", range(&broken, at(0), at(9), None).await.unwrap_err());
        let until = at(9).to_string();
        let expected = format!("2 are on their way; go on with --since 1970-01-01T00:00:07Z --until {until}");
        assert!(said.starts_with(&expected), "{said}");
    }

    #[test]
    fn a_line_tells_what_came_of_an_attempt_and_what_comes_next() {
        let mut one = json!({"webhookId": "w", "event": "job.completed", "attempt": 1, "at": "t",
            "state": "pending", "status": 500, "duration": 7, "nextAttemptAt": "n"});
        assert_eq!(attempt(&one), "w  job.completed  #1  t  answered with 500 in 7 ms, pending, next n");
        one["status"] = json!(null);
        one["error"] = json!("no\u{1b}[2J answer");
        assert!(attempt(&one).contains("no\\u{1b}[2J answer in 7 ms"), "{}", attempt(&one));
    }
}
