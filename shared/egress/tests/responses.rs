//! Limits on responses, and downloads.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use egress::header::{AUTHORIZATION, HeaderMap};
use egress::{
    AllowedHost, Client, DownloadLimits, Downloader, EgressError, EgressPolicy, PolicyViolation, Timeouts,
    TrustedOrigin,
};
use url::Url;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const LIMITS: DownloadLimits = DownloadLimits { max_bytes: 1000, timeout: Duration::from_secs(2) };
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(5) };

async fn server(responses: &[(&str, ResponseTemplate)]) -> (MockServer, Url) {
    let server = MockServer::start().await;
    for (at, response) in responses {
        Mock::given(path(*at)).respond_with(response.clone()).mount(&server).await;
    }
    let url = server.uri().parse().unwrap();
    (server, url)
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, "Bearer canary".parse().unwrap())])
}

async fn get(url: Url, limits: DownloadLimits, base: &Url) -> Result<Vec<u8>, EgressError> {
    let headers = headers();
    let origin = TrustedOrigin { url: base, headers: &headers, also: &[] };
    let downloaded = Downloader::new().unwrap().get(&url, limits, Some(origin)).await;
    downloaded.map(Vec::from).map_err(|error| error.problem)
}

#[tokio::test]
async fn download_from_private_trusted_origin_sends_headers() {
    let (server, base) = server(&[("/a.png", ResponseTemplate::new(200).set_body_bytes([1, 2, 3]))]).await;
    assert_eq!(get(base.join("/a.png").unwrap(), LIMITS, &base).await, Ok(vec![1, 2, 3]));
    let received = server.received_requests().await.unwrap();
    assert_eq!(received[0].headers[AUTHORIZATION], "Bearer canary");
}

#[tokio::test]
async fn download_from_other_private_host_is_forbidden() {
    let (other, elsewhere) = server(&[]).await;
    let mut secure = elsewhere.clone();
    secure.set_scheme("https").unwrap();
    for (to, violation) in [(&elsewhere, PolicyViolation::Scheme), (&secure, PolicyViolation::Address)] {
        let error = Downloader::new().unwrap().get(to, LIMITS, None).await.unwrap_err();
        assert_eq!(error.problem, violation.into());
        assert!(error.allowable.is_some_and(|host| to.as_str().contains(&host)), "the operator may allow it");
        let redirect = ResponseTemplate::new(302).insert_header("location", to.as_str());
        let (_server, base) = server(&[("/r", redirect)]).await;
        assert_eq!(get(base.join("/r").unwrap(), LIMITS, &base).await, Err(violation.into()));
        assert_eq!(
            get(to.clone(), LIMITS, &base).await,
            Err(violation.into()),
            "another port is another origin"
        );
    }
    assert!(other.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn download_follows_at_most_three_redirects() {
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
    assert_eq!(get(base.join("/round").unwrap(), LIMITS, &base).await, Err(EgressError::BadRedirect));
    assert_eq!(get(base.join("/nowhere").unwrap(), LIMITS, &base).await, Err(EgressError::BadRedirect));
    assert_eq!(get(base.join("/none").unwrap(), LIMITS, &base).await, Err(EgressError::Status(404)));
    assert_eq!(server.received_requests().await.unwrap().len(), 4 + 4 + 1 + 1);
}

#[tokio::test]
async fn download_beyond_bytes_or_time_is_an_error() {
    let (_server, base) = server(&[
        ("/long", ResponseTemplate::new(200).set_body_bytes(vec![0; 1001])),
        ("/right", ResponseTemplate::new(200).set_body_bytes(vec![0; 1000])),
        ("/slow", ResponseTemplate::new(200).set_delay(Duration::from_secs(30))),
    ])
    .await;
    let quick = DownloadLimits { timeout: Duration::from_millis(200), ..LIMITS };
    assert_eq!(get(base.join("/long").unwrap(), LIMITS, &base).await, Err(EgressError::BodyTooLarge(1000)));
    assert_eq!(get(base.join("/right").unwrap(), LIMITS, &base).await.unwrap().len(), 1000);
    let started = Instant::now();
    assert_eq!(get(base.join("/slow").unwrap(), quick, &base).await, Err(EgressError::ResponseTimeout));
    assert!(started.elapsed() < Duration::from_secs(2));
}

/// Answers every connection with a head without `Content-Length`, and then sends `piece` after `piece`.
async fn slow_server(piece: &'static [u8], every: Duration) -> Url {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
                // Reads the request first: a response before it is a protocol error.
                let received = stream.read(&mut [0; 4096]).await.is_ok();
                let mut alive = received && stream.write_all(head).await.is_ok();
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
async fn endless_body_is_read_up_to_its_limit() {
    let url = slow_server(&[b'x'; 64], Duration::from_millis(1)).await;
    assert_eq!(get(url.clone(), LIMITS, &url).await, Err(EgressError::BodyTooLarge(1000)));
    let client = Client::new(EgressPolicy::Trusted, TIMEOUTS).unwrap();
    let response = client.get(&url).unwrap().send().await.unwrap();
    assert_eq!(egress::read_prefix(response, 1024, Duration::from_secs(5)).await, vec![b'x'; 1024]);
}

#[tokio::test]
async fn read_prefix_of_slow_body_ends_at_the_timeout() {
    let url = slow_server(b"y", Duration::from_millis(100)).await;
    let client = Client::new(EgressPolicy::Trusted, TIMEOUTS).unwrap();
    let response = client.get(&url).unwrap().send().await.unwrap();
    let started = Instant::now();
    let body = egress::read_prefix(response, 1024, Duration::from_millis(350)).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!((1..=5).contains(&body.len()), "bytes before the timeout: {}", body.len());
}

#[tokio::test]
async fn read_json_rejects_large_and_invalid_bodies() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("[1,2]")).mount(&server).await;
    let client = Client::new(EgressPolicy::Trusted, TIMEOUTS).unwrap();
    let url: Url = server.uri().parse().unwrap();
    let send = async || client.get(&url).unwrap().send().await.unwrap();
    assert_eq!(egress::read_json::<Vec<u8>>(send().await, 5).await, Ok(vec![1, 2]));
    assert_eq!(egress::read_json::<Vec<u8>>(send().await, 4).await, Err(EgressError::BodyTooLarge(4)));
    assert_eq!(egress::read_json::<String>(send().await, 5).await, Err(EgressError::InvalidJson));
}

#[tokio::test]
async fn error_text_contains_no_part_of_the_url() {
    let url: Url = "http://127.0.0.1:1/secret-token?key=secret-token".parse().unwrap();
    let client = Client::new(EgressPolicy::Trusted, TIMEOUTS).unwrap();
    let error = EgressError::from(&client.get(&url).unwrap().send().await.unwrap_err());
    assert_eq!(error, EgressError::ConnectFailed);
    assert!(!format!("{error} {error:?}").contains("secret-token"));
}

#[tokio::test]
async fn listed_host_in_any_network_is_downloaded_from_without_headers() {
    let picture = ResponseTemplate::new(200).set_body_bytes([1, 2, 3]);
    let (other, elsewhere) = server(&[("/a.png", picture)]).await;
    let target = elsewhere.join("/a.png").unwrap();
    let redirect = ResponseTemplate::new(302).insert_header("location", target.as_str());
    let (_server, base) = server(&[("/r", redirect)]).await;
    let also = [AllowedHost::try_from(format!("127.0.0.1:{}", elsewhere.port().unwrap())).unwrap()];
    let headers = headers();
    let origin = TrustedOrigin { url: &base, headers: &headers, also: &also };
    for url in [&target, &base.join("/r").unwrap()] {
        let downloaded = Downloader::new().unwrap().get(url, LIMITS, Some(origin)).await;
        assert_eq!(downloaded.unwrap(), &[1, 2, 3][..], "{url}");
    }
    let received = other.received_requests().await.unwrap();
    assert!(received.iter().all(|request| !request.headers.contains_key(AUTHORIZATION)));
    // Nothing opens the addresses that every policy forbids, and such an error asks for no setting.
    let metadata = [AllowedHost::try_from("169.254.169.254".to_owned()).unwrap()];
    let url: Url = "http://169.254.169.254/latest/meta-data".parse().unwrap();
    for also in [&metadata[..], &[]] {
        let origin = TrustedOrigin { url: &base, headers: &headers, also };
        let error = Downloader::new().unwrap().get(&url, LIMITS, Some(origin)).await.unwrap_err();
        assert!(matches!(error.problem, EgressError::PolicyViolation(_)) && error.allowable.is_none());
    }
}

/// `body` in this coding.
fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let (mut bytes, level) = (Vec::new(), flate2::Compression::default());
    match coding {
        "zlib" => flate2::read::ZlibEncoder::new(body, level).read_to_end(&mut bytes),
        "deflate" => flate2::read::DeflateEncoder::new(body, level).read_to_end(&mut bytes),
        _ => flate2::read::GzEncoder::new(body, level).read_to_end(&mut bytes),
    }
    .unwrap();
    bytes
}

