//! No connection is opened to a forbidden address: tested with real listeners and a fake resolver.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use egress::{Client, EgressError, EgressPolicy, PolicyViolation, Resolver, Timeouts};
use url::Url;

/// Listens on loopback (IPv4 and IPv6) and counts the connections.
struct Listeners(Vec<TcpListener>);

impl Listeners {
    fn open() -> Self {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        // Not every machine has IPv6.
        let second = TcpListener::bind(("::1", port)).ok();
        let listeners: Vec<_> = [Some(first), second].into_iter().flatten().collect();
        for listener in &listeners {
            listener.set_nonblocking(true).unwrap();
        }
        Self(listeners)
    }

    fn port(&self) -> u16 {
        self.0[0].local_addr().unwrap().port()
    }

    fn connections(&self) -> usize {
        self.0.iter().map(|listener| std::iter::from_fn(|| listener.accept().ok()).count()).sum()
    }
}

/// Gives one answer per lookup, and the last one from then on.
struct FakeResolver {
    answers: Vec<Vec<IpAddr>>,
    lookups: AtomicUsize,
}

impl FakeResolver {
    fn answering(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|one| one.parse().unwrap()).collect();
        Arc::new(Self { answers: answers.iter().map(parse).collect(), lookups: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolver for FakeResolver {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let lookup = self.lookups.fetch_add(1, Ordering::Relaxed);
        Ok(self.answers[lookup.min(self.answers.len() - 1)].clone())
    }
}

const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_millis(500), total: Duration::from_secs(1) };

/// An address of AS112, which sinks misdirected DNS queries: global, and nothing answers at these ports.
const UNUSED: &str = "192.175.48.77";

async fn post(policy: EgressPolicy, resolver: &Arc<FakeResolver>, url: &str) -> Result<u16, EgressError> {
    let resolver: Arc<dyn Resolver> = resolver.clone();
    let client = Client::with_resolver(policy, TIMEOUTS, resolver).unwrap();
    let answer = client.post(&Url::parse(url).unwrap())?.body("{}").send().await?;
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn name_with_forbidden_address_is_not_connected_to() {
    let listeners = Listeners::open();
    for address in ["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
        for policy in [EgressPolicy::PublicOnly, EgressPolicy::PublicOrLoopback] {
            let resolver = FakeResolver::answering(&[&[address]]);
            let url = format!("https://evil.example:{}/", listeners.port());
            let outcome = post(policy, &resolver, &url).await;
            assert_eq!(
                outcome,
                Err(EgressError::PolicyViolation(PolicyViolation::Address)),
                "{address} {policy:?}"
            );
        }
    }
    assert_eq!(listeners.connections(), 0);
}

#[tokio::test]
async fn only_permitted_addresses_of_a_name_are_connected_to() {
    let listeners = Listeners::open();
    let resolver = FakeResolver::answering(&[&["127.0.0.1", UNUSED, "::1"]]);
    let outcome =
        post(EgressPolicy::PublicOnly, &resolver, &format!("https://mixed.example:{}/", listeners.port()))
            .await;
    assert!(outcome.is_err_and(
        |error| error.nothing_sent() && error != EgressError::PolicyViolation(PolicyViolation::Address)
    ));
    assert_eq!(listeners.connections(), 0);
}

#[tokio::test]
async fn rebound_name_is_not_connected_to() {
    let listeners = Listeners::open();
    let resolver = FakeResolver::answering(&[&[UNUSED], &["127.0.0.1"]]);
    let url = format!("https://rebinding.example:{}/", listeners.port());
    assert!(post(EgressPolicy::PublicOnly, &resolver, &url).await.is_err());
    assert_eq!(resolver.lookups.load(Ordering::Relaxed), 1, "one lookup serves the check and the connection");
    for _ in 0..3 {
        assert_eq!(
            post(EgressPolicy::PublicOnly, &resolver, &url).await,
            Err(EgressError::PolicyViolation(PolicyViolation::Address))
        );
    }
    assert_eq!(listeners.connections(), 0);
}

#[tokio::test]
async fn forbidden_ip_literal_is_not_connected_to() {
    let listeners = Listeners::open();
    let resolver = FakeResolver::answering(&[&[]]);
    let [port, decimal] = [listeners.port().to_string(), u32::from(Ipv4Addr::LOCALHOST).to_string()];
    for host in ["127.0.0.1", "127.1", "0x7f.1", "0177.1", &decimal, "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
    {
        let outcome = post(EgressPolicy::PublicOnly, &resolver, &format!("https://{host}:{port}/")).await;
        assert_eq!(outcome, Err(EgressError::PolicyViolation(PolicyViolation::Address)), "{host}");
        let outcome = post(EgressPolicy::PublicOnly, &resolver, &format!("http://{host}:{port}/")).await;
        assert_eq!(outcome, Err(EgressError::PolicyViolation(PolicyViolation::Scheme)), "{host}");
    }
    assert_eq!(listeners.connections(), 0);
    assert_eq!(resolver.lookups.load(Ordering::Relaxed), 0);
}

/// Shows that the listeners do see connections, so that the zeros above mean something.
#[tokio::test]
async fn permitted_address_is_connected_to() {
    let listeners = Listeners::open();
    let resolver = FakeResolver::answering(&[&["127.0.0.1"]]);
    for (policy, url) in [
        (EgressPolicy::PublicOrLoopback, format!("http://127.0.0.1:{}/", listeners.port())),
        (EgressPolicy::PublicOrLoopback, format!("http://localhost:{}/", listeners.port())),
        (EgressPolicy::Trusted, format!("http://sd.internal:{}/", listeners.port())),
        (EgressPolicy::Trusted, format!("https://sd.internal:{}/", listeners.port())),
    ] {
        assert!(post(policy, &resolver, &url).await.is_err(), "nothing answers");
        assert_eq!(listeners.connections(), 1, "{url}");
    }
}

/// Sends one request per permitted kind of target and policy, each with a new client, to this port.
async fn request_by_every_policy(port: u16) {
    let url = |scheme: &str, host: &str| format!("{scheme}://{host}:{port}/");
    for (policy, address, url) in [
        (EgressPolicy::PublicOnly, UNUSED, url("https", "hooks.example")),
        (EgressPolicy::PublicOrLoopback, UNUSED, url("https", "hooks.example")),
        (EgressPolicy::PublicOrLoopback, "127.0.0.1", url("http", "localhost")),
        (EgressPolicy::PublicOrLoopback, "127.0.0.1", url("http", "127.0.0.1")),
        (EgressPolicy::Trusted, UNUSED, url("http", "sd.internal")),
        (EgressPolicy::Trusted, UNUSED, url("https", "sd.internal")),
        (EgressPolicy::Trusted, "127.0.0.1", url("http", "127.0.0.1")),
        (EgressPolicy::Trusted, "127.0.0.1", url("http", "here.internal")),
    ] {
        assert!(
            post(policy, &FakeResolver::answering(&[&[address]]), &url).await.is_err(),
            "nothing answers"
        );
    }
}

/// Runs an ignored test of this file in a child process, with these environment variables.
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
fn proxy_variables_are_ignored() {
    let (proxy, target) = (Listeners::open(), Listeners::open());
    let (url, port) = (format!("http://127.0.0.1:{}", proxy.port()), target.port().to_string());
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let mut variables = vec![("SEMANTEST_PORT", port.as_str())];
    variables.extend(names.map(|name| (name, url.as_str())));
    child("child_requests_by_every_policy", &variables);
    assert_eq!(proxy.connections(), 0);
    assert_eq!(target.connections(), 4, "the requests to this machine");
    // A client that uses the variables does reach the proxy.
    child("child_requests_through_the_proxy", &variables);
    assert!(proxy.connections() > 0);
}

/// The child process of the test above.
#[tokio::test]
#[ignore = "run by another test"]
async fn child_requests_by_every_policy() {
    request_by_every_policy(port()).await;
}

/// The other child process of the test above.
#[tokio::test]
#[ignore = "run by another test"]
async fn child_requests_through_the_proxy() {
    // Installs the TLS provider.
    let _ = Client::new(EgressPolicy::PublicOnly, TIMEOUTS).unwrap();
    let client = reqwest::Client::builder().timeout(TIMEOUTS.total).build().unwrap();
    assert!(client.get("http://sd.internal/").send().await.is_err(), "nothing answers");
}

#[test]
fn no_name_leads_to_the_runtime_api() {
    let (runtime, target) = (Listeners::open(), Listeners::open());
    let address = format!("127.0.0.1:{}", runtime.port());
    let port = target.port().to_string();
    child(
        "child_requests_the_runtime_api_by_name",
        &[("AWS_LAMBDA_RUNTIME_API", address.as_str()), ("SEMANTEST_PORT", port.as_str())],
    );
    assert_eq!(
        (runtime.connections(), target.connections()),
        (0, 1),
        "other ports of this machine are permitted"
    );
}

/// The child process of the test above.
#[tokio::test]
#[ignore = "run by another test"]
async fn child_requests_the_runtime_api_by_name() {
    let runtime: SocketAddr = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap().parse().unwrap();
    for address in ["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::ffff:127.0.0.1"] {
        for policy in [EgressPolicy::Trusted, EgressPolicy::PublicOrLoopback, EgressPolicy::PublicOnly] {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://sd.internal:{}/", runtime.port());
                let outcome = post(policy, &FakeResolver::answering(&[&[address]]), &url).await;
                assert!(
                    matches!(outcome, Err(EgressError::PolicyViolation(_))),
                    "{url} {address} {policy:?}: {outcome:?}"
                );
            }
        }
    }
    let resolver = FakeResolver::answering(&[&["127.0.0.1"]]);
    let outcome = post(EgressPolicy::Trusted, &resolver, &format!("http://sd.internal:{}/", port())).await;
    assert!(!matches!(outcome, Ok(_) | Err(EgressError::PolicyViolation(_))), "{outcome:?}");
}

#[tokio::test]
async fn every_request_resolves_the_name_again() {
    let server = wiremock::MockServer::start().await;
    let answer = wiremock::ResponseTemplate::new(200);
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    let resolver = FakeResolver::answering(&[&["127.0.0.1"]]);
    let client = Client::with_resolver(EgressPolicy::Trusted, TIMEOUTS, resolver.clone()).unwrap();
    let url = Url::parse(&format!("http://sd.internal:{}/", server.address().port())).unwrap();
    for times in 1..=3 {
        let answer = client.get(&url).unwrap().send().await.unwrap();
        assert_eq!(answer.bytes().await.unwrap(), "");
        assert_eq!(resolver.lookups.load(Ordering::Relaxed), times, "no connection is reused");
    }
}
