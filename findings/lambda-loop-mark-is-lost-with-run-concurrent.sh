#!/usr/bin/env bash
# With `lambda_runtime::run_concurrent` and more than one worker, the AWS SDK for Rust no longer sends
# the Lineage of Lambda's recursive loop detection. The same binary sends it when it runs sequentially.
#
# Versions: lambda_runtime 1.5.0 with the feature concurrency-tokio (lambda_runtime_api_client 1.1.1),
#   aws-sdk-sqs 1.119.0, aws-runtime 1.10.2, aws-smithy-http-client 1.5.2, tokio 1.54.1,
#   serde_json 1.0.154; Rust 1.95.0.
#
# Behavior:
# - The SDK takes the trace header from the environment variable _X_AMZN_TRACE_ID and from nowhere else
#   (RecursionDetectionInterceptor of aws-runtime).
# - `run_concurrent` sets that variable for each invocation while AWS_LAMBDA_MAX_CONCURRENCY is unset.
#   With AWS_LAMBDA_MAX_CONCURRENCY=2 it does not set it, because one variable cannot serve two
#   invocations at a time. The only notice is a log event of level TRACE.
# - So the same binary loses the header as soon as it runs with more than one worker, as it does on
#   Lambda Managed Instances.
# - Workaround: `customize().mutate_request(...)` with the trace header from the invocation's context.
#   The SDK leaves a header alone that is already there, and each of two simultaneous invocations
#   sends its own.
#
# Why it matters: with the header goes the count of hops. A function that feeds its own queue by mistake
# has one guard less, and traces end at the function. Nothing fails and nothing is logged.
# This script shows the headers only. The counting happens in AWS and is not reproduced here.
#
# Output seen:
#   AWS_LAMBDA_MAX_CONCURRENCY unset
#     message "first"   X-Amzn-Trace-Id: Root=1-68a00000-000000000000000000000001;Parent=0000000000000001;Sampled=0;Lineage=1:abcdef01:3
#     message "second"  X-Amzn-Trace-Id: Root=1-68a00000-000000000000000000000002;Parent=0000000000000002;Sampled=0;Lineage=1:12345678:9
#   AWS_LAMBDA_MAX_CONCURRENCY=2
#     message "first"   X-Amzn-Trace-Id: not sent
#     message "second"  X-Amzn-Trace-Id: not sent
#   AWS_LAMBDA_MAX_CONCURRENCY=2, header taken from the context
#     message "first"   X-Amzn-Trace-Id: Root=1-68a00000-000000000000000000000001;Parent=0000000000000001;Sampled=0;Lineage=1:abcdef01:3
#     message "second"  X-Amzn-Trace-Id: Root=1-68a00000-000000000000000000000002;Parent=0000000000000002;Sampled=0;Lineage=1:12345678:9
#   as recorded
#
# Needs cargo, Python 3 and a package registry. Exit codes: 0 as recorded, 1 the behavior changed,
# anything else: the script could not build or run the program.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat > "$work/Cargo.toml" <<'TOML'
[package]
name = "concurrent-worker"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
aws-runtime = "=1.10.2"
aws-sdk-sqs = { version = "=1.119.0", default-features = false, features = ["rt-tokio"] }
aws-smithy-http-client = { version = "=1.5.2", default-features = false, features = ["default-client", "rt-tokio"] }
lambda_runtime = { version = "=1.5.0", default-features = false, features = ["concurrency-tokio"] }
lambda_runtime_api_client = { version = "=1.1.1", default-features = false }
serde_json = "=1.0.154"
tokio = { version = "=1.54.1", default-features = false, features = ["macros", "rt-multi-thread"] }
TOML

cat > "$work/src/main.rs" <<'RUST'
//! Sends the body of each event back to its queue, with as many workers as the environment asks for.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new("test", "test", None, None, "fixed"))
        .endpoint_url(std::env::var("SQS_ENDPOINT")?)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("us-east-1"))
        .build();
    let client = Client::from_conf(config);
    lambda_runtime::run_concurrent(service_fn(move |event| handle(event, client.clone()))).await
}

async fn handle(event: LambdaEvent<Value>, client: Client) -> Result<(), Error> {
    let body = event.payload["Records"][0]["body"].as_str().ok_or("no body")?;
    let call = client.send_message().queue_url(std::env::var("QUEUE_URL")?).message_body(body);
    if std::env::var("TRACE_FROM_CONTEXT").is_ok() {
        let trace = event.context.xray_trace_id.ok_or("no trace header")?;
        let set = move |request: &mut aws_sdk_sqs::config::http::HttpRequest| {
            request.headers_mut().insert("x-amzn-trace-id", trace.clone());
        };
        call.customize().mutate_request(set).send().await?;
    } else {
        call.send().await?;
    }
    Ok(())
}
RUST

