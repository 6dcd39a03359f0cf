#!/usr/bin/env bash
# `lambda_http` hands only the first of several response headers of one name over to API Gateway (HTTP API,
# payload format 2.0). `Set-Cookie` alone keeps all its values.
#
# Versions: lambda_http 1.3.2 (aws_lambda_events 1.2.1, lambda_runtime 1.5.0), http 1.5.0, tokio 1.54.1,
#   serde_json 1.0.154; Rust 1.95.0.
#
# Behavior:
# - A handler answers with `Vary: Accept-Encoding` and `Vary: Origin`, as two middlewares would add them with
#   `HeaderMap::append`, and with two cookies.
# - The JSON that leaves the function has `"vary": "Accept-Encoding"` and an empty `multiValueHeaders`. A comment
#   in the crate says that API Gateway combines the values with commas, but the second is not in the JSON.
# - Both cookies are in `cookies`.
# - Workaround: join the values of each name with ", " before the response is returned.
#
# Why it matters: a cache that is told of only one `Vary` gives one origin the answer that was made for
# another. Nothing fails and nothing is logged, and a test of the `http::Response` does not see it.
# This script shows the JSON only. It does not show what API Gateway would make of it.
#
# Output seen:
#   vary: Accept-Encoding
#   multiValueHeaders: {}
#   cookies: ["a=1","b=2"]
#   as recorded
#
# Needs cargo and a package registry. Exit codes: 0 as recorded, 1 the behavior changed, anything else: the
# script could not build or run the program.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat > "$work/Cargo.toml" <<'TOML'
[package]
name = "one-header"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
lambda_http = { version = "=1.3.2", default-features = false, features = ["apigw_http"] }
lambda_runtime = { version = "=1.5.0", default-features = false }
aws_lambda_events = { version = "=1.2.1", default-features = false }
serde_json = "=1.0.154"
tokio = { version = "=1.54.1", default-features = false, features = ["macros", "rt"] }
TOML

cat > "$work/src/main.rs" <<'RUST'
use lambda_http::http::{HeaderValue, Response};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, Error, Request, Service, service_fn};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

async fn handler(_: Request) -> Result<Response<Body>, Error> {
    let mut response = Response::new(Body::from("{}"));
    let headers = response.headers_mut();
    headers.append("vary", HeaderValue::from_static("Accept-Encoding"));
    headers.append("vary", HeaderValue::from_static("Origin"));
    headers.append("set-cookie", HeaderValue::from_static("a=1"));
    headers.append("set-cookie", HeaderValue::from_static("b=2"));
    Ok(response)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // An event as API Gateway sends it.
    let event = json!({
        "version": "2.0", "routeKey": "GET /", "rawPath": "/", "rawQueryString": "",
        "headers": {"host": "api.example.com"},
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": "api.example.com", "domainPrefix": "api",
            "http": {"method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
            "requestId": "r", "routeKey": "GET /", "stage": "$default",
            "time": "01/Oct/2026:12:00:00 +0000", "timeEpoch": 1790856000000u64
        },
        "isBase64Encoded": false
    });
    let request: LambdaRequest = serde_json::from_value(event)?;
    let mut service = Adapter::from(service_fn(handler));
    let answer: Value = serde_json::to_value(service.call(LambdaEvent::new(request, Context::default())).await?)?;
    println!("vary: {}", answer["headers"]["vary"].as_str().unwrap_or("none"));
    println!("multiValueHeaders: {}", answer["multiValueHeaders"]);
    println!("cookies: {}", answer["cookies"]);
    Ok(())
}
RUST

cargo build --quiet --manifest-path "$work/Cargo.toml" || exit 2
output=$("${CARGO_TARGET_DIR:-$work/target}/debug/one-header") || exit 2
echo "$output"
expected='vary: Accept-Encoding
multiValueHeaders: {}
cookies: ["a=1","b=2"]'
if [[ $output == "$expected" ]]; then
    echo "as recorded"
else
    printf 'the behavior changed; recorded:\n%s\n' "$expected"
    exit 1
fi
