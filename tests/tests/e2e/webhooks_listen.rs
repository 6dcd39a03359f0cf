//! `semantest webhooks listen`: verification, output and responses.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use semantest_tests::cloud::{Cloud, PATIENCE, semantest_command};
use semantest_tests::receiver::Receiver;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use wiremock::ResponseTemplate;

use crate::Round;
use crate::command_line::{run, stdout};
use crate::webhooks::verify;
use crate::webhooks_api::webhooks;

/// A running `semantest webhooks listen`. It ends when this value is dropped.
struct Listening {
    child: Child,
    url: String,
    /// `None` while [`Self::next`] waits for a line.
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Listening {
    /// Starts it for the tests' cloud, on a free port.
    fn start(cloud: &Cloud, words: &[&str]) -> Self {
        let mut command = semantest_command(&cloud.data);
        command.args(["webhooks", "listen", "--port", "0", "--json"]).args(words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        let lines = Some(BufReader::new(child.stdout.take().unwrap()).lines());
        Self { child, url, lines }
    }

    /// Its output for the next webhook.
    async fn next(&mut self) -> Value {
        let mut lines = self.lines.take().expect("nobody else waits");
        let next = tokio::task::spawn_blocking(move || (lines.next().unwrap().unwrap(), lines));
        let (line, lines) = tokio::time::timeout(PATIENCE, next).await.expect("it comes").unwrap();
        self.lines = Some(lines);
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Posts a webhook with the current time, signed with this secret, and returns the response status.
async fn post(cloud: &Cloud, url: &str, secret: &str) -> u16 {
    let now = domain::Timestamp::now().seconds();
    let signature = Webhook::new(secret).unwrap().sign("forged", now, b"{}").unwrap();
    let request = cloud.http.post(url).header("webhook-id", "forged").header("webhook-timestamp", now);
    request.header("webhook-signature", signature).body("{}").send().await.unwrap().status().as_u16()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("command_listen_verifies_prints_and_responds_as_configured", |cloud| async move {
        let mut listening = Listening::start(&cloud, &["--status", "503"]);
        let unsigned = cloud.http.post(&listening.url).header("webhook-id", "forged").body("{}");
        assert_eq!(unsigned.send().await.unwrap().status(), 401);
        // Valid except for the secret that signed it.
        let another = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        assert_eq!(post(&cloud, &listening.url, another).await, 401);
        for _ in 0..2 {
            let forged = listening.next().await;
            assert_eq!((&forged["verified"], &forged["answered"]), (&json!(false), &json!(401)));
        }
        assert_eq!(post(&cloud, &listening.url, &cloud.webhook_secret).await, 503);
        assert_eq!(listening.next().await["verified"], true, "it was the signature");

        let job = cloud.generate(json!({"webhookUrl": listening.url})).await;
        let (first, again) = (listening.next().await, listening.next().await);
        assert_eq!((&first["verified"], &first["answered"]), (&json!(true), &json!(503)));
        assert_eq!(first["body"]["data"]["jobId"], job["jobId"]);
        assert_eq!((&again["webhookId"], &again["body"]), (&first["webhookId"], &first["body"]));
    });
}

pub(crate) fn forwarding(round: &mut Round<'_>) {
    round.test("command_listen_forwards_verified_webhooks_unchanged", |cloud| async move {
        let receiver = Receiver::answering(vec![ResponseTemplate::new(202)]).await;
        let mut listening = Listening::start(&cloud, &["--forward-to", &receiver.url()]);
        let unsigned = cloud.http.post(&listening.url).header("webhook-id", "forged").body("{}");
        assert_eq!(unsigned.send().await.unwrap().status(), 401);
        assert_eq!(listening.next().await["verified"], false);
        assert!(receiver.arrived().is_empty(), "only what is verified");

        let job = cloud.generate(json!({"webhookUrl": listening.url})).await;
        let seen = listening.next().await;
        assert_eq!((&seen["answered"], &seen["body"]["data"]["jobId"]), (&json!(202), &job["jobId"]));
        let forwarded = receiver.arrived();
        assert_eq!(forwarded.len(), 1);
        verify(&cloud.webhook_secret, &forwarded[0]);

        let mut listening = Listening::start(&cloud, &["--forward-to", "http://127.0.0.1:9/"]);
        assert_eq!(post(&cloud, &listening.url, &cloud.webhook_secret).await, 502);
        assert_eq!(listening.next().await["answered"], 502);
    });
}

/// Rotates the secret that other tests use to verify webhooks.
pub(crate) fn alone(round: &mut Round<'_>) {
    round.test("commands_use_the_new_webhook_secret_after_a_rotation", |cloud| async move {
        let rotated = webhooks(&cloud, &["secret", "rotate", "--overlap", "0"], &[]).await;
        let rotated = rotated.trim();
        assert_ne!(rotated, cloud.webhook_secret);
        let mut listening = Listening::start(&cloud, &[]);
        assert_eq!(post(&cloud, &listening.url, &cloud.webhook_secret).await, 401);
        assert_eq!(listening.next().await["verified"], false, "by the secret of before");
        let job = cloud.generate(json!({"webhookUrl": listening.url})).await;
        let seen = listening.next().await;
        assert_eq!((&seen["verified"], &seen["body"]["data"]["jobId"]), (&json!(true), &job["jobId"]));

        let data = cloud.data.clone();
        let status =
            tokio::task::spawn_blocking(move || stdout(&run(&data, &["status", "--json", "--secrets"])));
        let status: Value = serde_json::from_str(&status.await.unwrap()).unwrap();
        assert_eq!(status["webhookSecret"], rotated);
    });
}
