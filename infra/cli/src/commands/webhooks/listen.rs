//! `semantest webhooks listen`: a webhook endpoint on this machine, built as docs/webhooks.md recommends.

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

use super::forward::Forwarder;
use super::manage;
use crate::cli;
use crate::client::target;
use crate::local::{Cloud, DataFolder, find_running};
use crate::output;

/// The maximum size of a body in bytes. Webhooks are far smaller.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Listens until the process is interrupted.
pub(crate) async fn run(args: &cli::WebhooksListen) -> Result<()> {
    let endpoint = Arc::new(Endpoint {
        verifier: find_secret(args).await?.map(|secret| verifier(&secret)).transpose()?,
        answer: match &args.forward_to {
            Some(url) => Answer::ForwardTo(Forwarder::new(url.clone())?),
            None => Answer::Status(StatusCode::from_u16(args.status)?),
        },
        as_json: args.json,
    });
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .with_context(|| format!("cannot listen on port {}: choose another port with --port", args.port))?;
    output::note(format_args!("listening on http://{}/", listener.local_addr()?));
    if endpoint.verifier.is_none() {
        output::note("webhooks are not verified: no secret is known (use --secret whsec_…)");
    }
    loop {
        let (stream, _) = listener.accept().await?;
        let endpoint = Arc::clone(&endpoint);
        tokio::spawn(async move {
            let handle = |request| async { Ok::<_, Infallible>(endpoint.handle(request).await) };
            let served =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(handle)).await;
            if let Err(error) = served {
                output::note(format_args!("a connection failed: {error}"));
            }
        });
    }
}

/// Returns the secret to verify with: the given one, or else that of the client whose key is given, or else
/// that of the local cloud's own client.
async fn find_secret(args: &cli::WebhooksListen) -> Result<Option<String>> {
    if args.secret.is_some() {
        return Ok(args.secret.clone());
    }
    if args.target.api_key.is_some() {
        let api = target::resolve_client_admin(&args.target).await?;
        let secret = manage::webhook_secret(&api).await;
        let help =
            "the webhook secret cannot be read: give it with --secret, or a key with the scope keys:admin";
        return secret.context(help).map(Some);
    }
    let folder = DataFolder::at(&args.target.local.data)?;
    let Some(cloud) = Cloud::load(&folder)? else { return Ok(None) };
    if find_running(&folder).await.is_some() {
        // The client may have rotated it since the cloud was started.
        return cloud.current_webhook_secret().await.map(Some);
    }
    output::note("no local cloud is running: webhooks are verified with the secret of its last start");
    Ok(cloud.webhook_secret)
}

fn verifier(secret: &str) -> Result<Webhook> {
    let verifier = Webhook::new(secret).ok().filter(|_| secret.len() > "whsec_".len());
    // The message must not contain any part of the secret.
    verifier.ok_or_else(|| anyhow!("the secret must be whsec_ and base64"))
}

/// How a webhook that is verified, or cannot be, is answered.
enum Answer {
    Status(StatusCode),
    ForwardTo(Forwarder),
}

struct Endpoint {
    verifier: Option<Webhook>,
    answer: Answer,
    as_json: bool,
}

impl Endpoint {
    /// Verifies, prints and answers a webhook.
    async fn handle(&self, request: Request<Incoming>) -> Response<Empty<Bytes>> {
        let (parts, body) = request.into_parts();
        let status = match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(body) => {
                let body = body.to_bytes();
                let verified = self.verifier.as_ref().map(|verifier| verifier.verify(&body, &parts.headers));
                let status = match (&verified, &self.answer) {
                    (Some(Err(_)), _) => StatusCode::UNAUTHORIZED,
                    (Some(Ok(())) | None, Answer::Status(status)) => *status,
                    (Some(Ok(())) | None, Answer::ForwardTo(forwarder)) => {
                        forwarder.send(&parts.headers, body.clone()).await
                    }
                };
                let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
                let received = ReceivedWebhook {
                    id: header("webhook-id").unwrap_or("-"),
                    verified: verified.map(|verified| verified.map_err(|error| error.to_string())),
                    body: serde_json::from_slice(&body).unwrap_or(Value::Null),
                    status,
                };
                output::line(if self.as_json { received.json().to_string() } else { received.line() });
                status
            }
            Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
        };
        let mut response = Response::new(Empty::new());
        *response.status_mut() = status;
        response
    }
}

/// A webhook as it is printed.
struct ReceivedWebhook<'a> {
    id: &'a str,
    /// `None` if no secret is known, and the reason if verification fails.
    verified: Option<Result<(), String>>,
    body: Value,
    /// The status of our response.
    status: StatusCode,
}

impl ReceivedWebhook<'_> {
    fn json(&self) -> Value {
        json!({
            "webhookId": self.id,
            "verified": self.verified.as_ref().map(Result::is_ok),
            "answered": self.status.as_u16(),
            "body": self.body,
        })
    }

    /// Two lines: `verified  job.completed  <webhook-id>  answered with 204`, and the body.
    fn line(&self) -> String {
        let verified = match &self.verified {
            None => "unverified".to_owned(),
            Some(Ok(())) => "verified".to_owned(),
            Some(Err(problem)) => format!("NOT VERIFIED ({problem})"),
        };
        // Anyone who reaches the port can send terminal control sequences.
        let event = self.body["event"].as_str().unwrap_or("-").escape_debug();
        let id = self.id.escape_debug();
        format!("{verified}  {event}  {id}  answered with {}\n  {}", self.status.as_u16(), self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_shows_verification_and_escapes_control_characters() {
        let body = json!({"event": "job.\u{1b}[2J"});
        let mut received =
            ReceivedWebhook { id: "w", verified: Some(Ok(())), body, status: StatusCode::NO_CONTENT };
        let line = received.line();
        assert!(line.starts_with("verified  job.\\u{1b}[2J  w  answered with 204\n"), "{line}");
        assert!(!line.contains('\u{1b}'));
        received.verified = Some(Err("signature invalid".into()));
        assert!(received.line().starts_with("NOT VERIFIED (signature invalid)"));
        assert_eq!(received.json()["verified"], false);
    }

    #[test]
    fn verifier_error_does_not_show_the_secret() {
        assert!(verifier("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").is_ok());
        for bad in ["whsec_", "whsec_!canary!"] {
            let Err(error) = verifier(bad) else { panic!("{bad} is accepted") };
            assert!(!format!("{error:#}").contains("canary"));
        }
    }
}
