//! No connection is ever opened to a forbidden address: real listeners, and names that lie.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
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

/// A request to each place that each reach may go to, over a client of its own, with listeners at this port.
async fn every_reach(port: u16) {
    let url = |scheme: &str, host: &str| format!("{scheme}://{host}:{port}/");
    for (reach, address, url) in [
        (Reach::Public, NOBODY, url("https", "hooks.example")),
        (Reach::Local, NOBODY, url("https", "hooks.example")),
        (Reach::Local, "127.0.0.1", url("http", "localhost")),
        (Reach::Local, "127.0.0.1", url("http", "127.0.0.1")),
        (Reach::Configured, NOBODY, url("http", "sd.internal")),
        (Reach::Configured, NOBODY, url("https", "sd.internal")),
        (Reach::Configured, "127.0.0.1", url("http", "127.0.0.1")),
        (Reach::Configured, "127.0.0.1", url("http", "here.internal")),
    ] {
        assert!(post(reach, &Liar::saying(&[&[address]]), &url).await.is_err(), "nobody answers");
    }
}

/// Runs that ignored test of this file in a process of its own, with these variables.
fn child(test: &str, variables: &[(&str, &str)]) {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", test]).envs(variables.iter().copied());
    for variable in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child.env_remove(variable);
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
}

fn port() -> u16 {
    std::env::var("SEMANTEST_PORT").unwrap().parse().unwrap()
}

#[test]
fn proxies_of_the_environment_are_not_asked() {
    let (proxy, there) = (Ears::open(), Ears::open());
    let (url, port) = (format!("http://127.0.0.1:{}", proxy.port()), there.port().to_string());
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let mut variables = vec![("SEMANTEST_PORT", port.as_str())];
    variables.extend(names.map(|name| (name, url.as_str())));
    child("goes_out_by_every_reach", &variables);
    assert_eq!(proxy.heard(), 0);
    assert_eq!(there.heard(), 4, "those to this machine");
    // Somebody who believes the environment would have been heard.
    child("goes_out_by_the_environment", &variables);
    assert!(proxy.heard() > 0);
}

/// The child of the test above.
#[tokio::test]
#[ignore = "a part of another"]
async fn goes_out_by_every_reach() {
    every_reach(port()).await;
}

/// The other child of the test above.
#[tokio::test]
#[ignore = "a part of another"]
async fn goes_out_by_the_environment() {
    // Sets up TLS.
    let _ = Client::new(Reach::Public, TIMEOUTS).unwrap();
    let client = reqwest::Client::builder().timeout(TIMEOUTS.total).build().unwrap();
    assert!(client.get("http://sd.internal/").send().await.is_err(), "nobody answers");
}

#[test]
fn no_name_leads_to_the_lambda_runtime() {
    let (runtime, there) = (Ears::open(), Ears::open());
    let address = format!("127.0.0.1:{}", runtime.port());
    let port = there.port().to_string();
    child(
        "goes_to_the_runtime_by_names",
        &[("AWS_LAMBDA_RUNTIME_API", address.as_str()), ("SEMANTEST_PORT", port.as_str())],
    );
    assert_eq!((runtime.heard(), there.heard()), (0, 1), "another port of this machine is the operator's");
}

/// The child of the test above.
#[tokio::test]
#[ignore = "a part of another"]
async fn goes_to_the_runtime_by_names() {
    let runtime: SocketAddr = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap().parse().unwrap();
    for address in ["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::ffff:127.0.0.1"] {
        for reach in [Reach::Configured, Reach::Local, Reach::Public] {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://sd.internal:{}/", runtime.port());
                let outcome = post(reach, &Liar::saying(&[&[address]]), &url).await;
                assert!(
                    matches!(outcome, Err(Problem::Refused(_))),
                    "{url} {address} {reach:?}: {outcome:?}"
                );
            }
        }
    }
    let names = Liar::saying(&[&["127.0.0.1"]]);
    let outcome = post(Reach::Configured, &names, &format!("http://sd.internal:{}/", port())).await;
    assert!(!matches!(outcome, Ok(_) | Err(Problem::Refused(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_second_request_asks_for_the_name_again() {
    let server = wiremock::MockServer::start().await;
    let answer = wiremock::ResponseTemplate::new(200);
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    let names = Liar::saying(&[&["127.0.0.1"]]);
    let client = Client::with_names(Reach::Configured, TIMEOUTS, names.clone()).unwrap();
    let url = Url::parse(&format!("http://sd.internal:{}/", server.address().port())).unwrap();
    for times in 1..=3 {
        let answer = client.get(&url).unwrap().send().await.unwrap();
        assert_eq!(answer.bytes().await.unwrap(), "");
        assert_eq!(
            names.asked.load(Ordering::Relaxed),
            times,
            "no connection is kept that was checked before"
        );
    }
}
