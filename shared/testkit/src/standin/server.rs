//! A small HTTP/1.1 server on loopback that can misbehave: never answer, close the connection in the middle
//! of an answer, or stall there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Far longer than any test waits.
const FOREVER: Duration = Duration::from_secs(3600);
/// The most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Without the `?`.
    pub query: String,
    /// With names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// How an answer ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Complete,
    /// The connection closes after that many bytes of the body.
    Cut(usize),
    /// Nothing more comes after that many bytes of the body, and the connection stays open.
    Stall(usize),
}

#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    pause: Duration,
    end: End,
}

impl Reply {
    /// An answer with `body` of the content type `kind`.
    #[must_use]
    pub fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Self { status, headers, body: body.into(), pause: Duration::ZERO, end: End::Complete }
    }

    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// The page that a proxy sends instead of an answer.
    #[must_use]
    pub fn html(status: u16) -> Self {
        Self::new(status, "text/html", "<html><body><h1>Something went wrong</h1></body></html>")
    }

    /// An answer that never arrives.
    #[must_use]
    pub fn never() -> Self {
        Self::html(200).after(FOREVER)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends the answer only after a pause.
    #[must_use]
    pub const fn after(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Closes the connection in the middle of the body.
    #[must_use]
    pub const fn cut(mut self) -> Self {
        self.end = End::Cut(self.body.len() / 2);
        self
    }

    /// Sends nothing more after half of the body.
    #[must_use]
    pub const fn stalling(mut self) -> Self {
        self.end = End::Stall(self.body.len() / 2);
        self
    }

    /// The pause before it is sent.
    #[must_use]
    pub const fn pause(&self) -> Duration {
        self.pause
    }

    async fn send(self, stream: &mut TcpStream) -> std::io::Result<()> {
        tokio::time::sleep(self.pause).await;
        let mut head = format!("HTTP/1.1 {} -\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\nconnection: close\r\n\r\n", self.body.len());
        stream.write_all(head.as_bytes()).await?;
        let (bytes, stall) = match self.end {
            End::Complete => (self.body.len(), false),
            End::Cut(bytes) => (bytes, false),
            End::Stall(bytes) => (bytes, true),
        };
        stream.write_all(&self.body[..bytes]).await?;
        stream.flush().await?;
        if stall {
            tokio::time::sleep(FOREVER).await;
        }
        stream.shutdown().await
    }
}

/// Prepared answers.
#[derive(Debug, Default)]
pub struct Script {
    next: VecDeque<Reply>,
    always: Option<Reply>,
}

impl Script {
    /// Answers the next request that has no answer yet.
    pub fn next(&mut self, reply: Reply) {
        self.next.push_back(reply);
    }

    /// Answers every request that has no answer of its own; `None` ends this.
    pub fn always(&mut self, reply: Option<Reply>) {
        self.always = reply;
    }

    /// Takes the answer for this request, if one was prepared.
    pub fn take(&mut self) -> Option<Reply> {
        self.next.pop_front().or_else(|| self.always.clone())
    }
}

/// Stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    url: String,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Starts one on a free port of loopback.
    pub async fn start(answer: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answer: Arc<dyn Fn(Asked) -> Reply + Send + Sync> = Arc::new(answer);
        // Connections close with the server, so that a client notices.
        let open: Arc<Mutex<tokio::task::JoinSet<()>>> = Arc::default();
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                open.lock().unwrap().spawn(async move {
                    if let Some(asked) = read(&mut stream).await {
                        // The client may have gone.
                        let _ = answer(asked).send(&mut stream).await;
                    }
                });
            }
        });
        Self { url, accepting }
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The request, if a complete one arrives.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > MAX_HEAD_BYTES || stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut body = bytes.split_off(end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut asked =
        Asked { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    asked.body = body;
    Some(asked)
}
