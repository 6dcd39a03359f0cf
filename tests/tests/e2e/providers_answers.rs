//! Pictures that are paid for and come in another form, late, from elsewhere, or one by one: each is bought once.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::join_all;
use semantest_tests::cloud::{Cloud, eventually};
use semantest_tests::receiver::Receiver;
use serde_json::{Value, json};
use testkit::standin::midjourney::Midjourney;
use testkit::standin::openai::{self, Act, OpenAi};
use testkit::standin::{Encoding, Reply, Server, painted};

use crate::Round;

/// A cloud whose providers answer in odd ways.
struct Odd {
    cloud: Cloud,
    openai: OpenAi,
    midjourney: Midjourney,
    /// Storage on a port that the document lists.
    listed: Server,
    /// Storage on a port that it does not list at first.
    unlisted: Server,
}

async fn storage() -> Server {
    Server::start(|asked| match asked.path.as_str() {
        "/moved" => Reply::new(302, "text/plain", "").header("location", "/p.png"),
        "/gone" => Reply::new(404, "text/plain", ""),
        _ => Reply::new(200, "image/png", painted(1024, 1024, 7, Encoding::Png)),
    })
    .await
}

fn host(server: &Server) -> &str {
    server.url().trim_start_matches("http://")
}

fn document(openai: &OpenAi, midjourney: &Midjourney, hosts: &[&Server]) -> Value {
    let hosts: Vec<_> = hosts.iter().map(|server| host(server)).collect();
    let mut proxy = midjourney.settings();
    proxy["picturesFrom"] = json!(hosts);
    proxy["concurrency"] = json!(10);
    json!({
        "openai": {
            "apiKey": openai::KEY, "baseUrl": openai.base_url(), "concurrency": 10, "picturesFrom": hosts,
            "models": {"dalle3": "dall-e-3"},
        },
        "midjourney": proxy,
    })
}

impl Odd {
    async fn start() -> Self {
        let (openai, midjourney) = (OpenAi::start().await, Midjourney::start().await);
        let (listed, unlisted) = (storage().await, storage().await);
        let document = document(&openai, &midjourney, &[&listed]);
        let cloud = Cloud::start_with(Some(&document)).await;
        Self { cloud, openai, midjourney, listed, unlisted }
    }

    async fn job(&self, prompt: &str, provider: &str, count: u8) -> String {
        let job = json!({"prompt": prompt, "provider": provider, "count": count});
        self.cloud.generate(job).await["jobId"].as_str().unwrap().to_owned()
    }

    /// The numbers of images that the paid calls with this prompt asked for.
    fn asked(&self, prompt: &str) -> Vec<u64> {
        let all = self.openai.requests().into_iter();
        let own = all.filter(|body| body["prompt"].as_str().is_some_and(|text| text.starts_with(prompt)));
        own.map(|body| body["n"].as_u64().unwrap()).collect()
    }

    /// Makes one image, for which the service does `act`, and checks that it was bought once.
    async fn bought_once(&self, prompt: &str, act: Act) {
        self.openai.upon(prompt, 1, act);
        let id = self.job(prompt, "gpt_image", 1).await;
        let state = self.cloud.ended(&id).await;
        assert_eq!(
            (&state["status"], &state["attempts"]),
            (&json!("completed"), &json!(1)),
            "{prompt}: {state}"
        );
        let row = self.cloud.job(&id).await;
        assert_eq!((row.paid_calls, row.failures, self.asked(prompt)), (1, 0, vec![1]), "{prompt}");
    }

