#!/usr/bin/env bash
# `aws_lambda_events` reads no HTTP API response (payload format 2.0) that leaves out `cookies`, while it reads one
# without headers, without a body, or without both.
#
# Versions: aws_lambda_events 1.2.1, serde_json 1.0.154; Rust 1.95.0.
#
# Behavior:
# - Of a response's fields, `headers`, `multiValueHeaders`, `body` and `isBase64Encoded` may be missing, each alone and
#   all together. `statusCode` must be there, and so must `cookies`.
# - A response with `"cookies": []` is read.
#
# Why it matters: a function that builds its response itself, and leaves out an empty list of cookies, was answered for
# with a bare 500 by `cargo lambda watch` (seen with cargo-lambda 1.9.2), although the function's own log said 200.
# With `"cookies": []` it was answered with 200.
# This script shows the type only. It starts neither cargo-lambda nor anything of AWS, and does not show what API
# Gateway takes.
#
# Output seen:
#   all fields: read
#   without headers: read
#   without multiValueHeaders: read
#   without body: read
#   without isBase64Encoded: read
#   without cookies: missing field `cookies`
#   statusCode and cookies alone: read
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
name = "wants-cookies"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
aws_lambda_events = { version = "=1.2.1", default-features = false, features = ["apigw"] }
serde_json = "=1.0.154"
TOML

cat > "$work/src/main.rs" <<'RUST'
use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde_json::{Value, json};

fn told(what: &str, response: Value) {
    let text = response.to_string();
    match serde_json::from_str::<ApiGatewayV2httpResponse>(&text) {
        Ok(_) => println!("{what}: read"),
        Err(error) => println!("{what}: {}", error.to_string().split(" at line").next().unwrap_or_default()),
    }
}

fn main() {
    let whole = json!({
        "statusCode": 200, "headers": {"content-type": "text/plain"}, "multiValueHeaders": {}, "body": "hello",
        "isBase64Encoded": false, "cookies": [],
    });
    told("all fields", whole.clone());
    for name in ["headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"] {
        let mut part = whole.clone();
        part.as_object_mut().map(|fields| fields.remove(name));
        told(&format!("without {name}"), part);
    }
    told("statusCode and cookies alone", json!({"statusCode": 200, "cookies": []}));
}
RUST

cargo build --quiet --manifest-path "$work/Cargo.toml" || exit 2
output=$("${CARGO_TARGET_DIR:-$work/target}/debug/wants-cookies") || exit 2
echo "$output"
expected='all fields: read
without headers: read
without multiValueHeaders: read
without body: read
without isBase64Encoded: read
without cookies: missing field `cookies`
statusCode and cookies alone: read'
if [[ $output == "$expected" ]]; then
    echo "as recorded"
else
    printf 'the behavior changed; recorded:\n%s\n' "$expected"
    exit 1
fi
