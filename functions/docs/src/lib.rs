//! `GET /openapi.json` and `GET /docs`: the OpenAPI document, and a page that shows it.
//!
//! `build.rs` prepares both at build time, so the function only returns bytes.

use domain::Error;
use edge::http::content_coding::Coding;
use edge::http::etag::is_known;
use edge::http::{Answer, Request};
use http::{StatusCode, header};

/// Caches may keep an answer for 300 s without revalidating: it changes only with a deployment.
const CACHE: &str = "public, max-age=300";

/// A response body in both encodings, with its headers.
struct Document {
    kind: &'static str,
    policy: Option<&'static str>,
    tag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

macro_rules! built {
    ($name:literal) => {
        concat!(env!("OUT_DIR"), "/", $name)
    };
}

const OPENAPI: Document = Document {
    kind: "application/json",
    policy: None,
    tag: include_str!(built!("openapi.tag")),
    plain: include_bytes!(built!("openapi")),
    gzip: include_bytes!(built!("openapi.gz")),
};

const PAGE: Document = Document {
    kind: "text/html; charset=utf-8",
    policy: Some(include_str!(built!("page.policy"))),
    tag: include_str!(built!("page.tag")),
    plain: include_bytes!(built!("page")),
    gzip: include_bytes!(built!("page.gz")),
};

/// Answers one request.
///
/// # Errors
///
/// None in practice.
pub async fn handle(request: Request) -> Result<Answer, Error> {
    let document = if request.route.path == "/docs" { PAGE } else { OPENAPI };
    Ok(document.answer(&request))
}

impl Document {
    fn answer(&self, request: &Request) -> Answer {
        let gzip = Coding::choose(&request.headers, &[Coding::Gzip]) == Coding::Gzip;
        // To a cache, two encodings of a document are two representations, so each needs its own ETag.
        let tag = format!("\"{}{}\"", self.tag, if gzip { "-gzip" } else { "" });
        let mut answer = if is_known(&request.headers, &tag) {
            Answer::empty(StatusCode::NOT_MODIFIED)
        } else {
            let body = if gzip { self.gzip } else { self.plain };
            let mut answer = Answer { body: body.to_vec(), ..Answer::empty(StatusCode::OK) }
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
        answer.with(header::VARY, "Accept-Encoding")
    }
}
