//! Bounds on what comes back, and downloads.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use egress::header::{AUTHORIZATION, HeaderMap};
use egress::{Base, Client, Downloader, Limits, Problem, Reach, Refused, Timeouts};
use url::Url;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const LIMITS: Limits = Limits { max_bytes: 1000, timeout: Duration::from_secs(2) };
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(5) };

async fn server(answers: &[(&str, ResponseTemplate)]) -> (MockServer, Url) {
    let server = MockServer::start().await;
    for (at, answer) in answers {
        Mock::given(path(*at)).respond_with(answer.clone()).mount(&server).await;
    }
    let url = server.uri().parse().unwrap();
    (server, url)
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, "Bearer canary".parse().unwrap())])
}

async fn get(url: Url, limits: Limits, base: &Url) -> Result<Vec<u8>, Problem> {
    let headers = headers();
    let base = Base { url: base, headers: &headers };
    Downloader::new().unwrap().get(&url, limits, Some(base)).await.map(Vec::from)
}

#[tokio::test]
async fn the_configured_host_may_be_private_and_gets_its_key() {
    let (server, base) = server(&[("/a.png", ResponseTemplate::new(200).set_body_bytes([1, 2, 3]))]).await;
    assert_eq!(get(base.join("/a.png").unwrap(), LIMITS, &base).await, Ok(vec![1, 2, 3]));
    let got = server.received_requests().await.unwrap();
    assert_eq!(got[0].headers[AUTHORIZATION], "Bearer canary");
}

#[tokio::test]
async fn any_other_private_host_is_refused_also_behind_a_redirect() {
    let (other, elsewhere) = server(&[]).await;
    let mut secure = elsewhere.clone();
    secure.set_scheme("https").unwrap();
    for (to, why) in [(&elsewhere, Refused::Scheme), (&secure, Refused::Address)] {
        assert_eq!(Downloader::new().unwrap().get(to, LIMITS, None).await, Err(why.into()));
        let redirect = ResponseTemplate::new(302).insert_header("location", to.as_str());
        let (_server, base) = server(&[("/r", redirect)]).await;
        assert_eq!(get(base.join("/r").unwrap(), LIMITS, &base).await, Err(why.into()));
        assert_eq!(get(to.clone(), LIMITS, &base).await, Err(why.into()), "another port is another host");
    }
    assert!(other.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn some_redirects_are_followed_and_no_more() {
    let to = |at: &str| ResponseTemplate::new(307).insert_header("location", at);
    let (server, base) = server(&[
        ("/1", to("/2")),
        ("/2", to("/3")),
        ("/3", to("/4")),
        ("/4", ResponseTemplate::new(200).set_body_string("there")),
        ("/round", to("/round")),
        ("/nowhere", ResponseTemplate::new(302)),
    ])
    .await;
    assert_eq!(get(base.join("/1").unwrap(), LIMITS, &base).await, Ok(b"there".to_vec()));
    assert_eq!(get(base.join("/round").unwrap(), LIMITS, &base).await, Err(Problem::Redirects));
    assert_eq!(get(base.join("/nowhere").unwrap(), LIMITS, &base).await, Err(Problem::Redirects));
    assert_eq!(get(base.join("/none").unwrap(), LIMITS, &base).await, Err(Problem::Status(404)));
    assert_eq!(server.received_requests().await.unwrap().len(), 4 + 4 + 1 + 1);
}

#[tokio::test]
async fn bytes_and_time_are_bounded() {
    let (_server, base) = server(&[
        ("/long", ResponseTemplate::new(200).set_body_bytes(vec![0; 1001])),
        ("/right", ResponseTemplate::new(200).set_body_bytes(vec![0; 1000])),
        ("/slow", ResponseTemplate::new(200).set_delay(Duration::from_secs(30))),
    ])
    .await;
    let quick = Limits { timeout: Duration::from_millis(200), ..LIMITS };
    assert_eq!(get(base.join("/long").unwrap(), LIMITS, &base).await, Err(Problem::TooLong(1000)));
    assert_eq!(get(base.join("/right").unwrap(), LIMITS, &base).await.unwrap().len(), 1000);
    let started = Instant::now();
    assert_eq!(get(base.join("/slow").unwrap(), quick, &base).await, Err(Problem::NoAnswerInTime));
    assert!(started.elapsed() < Duration::from_secs(2));
}

/// Answers every connection with a head that promises nothing, and then drips for ever.
async fn drip(piece: &'static [u8], every: Duration) -> Url {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
                // The request first: an answer to nothing is no answer.
                let asked = stream.read(&mut [0; 4096]).await.is_ok();
                let mut alive = asked && stream.write_all(head).await.is_ok();
                while alive {
                    alive = stream.write_all(piece).await.is_ok();
                    tokio::time::sleep(every).await;
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn a_body_without_an_end_ends_at_its_bound() {
    let url = drip(&[b'x'; 64], Duration::from_millis(1)).await;
    assert_eq!(get(url.clone(), LIMITS, &url).await, Err(Problem::TooLong(1000)));
    let client = Client::new(Reach::Configured, TIMEOUTS).unwrap();
    let answer = client.get(&url).unwrap().send().await.unwrap();
    assert_eq!(egress::beginning(answer, 1024, Duration::from_secs(5)).await, vec![b'x'; 1024]);
}

#[tokio::test]
async fn a_body_that_drips_is_not_waited_for() {
    let url = drip(b"y", Duration::from_millis(100)).await;
    let client = Client::new(Reach::Configured, TIMEOUTS).unwrap();
    let answer = client.get(&url).unwrap().send().await.unwrap();
    let started = Instant::now();
    let body = egress::beginning(answer, 1024, Duration::from_millis(350)).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!((1..=5).contains(&body.len()), "what came until then: {}", body.len());
}

#[tokio::test]
async fn json_is_bounded_and_checked() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("[1,2]")).mount(&server).await;
    let client = Client::new(Reach::Configured, TIMEOUTS).unwrap();
    let url: Url = server.uri().parse().unwrap();
    let ask = async || client.get(&url).unwrap().send().await.unwrap();
    assert_eq!(egress::json::<Vec<u8>>(ask().await, 5).await, Ok(vec![1, 2]));
    assert_eq!(egress::json::<Vec<u8>>(ask().await, 4).await, Err(Problem::TooLong(4)));
    assert_eq!(egress::json::<String>(ask().await, 5).await, Err(Problem::BadJson));
}

#[tokio::test]
async fn a_problem_holds_nothing_of_its_url() {
    let url: Url = "http://127.0.0.1:1/secret-token?key=secret-token".parse().unwrap();
    let client = Client::new(Reach::Configured, TIMEOUTS).unwrap();
    let error = client.get(&url).unwrap().send().await.unwrap_err();
    let problem = Problem::from(&error);
    assert_eq!(problem, Problem::NoConnection);
    assert!(!format!("{problem} {problem:?}").contains("secret-token"));
}
