//! `GET /openapi.json` and `GET /docs`: the OpenAPI document, and a page that shows it.
//!
//! `build.rs` prepares the page at build time. The document depends on the deployment and on the address
//! that was asked.

use std::borrow::Cow;
use std::io::Write as _;

use domain::Error;
use domain::jobs::WebhookUrlPolicy;
use edge::API;
use edge::http::content_coding::Coding;
use edge::http::etag::{self, is_known};
use edge::http::{Answer, Request};
use edge::openapi::{LOCAL_WEBHOOK_URL_PATTERN, WEBHOOK_URL_PATTERN};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{StatusCode, header};

/// Caches may keep an answer for 300 s without revalidating: it changes only with a deployment.
const CACHE: &str = "public, max-age=300";

/// A response body with its headers.
struct Document<'a> {
    kind: &'static str,
    policy: Option<&'static str>,
    tag: &'a str,
    plain: &'a [u8],
    /// The compressed body, if it was made at build time.
    gzip: Option<&'static [u8]>,
}

macro_rules! built {
    ($name:literal) => {
        concat!(env!("OUT_DIR"), "/", $name)
    };
}

/// The document that is checked in.
const OPENAPI: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json"));

const PAGE: Document<'static> = Document {
    kind: "text/html; charset=utf-8",
    policy: Some(include_str!(built!("page.policy"))),
    tag: include_str!(built!("page.tag")),
    plain: include_bytes!(built!("page")),
    gzip: Some(include_bytes!(built!("page.gz"))),
};

/// Answers one request.
///
/// # Errors
///
/// None in practice.
pub async fn handle(url_policy: WebhookUrlPolicy, request: Request) -> Result<Answer, Error> {
    if request.route.path == "/docs" {
        return PAGE.answer(&request);
    }
    let plain = served(request.base_url().as_deref(), url_policy)?;
    let tag = etag::of(plain.as_bytes());
    let document = Document {
        kind: "application/json",
        policy: None,
        tag: tag.trim_matches('"'),
        plain: plain.as_bytes(),
        gzip: None,
    };
    document.answer(&request)
}

/// Returns the document of this deployment: it names the address that was asked, and the webhook URLs that
/// this deployment takes. A cache keeps one for each host, since the host is a part of its key.
fn served(base_url: Option<&str>, url_policy: WebhookUrlPolicy) -> Result<String, Error> {
    let quoted = |text: &str| serde_json::to_string(text).map_err(Error::internal);
    let mut document = OPENAPI.to_owned();
    if let Some(url) = base_url {
        let server = |url: &str| Ok::<_, Error>(format!("\"url\": {}", quoted(url)?));
        document = document.replacen(&server(API)?, &server(url)?, 1);
    }
    match url_policy {
        WebhookUrlPolicy::HttpsOnly => Ok(document),
        WebhookUrlPolicy::AllowLoopbackHttp => {
            Ok(document.replace(&quoted(WEBHOOK_URL_PATTERN)?, &quoted(LOCAL_WEBHOOK_URL_PATTERN)?))
        }
    }
}

impl Document<'_> {
    fn answer(&self, request: &Request) -> Result<Answer, Error> {
        let gzip = Coding::choose(&request.headers, &[Coding::Gzip]) == Coding::Gzip;
        // To a cache, two encodings of a document are two representations, so each needs its own ETag.
        let tag = format!("\"{}{}\"", self.tag, if gzip { "-gzip" } else { "" });
        let mut answer = if is_known(&request.headers, &tag) {
            Answer::empty(StatusCode::NOT_MODIFIED)
        } else {
            // Not before it is known that these bytes are sent.
            let body = if gzip { self.gzipped()? } else { self.plain.into() };
            let mut answer = Answer { body: body.into_owned(), ..Answer::empty(StatusCode::OK) }
                .with(header::CONTENT_TYPE, self.kind);
            if gzip {
                answer = answer.with(header::CONTENT_ENCODING, "gzip");
            }
            answer
        };
        if let Some(policy) = self.policy {
            answer = answer.with(header::CONTENT_SECURITY_POLICY, policy);
        }
        answer = answer.with(header::ETAG, &tag).with(header::CACHE_CONTROL, CACHE);
        Ok(answer.with(header::VARY, "Accept-Encoding"))
    }

    fn gzipped(&self) -> Result<Cow<'static, [u8]>, Error> {
        if let Some(built) = self.gzip {
            return Ok(built.into());
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(self.plain).map_err(Error::internal)?;
        Ok(gzip.finish().map_err(Error::internal)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_names_the_address_and_the_urls_of_the_deployment() {
        let read = |base_url, policy| -> serde_json::Value {
            serde_json::from_str(&served(base_url, policy).unwrap()).unwrap()
        };
        let pattern = |document: &serde_json::Value| {
            let fields = &document["components"]["schemas"]["EnableRequest"]["properties"];
            fields["url"]["pattern"].as_str().unwrap().to_owned()
        };
        let plain = read(None, WebhookUrlPolicy::HttpsOnly);
        assert_eq!(
            (plain["servers"][0]["url"].as_str(), &*pattern(&plain)),
            (Some(API), WEBHOOK_URL_PATTERN)
        );
        let local = read(Some("http://127.0.0.1:1/api/v1"), WebhookUrlPolicy::AllowLoopbackHttp);
        assert_eq!(local["servers"][0]["url"], "http://127.0.0.1:1/api/v1");
        assert_eq!(pattern(&local), LOCAL_WEBHOOK_URL_PATTERN);
        assert!(!local.to_string().contains(
            &plain["components"]["schemas"]["EnableRequest"]["properties"]["url"]["pattern"].to_string()
        ));
    }
}