cat > "$work/check.py" <<'PYTHON'
"""Runs the program between a stand-in for the Runtime API and one for SQS, and compares what it sent."""

import hashlib
import json
import queue
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def trace(number, lineage):
    return f"Root=1-68a00000-{number:024};Parent={number:016};Sampled=0;Lineage={lineage}"


INVOCATIONS = {"first": trace(1, "1:abcdef01:3"), "second": trace(2, "1:12345678:9")}
TWO_WORKERS = {"AWS_LAMBDA_MAX_CONCURRENCY": "2"}
RUNS = [
    ("AWS_LAMBDA_MAX_CONCURRENCY unset", {}, INVOCATIONS),
    ("AWS_LAMBDA_MAX_CONCURRENCY=2", TWO_WORKERS, dict.fromkeys(INVOCATIONS)),
    (
        "AWS_LAMBDA_MAX_CONCURRENCY=2, header taken from the context",
        TWO_WORKERS | {"TRACE_FROM_CONTEXT": "yes"},
        INVOCATIONS,
    ),
]


class StandIn(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        run = self.server.run
        if self.path != "/2018-06-01/runtime/invocation/next":
            return self.reply(404, b"")
        try:
            body, trace_header = run["waiting"].get_nowait()
        except queue.Empty:
            run["finished"].wait()
            self.close_connection = True
            return None
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", body),
            ("Lambda-Runtime-Trace-Id", trace_header),
            ("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30_000)),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:worker"),
        ]
        record = {
            "messageId": body,
            "receiptHandle": body,
            "body": body,
            "attributes": {},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:jobs",
            "awsRegion": "us-east-1",
        }
        return self.reply(200, json.dumps({"Records": [record]}).encode(), headers)

    def do_POST(self):
        run = self.server.run
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("X-Amz-Target") == "AmazonSQS.SendMessage":
            body = json.loads(content)["MessageBody"]
            run["sent"][body] = self.headers.get("X-Amzn-Trace-Id")
            # With two workers, both invocations must be in progress before either call is answered.
            run["together"].wait(timeout=20)
            receipt = {"MessageId": body, "MD5OfMessageBody": hashlib.md5(body.encode()).hexdigest()}
            return self.reply(200, json.dumps(receipt).encode(), [("Content-Type", "application/x-amz-json-1.0")])
        if not self.path.endswith("/response"):
            run["failures"].append(f"{self.path}: {content.decode(errors='replace')}")
        self.reply(202, b"")
        return run["answered"].release()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # The program is terminated while it has connections open.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def headers_sent(extra):
    """Gives the program both invocations and returns the trace header of each message that it sent."""
    server = Server(("127.0.0.1", 0), StandIn)
    run = server.run = {
        "waiting": queue.Queue(),
        "sent": {},
        "failures": [],
        "answered": threading.Semaphore(0),
        "finished": threading.Event(),
        "together": threading.Barrier(int(extra.get("AWS_LAMBDA_MAX_CONCURRENCY", 1))),
    }
    for invocation in INVOCATIONS.items():
        run["waiting"].put(invocation)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    program = subprocess.Popen(
        [sys.argv[1]],
        env={
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_NAME": "worker",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_RUNTIME_API": address,
            "QUEUE_URL": f"http://{address}/000000000000/jobs",
            "SQS_ENDPOINT": f"http://{address}",
        }
        | extra,
    )
    deadline = time.monotonic() + 30
    missing = len(INVOCATIONS)
    while missing and program.poll() is None and time.monotonic() < deadline:
        missing -= run["answered"].acquire(timeout=0.2)
    run["finished"].set()
    program.terminate()
    program.wait()
    server.shutdown()
    if run["failures"] or missing:
        print("the program failed:", run["failures"] or f"{missing} invocations without an answer")
        sys.exit(2)
    return run["sent"]


changed = False
for title, extra, recorded in RUNS:
    sent = headers_sent(extra)
    print(title)
    for body in sorted(sent):
        quoted = f'"{body}"'
        print(f"  message {quoted:9} X-Amzn-Trace-Id: {sent[body] or 'not sent'}")
    if sent != recorded:
        print(f"  CHANGED; recorded was: {recorded}")
        changed = True
if changed:
    sys.exit(1)
print("as recorded")
PYTHON

target=${CARGO_TARGET_DIR:-$work/target}
CARGO_TARGET_DIR=$target cargo build --quiet --manifest-path "$work/Cargo.toml" || exit 2
python3 "$work/check.py" "$target/debug/concurrent-worker"