#[tokio::test]
async fn compressed_body_that_nobody_asked_for_is_read() {
    let body = b"a picture".to_vec();
    let marked = [b"\xef\xbb\xbf", &body[..]].concat();
    for (headers, sent) in [
        (&["gzip"][..], coded("gzip", &body)),
        (&["x-gzip"], coded("gzip", &body)),
        (&["GZIP, identity"], coded("gzip", &body)),
        (&[], coded("gzip", &body)),
        (&["deflate"], coded("zlib", &body)),
        (&["deflate"], coded("deflate", &body)),
        (&["deflate, gzip"], coded("gzip", &coded("zlib", &body))),
        (&["gzip", "gzip"], coded("gzip", &coded("gzip", &body))),
        // A header that is wrong.
        (&["gzip"], body.clone()),
        (&["deflate"], body.clone()),
        (&[], marked.clone()),
        (&["gzip"], coded("gzip", &marked)),
    ] {
        let mut response = ResponseTemplate::new(200).set_body_bytes(sent);
        for value in headers {
            response = response.append_header("content-encoding", *value);
        }
        let (_server, base) = server(&[("/a", response)]).await;
        assert_eq!(get(base.join("/a").unwrap(), LIMITS, &base).await, Ok(body.clone()), "{headers:?}");
    }
}

#[tokio::test]
async fn decompressed_body_has_the_same_limit() {
    let bomb = coded("gzip", &vec![0; 1 << 20]);
    let twice = coded("gzip", &coded("gzip", &vec![0; 50 << 20]));
    for (header, sent) in [("gzip", bomb), ("gzip, gzip", twice)] {
        let limits = DownloadLimits { max_bytes: sent.len().max(60_000), ..LIMITS };
        let response =
            ResponseTemplate::new(200).set_body_bytes(sent).insert_header("content-encoding", header);
        let (_server, base) = server(&[("/a", response)]).await;
        let read = get(base.join("/a").unwrap(), limits, &base).await;
        assert_eq!(read, Err(EgressError::BodyTooLarge(limits.max_bytes)), "{header}");
    }
}

#[tokio::test]
async fn requests_accept_no_content_coding() {
    let (server, base) = server(&[("/a", ResponseTemplate::new(200))]).await;
    get(base.join("/a").unwrap(), LIMITS, &base).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap()[0].headers["accept-encoding"], "identity");
}
