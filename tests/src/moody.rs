//! A webhook endpoint that succeeds, fails or hangs as configured, and records what it got.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use uuid::Uuid;

/// How it responds to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Answers 204.
    Fine,
    /// Answers 500.
    Failing,
    /// Reads the request and never responds.
    Hanging,
    /// Hangs at this path, and answers 204 at all others.
    HangingAt(&'static str),
}

/// What happened to a webhook.
#[derive(Debug, Clone, Default)]
pub struct Met {
    /// `data.jobId` in the body.
    pub job: String,
    /// `event` in the body.
    pub event: String,
    /// How many times it arrived.
    pub came: usize,
    /// How many times it got a 2xx response.
    pub accepted: usize,
    /// When the first attempt ended, with or without a response.
    pub first_end: Option<Instant>,
}

struct State {
    mood: Mood,
    healthy: watch::Sender<bool>,
    met: Mutex<BTreeMap<String, Met>>,
}

/// A webhook endpoint on loopback.
pub struct Moody {
    url: String,
    state: Arc<State>,
}

impl Moody {
    /// Starts an endpoint that behaves like this until [`Self::recover`].
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=receivers-own", listener.local_addr().unwrap());
        let state = Arc::new(State { mood, healthy: watch::Sender::new(false), met: Mutex::default() });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { state.answer(stream).await });
            }
        });
        Self { url, state }
    }

    /// Its URL, with a secret token in the query.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of another path of its host.
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        self.url.split_once("/hook").map_or_else(String::new, |(host, _)| format!("{host}{path}"))
    }

    /// From now on it responds 204 to everything. Requests that hang get no response at all.
    pub fn recover(&self) {
        self.state.healthy.send_replace(true);
    }

    /// What happened to each webhook, by its id.
    #[must_use]
    pub fn met(&self) -> BTreeMap<String, Met> {
        self.state.met.lock().unwrap().clone()
    }

    /// How many webhooks got a 2xx response.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.met().values().filter(|met| met.accepted > 0).count()
    }
}

impl State {
    async fn answer(&self, mut stream: TcpStream) {
        let Some((path, id, body)) = read(&mut stream).await else { return };
        let mut healthy = self.healthy.subscribe();
        let mood = match self.mood {
            _ if *healthy.borrow_and_update() => Mood::Fine,
            Mood::HangingAt(hanging) if path.starts_with(hanging) => Mood::Hanging,
            Mood::HangingAt(_) => Mood::Fine,
            mood @ (Mood::Fine | Mood::Failing | Mood::Hanging) => mood,
        };
        {
            let mut met = self.met.lock().unwrap();
            let met = met.entry(id.clone()).or_default();
            met.job = body["data"]["jobId"].as_str().unwrap().to_owned();
            met.event = body["event"].as_str().unwrap().to_owned();
            met.came += 1;
        }
        let status = match mood {
            Mood::Fine => "204 No Content",
            Mood::Failing => "500 Internal Server Error",
            Mood::Hanging | Mood::HangingAt(_) => {
                // Until the sender closes the connection, or the endpoint recovers and drops this request.
                let mut rest = [0; 1];
                tokio::select! {
                    _ = stream.read(&mut rest) => {}
                    _ = healthy.changed() => {}
                }
                self.met.lock().unwrap().entry(id).or_default().first_end.get_or_insert_with(Instant::now);
                return;
            }
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let sent = stream.write_all(answer.as_bytes()).await.is_ok();
        let mut met = self.met.lock().unwrap();
        let met = met.entry(id).or_default();
        met.accepted += usize::from(sent && mood == Mood::Fine);
        met.first_end.get_or_insert_with(Instant::now);
    }
}

/// The path, the `webhook-id` and the body of the one request on this connection.
async fn read(stream: &mut TcpStream) -> Option<(String, String, Value)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.starts_with(&format!("{name}: ")));
        line.map(|line| line[name.len() + 2..].to_owned())
    };
    let length: usize = header("content-length")?.parse().unwrap();
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let id = header("webhook-id")?;
    assert!(id.parse::<Uuid>().is_ok(), "{id}");
    let path = head.split(' ').nth(1)?.to_owned();
    Some((path, id, serde_json::from_slice(&bytes[end..end + length]).unwrap()))
}
