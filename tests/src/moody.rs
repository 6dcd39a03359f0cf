//! A receiver of webhooks that does well, fails or hangs as told, and remembers what it has accepted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use uuid::Uuid;

/// What it does with a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Answers 204.
    Fine,
    /// Answers 500.
    Failing,
    /// Takes it, and never answers.
    Hanging,
}

/// What a webhook has met with.
#[derive(Debug, Clone, Default)]
pub struct Met {
    /// `data.jobId` in the body.
    pub job: String,
    /// `event` in the body.
    pub event: String,
    /// How often it came.
    pub came: usize,
    /// How often it was answered 2xx.
    pub accepted: usize,
    /// The time of the first answer, or of the first try's end without one.
    pub first_end: Option<Instant>,
}

struct State {
    mood: Mood,
    healthy: watch::Sender<bool>,
    met: Mutex<BTreeMap<String, Met>>,
}

/// A receiver on loopback.
pub struct Moody {
    url: String,
    state: Arc<State>,
}

impl Moody {
    /// One that does this with each webhook until it is healthy.
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

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it answers 204 to everything. Whoever hangs gets no answer at all.
    pub fn recover(&self) {
        self.state.healthy.send_replace(true);
    }

    /// What each webhook has met with, by its id.
    #[must_use]
    pub fn met(&self) -> BTreeMap<String, Met> {
        self.state.met.lock().unwrap().clone()
    }

    /// How many webhooks it has accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.met().values().filter(|met| met.accepted > 0).count()
    }
}

impl State {
    async fn answer(&self, mut stream: TcpStream) {
        let Some((id, body)) = read(&mut stream).await else { return };
        let mut healthy = self.healthy.subscribe();
        let mood = if *healthy.borrow_and_update() { Mood::Fine } else { self.mood };
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
            Mood::Hanging => {
                // Until the sender goes, or health returns and this request is forgotten.
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

/// The `webhook-id` and the body of the one request on this connection.
async fn read(stream: &mut TcpStream) -> Option<(String, Value)> {
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
    Some((id, serde_json::from_slice(&bytes[end..end + length]).unwrap()))
}