    async fn other_forms(&self) {
        let lines = |picture: &str| {
            let lines: Vec<_> = picture.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
            json!({"b64_json": lines.join("\r\n")})
        };
        let events = |answer: &Value| {
            let event =
                json!({"type": "image_generation.completed", "b64_json": answer["data"][0]["b64_json"]});
            let early = json!({"type": "image_generation.partial_image", "b64_json": "iVBORw0KGgo="});
            Reply::new(
                200,
                "text/event-stream",
                format!("data: {early}\n\ndata: {event}\n\ndata: [DONE]\n\n"),
            )
        };
        let blanks = |picture: &str| {
            let parts: Vec<_> = picture.as_bytes().chunks(100).map(String::from_utf8_lossy).collect();
            json!({"b64_json": format!(" {} ", parts.join("  \t"))})
        };
        let marked = |answer: &Value| Reply::new(200, "application/json", format!("\u{feff}{answer}"));
        let zipped = |answer: &Value| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(answer.to_string().as_bytes()).unwrap();
            let body = encoder.finish().unwrap();
            Reply::new(200, "application/json", body).header("content-encoding", "gzip")
        };
        let data_url = |picture: &str| json!({"url": format!("data:image/png;base64,{picture}")});
        let url_safe = |picture: &str| json!({"b64_json": picture.replace('+', "-").replace('/', "_")});
        tokio::join!(
            self.bought_once("a kite in a data URL", Act::Item(data_url)),
            self.bought_once("a kite in lines", Act::Item(lines)),
            self.bought_once("a kite with blanks", Act::Item(blanks)),
            self.bought_once("a kite in the other alphabet", Act::Item(url_safe)),
            self.bought_once("a kite behind a mark", Act::Wrapped(marked)),
            self.bought_once("a kite in gzip", Act::Wrapped(zipped)),
            self.bought_once("a kite in events", Act::Wrapped(events)),
        );
    }

    async fn late_urls(&self) {
        tokio::join!(
            self.bought_once("a kite that is late once", Act::ByLaggingUrl(404, 1)),
            self.bought_once("a kite that is forbidden at first", Act::ByLaggingUrl(403, 4)),
            self.bought_once("a kite behind a failing store", Act::ByLaggingUrl(503, 2)),
        );
    }

    async fn listed_hosts(&self) {
        tokio::join!(
            self.bought_once("a kite elsewhere", Act::ByForeignUrl(format!("{}/p.png", self.listed.url()))),
            self.bought_once("a kite moved", Act::ByForeignUrl(format!("{}/moved", self.listed.url()))),
        );
    }

    async fn midjourney_links(&self) {
        let done = |fields: Value| {
            let mut done = json!({"status": "SUCCESS", "progress": "100%"});
            done.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            done
        };
        let (none, page) = (done(json!({"imageUrl": null})), done(json!({"imageUrl": "HERE/page"})));
        let elsewhere = done(json!({"imageUrl": format!("{}/p.png", self.listed.url())}));
        let list = done(json!({"imageUrl": null, "imageUrls": [{"url": "LINK"}]}));
        let scenes = [
            ("a kite with a late link", vec![none.clone(), none, done(json!({}))]),
            ("a kite in a list of links", vec![list]),
            ("a kite behind a page", vec![page.clone(), page, done(json!({}))]),
            ("a kite at another port", vec![elsewhere]),
        ];
        join_all(scenes.map(async |(prompt, steps)| {
            self.midjourney.steps_upon(prompt, steps);
            let id = self.job(prompt, "midjourney", 2).await;
            let state = self.cloud.ended(&id).await;
            assert_eq!(state["status"], "completed", "{prompt}: {state}");
            let paid = self.midjourney.prompts().iter().filter(|paid| paid.starts_with(prompt)).count();
            let row = self.cloud.job(&id).await;
            assert_eq!((paid, row.paid_calls, row.failures), (1, 1, 0), "{prompt}");
        }))
        .await;
    }

    async fn service_that_ignores_the_count(&self) {
        let prompt = "four kites one by one";
        self.openai.upon(prompt, 9, Act::OneOfSeveral);
        for expected in [[4, 1, 1, 1], [1, 1, 1, 1]] {
            let before = self.asked(prompt).len();
            let id = self.job(prompt, "gpt_image", 4).await;
            let state = self.cloud.ended(&id).await;
            assert_eq!((&state["status"], &state["attempts"]), (&json!("completed"), &json!(1)), "{state}");
            assert_eq!(state["result"]["images"].as_array().unwrap().len(), 4, "{state}");
            assert_eq!(self.asked(prompt)[before..], expected);
            let row = self.cloud.job(&id).await;
            assert_eq!((row.paid_calls, row.failures), (4, 0));
        }
    }

    /// A gateway that gave up may have a service behind it that is still at work: nothing is bought again for 2 min.
    async fn gateway_that_gave_up(&self) {
        let prompt = "a kite behind a gateway";
        self.openai.upon(prompt, 1, Act::Spoil(Reply::html(504)));
        let began = std::time::Instant::now();
        let id = self.job(prompt, "gpt_image", 1).await;
        eventually("the job waits", async || {
            let state = self.cloud.status(&id).await;
            (state["waitingFor"]["reason"] == "backoff").then_some(())
        })
        .await;
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let state = self.cloud.ended(&id).await;
        assert_eq!((&state["status"], &state["attempts"]), (&json!("completed"), &json!(2)), "{state}");
        assert!(began.elapsed().as_secs() >= 120, "{:?}", began.elapsed());
        assert_eq!(self.asked(prompt), [1, 1]);
    }

    /// The link of one of four images is dead for good: the others are the result, and the webhook says so too.
    async fn one_of_four_is_gone(&self) {
        let (prompt, receiver) = ("four kites, one gone", Receiver::start().await);
        self.openai.upon(prompt, 1, Act::ByForeignUrl(format!("{}/gone", self.listed.url())));
        let job = json!({
            "prompt": prompt, "provider": "dalle3", "count": 4, "size": "1024x1024", "webhookUrl": receiver.url(),
        });
        let id = self.cloud.generate(job).await["jobId"].as_str().unwrap().to_owned();
        let state = self.cloud.ended(&id).await;
        let told = receiver.wait_for("job.completed", 1).await;
        for seen in [&state, &told[0].body["data"]] {
            assert_eq!(
                (&seen["status"], &seen["error"]["code"]),
                (&json!("completed"), &json!("PARTIAL_RESULT")),
                "{seen}"
            );
            assert_eq!(seen["result"]["images"].as_array().unwrap().len(), 3, "{seen}");
            assert_eq!(seen["error"]["details"]["missing"], 1, "{seen}");
        }
        assert_eq!(self.asked(prompt), [1; 4], "none is bought again");
    }

    /// The operator lists the host only after the alarm.
    async fn unlisted_host(&self) {
        let prompt = "a kite at a closed port";
        self.openai.upon(prompt, 1, Act::ByForeignUrl(format!("{}/p.png", self.unlisted.url())));
        let id = self.job(prompt, "gpt_image", 1).await;
        let alarm = eventually("the worker alarms", async || {
            let lines = self.cloud.log("image-worker");
            lines.into_iter().find(|line| line.contains("picturesFrom") && line.contains(&id))
        })
        .await;
        assert!(alarm.contains("provider_account") && alarm.contains(host(&self.unlisted)), "{alarm}");
        // The job says why it waits, and others go on.
        let state = self.cloud.status(&id).await;
        assert_eq!(state["waitingFor"]["reason"], "account", "{state}");
        self.bought_once("a kite meanwhile", Act::Item(|picture| json!({"b64_json": picture}))).await;
        let document = document(&self.openai, &self.midjourney, &[&self.listed, &self.unlisted]);
        let secret = self.cloud.secrets.put_secret_value().secret_id(self.cloud.output("ProvidersSecret"));
        secret.secret_string(document.to_string()).send().await.unwrap();
        let state = self.cloud.ended_by_sweeps(&id).await;
        assert_eq!((&state["status"], &state["attempts"]), (&json!("completed"), &json!(1)), "{state}");
        assert_eq!((self.cloud.job(&id).await.paid_calls, self.asked(prompt)), (1, vec![1]));
    }
}

/// A test with a cloud of its own.
pub(crate) fn alone(round: &mut Round<'_>) {
    round.with_own_cloud("paid_pictures_are_bought_once_however_they_come", || async {
        let odd = Odd::start().await;
        tokio::join!(
            odd.other_forms(),
            odd.late_urls(),
            odd.listed_hosts(),
            odd.midjourney_links(),
            odd.service_that_ignores_the_count(),
            odd.one_of_four_is_gone(),
            odd.gateway_that_gave_up(),
        );
        odd.unlisted_host().await;
        assert_eq!((odd.openai.refusals(), odd.midjourney.refusals()), (Vec::new(), Vec::new()));
        assert_eq!(odd.cloud.stop().await, Vec::<String>::new());
    });
}
