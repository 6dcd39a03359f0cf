//! `semantest webhooks listen`: a receiver on this machine, as docs/webhooks.md tells how to write one.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

use crate::cli;
use crate::local::{Cloud, Folder, running};

/// The longest body that is read. Webhooks are far shorter.
const LONGEST: usize = 1 << 20;

/// Listens until it is interrupted.
pub(crate) async fn run(args: &cli::WebhooksListen) -> Result<()> {
    let receiver = Arc::new(Receiver {
        verifier: secret(args).await?.map(|secret| verifier(&secret)).transpose()?,
        status: StatusCode::from_u16(args.status)?,
        as_json: args.json,
    });
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .with_context(|| format!("cannot listen on port {}: choose another with --port", args.port))?;
    eprintln!("listening on http://{}/", listener.local_addr()?);
    if receiver.verifier.is_none() {
        eprintln!("nothing is verified: no secret is known (--secret whsec_…)");
    }
    loop {
        let (stream, _) = listener.accept().await?;
        let receiver = Arc::clone(&receiver);
        tokio::spawn(async move {
            let take = |request| async { Ok::<_, Infallible>(receiver.take(request).await) };
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(take)).await;
            if let Err(error) = served {
                eprintln!("a connection broke: {error}");
            }
        });
    }
}

/// What is to be verified with: what was given, or the secret of the local cloud's own client.
async fn secret(args: &cli::WebhooksListen) -> Result<Option<String>> {
    if args.secret.is_some() {
        return Ok(args.secret.clone());
    }
    let folder = Folder::at(&args.place.data)?;
    let Some(cloud) = Cloud::load(&folder)? else { return Ok(None) };
    if running(&folder).await.is_some() {
        // It may have been rotated since the cloud came up.
        return cloud.present_webhook_secret().await.map(Some);
    }
    eprintln!("no local cloud runs: webhooks are verified with the secret that it had when it came up last");
    Ok(cloud.webhook_secret)
}

fn verifier(secret: &str) -> Result<Webhook> {
    let known = Webhook::new(secret).ok().filter(|_| secret.len() > "whsec_".len());
    // Nothing of it in the message.
    known.ok_or_else(|| anyhow!("the secret must be whsec_ and base64"))
}

struct Receiver {
    verifier: Option<Webhook>,
    status: StatusCode,
    as_json: bool,
}

impl Receiver {
    /// Prints a webhook and answers it.
    async fn take(&self, request: Request<Incoming>) -> Response<Empty<Bytes>> {
        let (parts, body) = request.into_parts();
        let status = match Limited::new(body, LONGEST).collect().await {
            Ok(body) => {
                let body = body.to_bytes();
                let genuine = self.verifier.as_ref().map(|verifier| verifier.verify(&body, &parts.headers));
                let status = match &genuine {
                    Some(Err(_)) => StatusCode::UNAUTHORIZED,
                    Some(Ok(())) | None => self.status,
                };
                let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
                let seen = Seen {
                    id: header("webhook-id").unwrap_or("-"),
                    verified: genuine.map(|genuine| genuine.map_err(|error| error.to_string())),
                    body: serde_json::from_slice(&body).unwrap_or(Value::Null),
                    status,
                };
                println!("{}", if self.as_json { seen.json().to_string() } else { seen.line() });
                status
            }
            Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
        };
        let mut answer = Response::new(Empty::new());
        *answer.status_mut() = status;
        answer
    }
}

/// A webhook that came.
struct Seen<'a> {
    id: &'a str,
    /// Whether it is genuine, or why not; unknown without a secret.
    verified: Option<Result<(), String>>,
    body: Value,
    /// What it was answered with.
    status: StatusCode,
}

impl Seen<'_> {
    fn json(&self) -> Value {
        json!({
            "webhookId": self.id,
            "verified": self.verified.as_ref().map(Result::is_ok),
            "answered": self.status.as_u16(),
            "body": self.body,
        })
    }

    /// `verified  job.completed  <webhook-id>  answered with 204` and the body.
    fn line(&self) -> String {
        let verified = match &self.verified {
            None => "unverified".to_owned(),
            Some(Ok(())) => "verified".to_owned(),
            Some(Err(problem)) => format!("NOT VERIFIED ({problem})"),
        };
        // Whoever reaches the port may send what a terminal would obey.
        let event = self.body["event"].as_str().unwrap_or("-").escape_debug();
        let id = self.id.escape_debug();
        format!("{verified}  {event}  {id}  answered with {}\n  {}", self.status.as_u16(), self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_whether_it_is_genuine_and_cannot_command_the_terminal() {
        let body = json!({"event": "job.\u{1b}[2J"});
        let mut seen = Seen { id: "w", verified: Some(Ok(())), body, status: StatusCode::NO_CONTENT };
        let line = seen.line();
        assert!(line.starts_with("verified  job.\\u{1b}[2J  w  answered with 204\n"), "{line}");
        assert!(!line.contains('\u{1b}'));
        seen.verified = Some(Err("signature invalid".into()));
        assert!(seen.line().starts_with("NOT VERIFIED (signature invalid)"));
        assert_eq!(seen.json()["verified"], false);
    }

    #[test]
    fn a_secret_is_not_shown_by_what_is_wrong_with_it() {
        assert!(verifier("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").is_ok());
        for bad in ["whsec_", "whsec_!canary!"] {
            let Err(error) = verifier(bad) else { panic!("{bad} is taken") };
            assert!(!format!("{error:#}").contains("canary"));
        }
    }
}
