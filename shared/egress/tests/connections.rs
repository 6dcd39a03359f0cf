//! No connection is ever opened to a forbidden address: real listeners, and names that lie.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use egress::{Client, Names, Problem, Reach, Refused, Timeouts};
use url::Url;

/// Loopback, and how many connections came there.
struct Ears(Vec<TcpListener>);

impl Ears {
    fn open() -> Self {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        // Not every machine has IPv6.
        let second = TcpListener::bind(("::1", port)).ok();
        let ears: Vec<_> = [Some(first), second].into_iter().flatten().collect();
        for ear in &ears {
            ear.set_nonblocking(true).unwrap();
        }
        Self(ears)
    }

    fn port(&self) -> u16 {
        self.0[0].local_addr().unwrap().port()
    }

    fn heard(&self) -> usize {
        self.0.iter().map(|ear| std::iter::from_fn(|| ear.accept().ok()).count()).sum()
    }
}

/// Gives one answer after the other, the last one for ever.
struct Liar {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Liar {
    fn saying(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|one| one.parse().unwrap()).collect();
        Arc::new(Self { answers: answers.iter().map(parse).collect(), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Names for Liar {
    async fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.answers[turn.min(self.answers.len() - 1)].clone())
    }
}

const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_millis(500), total: Duration::from_secs(1) };

/// An address of the project that swallows misdirected traffic (AS112): global, and nobody is there.
const NOBODY: &str = "192.175.48.77";

async fn post(reach: Reach, names: &Arc<Liar>, url: &str) -> Result<u16, Problem> {
    let names: Arc<dyn Names> = names.clone();
    let client = Client::with_names(reach, TIMEOUTS, names).unwrap();
    let answer = client.post(&Url::parse(url).unwrap())?.body("{}").send().await?;
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn a_name_of_a_forbidden_address_is_not_connected_to() {
    let ears = Ears::open();
    for address in ["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
        for reach in [Reach::Public, Reach::Local] {
            let names = Liar::saying(&[&[address]]);
            let url = format!("https://evil.example:{}/", ears.port());
            let outcome = post(reach, &names, &url).await;
            assert_eq!(outcome, Err(Problem::Refused(Refused::Address)), "{address} {reach:?}");
        }
    }
    assert_eq!(ears.heard(), 0);
}

#[tokio::test]
async fn of_several_addresses_only_permitted_ones_are_connected_to() {
    let ears = Ears::open();
    let names = Liar::saying(&[&["127.0.0.1", NOBODY, "::1"]]);
    let outcome = post(Reach::Public, &names, &format!("https://mixed.example:{}/", ears.port())).await;
    assert!(
        outcome.is_err_and(|problem| problem.nothing_sent() && problem != Problem::Refused(Refused::Address))
    );
    assert_eq!(ears.heard(), 0);
}

#[tokio::test]
async fn a_name_that_turns_round_between_check_and_connection_gains_nothing() {
    let ears = Ears::open();
    let names = Liar::saying(&[&[NOBODY], &["127.0.0.1"]]);
    let url = format!("https://rebinding.example:{}/", ears.port());
    assert!(post(Reach::Public, &names, &url).await.is_err());
    assert_eq!(names.asked.load(Ordering::Relaxed), 1, "checked and connected to by one answer");
    for _ in 0..3 {
        assert_eq!(post(Reach::Public, &names, &url).await, Err(Problem::Refused(Refused::Address)));
    }
    assert_eq!(ears.heard(), 0);
}

#[tokio::test]
async fn an_address_that_is_written_out_is_not_connected_to() {
    let ears = Ears::open();
    let names = Liar::saying(&[&[]]);
    let [port, decimal] = [ears.port().to_string(), u32::from(Ipv4Addr::LOCALHOST).to_string()];
    for host in ["127.0.0.1", "127.1", "0x7f.1", "0177.1", &decimal, "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
    {
        let outcome = post(Reach::Public, &names, &format!("https://{host}:{port}/")).await;
        assert_eq!(outcome, Err(Problem::Refused(Refused::Address)), "{host}");
        let outcome = post(Reach::Public, &names, &format!("http://{host}:{port}/")).await;
        assert_eq!(outcome, Err(Problem::Refused(Refused::Scheme)), "{host}");
    }
    assert_eq!(ears.heard(), 0);
    assert_eq!(names.asked.load(Ordering::Relaxed), 0);
}

/// That nothing was heard above says something only if something can be heard.
#[tokio::test]
async fn what_is_permitted_is_connected_to() {
    let ears = Ears::open();
    let names = Liar::saying(&[&["127.0.0.1"]]);
    for (reach, url) in [
        (Reach::Local, format!("http://127.0.0.1:{}/", ears.port())),
        (Reach::Local, format!("http://localhost:{}/", ears.port())),
        (Reach::Configured, format!("http://sd.internal:{}/", ears.port())),
        (Reach::Configured, format!("https://sd.internal:{}/", ears.port())),
    ] {
        assert!(post(reach, &names, &url).await.is_err(), "nobody answers");
        assert_eq!(ears.heard(), 1, "{url}");
    }
}
