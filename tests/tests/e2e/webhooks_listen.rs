//! `semantest webhooks listen`: what it believes, what it prints, and what it answers.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use semantest_tests::cloud::{Cloud, PATIENCE, semantest_command};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::Round;
use crate::command_line::{run, stdout};
use crate::webhooks_api::webhooks;

/// The verb at work. It ends with this value.
struct Listening {
    child: Child,
    url: String,
    /// Taken away while somebody waits for a line.
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Listening {
    /// For the tests' cloud, on a free port.
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

    /// What it says of the next webhook.
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

/// Posts something as a webhook of now, signed with this secret, and gives the status of the answer.
async fn post(cloud: &Cloud, url: &str, secret: &str) -> u16 {
    let now = domain::Timestamp::now().seconds();
    let signature = Webhook::new(secret).unwrap().sign("forged", now, b"{}").unwrap();
    let request = cloud.http.post(url).header("webhook-id", "forged").header("webhook-timestamp", now);
    request.header("webhook-signature", signature).body("{}").send().await.unwrap().status().as_u16()
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("the_verb_listen_verifies_prints_and_answers_as_told", |cloud| async move {
        let mut listening = Listening::start(&cloud, &["--status", "503"]);
        let unsigned = cloud.http.post(&listening.url).header("webhook-id", "forged").body("{}");
        assert_eq!(unsigned.send().await.unwrap().status(), 401);
        // Everything as it should be, but for who has signed it.
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

/// What is not for others to meet: they verify with the secret that the cloud came up with.
pub(crate) fn alone(round: &mut Round<'_>) {
    round.test("after_a_rotation_the_verbs_know_the_new_secret", |cloud| async move {
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
        let status = tokio::task::spawn_blocking(move || stdout(&run(&data, &["status", "--json"])));
        let status: Value = serde_json::from_str(&status.await.unwrap()).unwrap();
        assert_eq!(status["webhookSecret"], rotated);
    });
}
