#!/usr/bin/env bash
# The AWS SDK for Rust forwards the Lineage of Lambda's recursive loop detection without any setup
# and without X-Ray: it follows the trace header of whichever invocation is current.
#
# Versions: lambda_runtime 1.5.0 (lambda_runtime_api_client 1.1.1), aws-sdk-sqs 1.119.0,
#   aws-runtime 1.10.2, aws-smithy-http-client 1.5.2, tokio 1.54.1, serde_json 1.0.154; Rust 1.95.0.
#
# Behavior:
# - The Runtime API sends the header Lambda-Runtime-Trace-Id with an invocation. `lambda_runtime::run`
#   copies it into the environment variable _X_AMZN_TRACE_ID before it calls the handler, and removes
#   the variable when an invocation has no such header.
# - Every call of an SDK client reads that variable again (RecursionDetectionInterceptor of aws-runtime)
#   and sends its whole value, `Lineage=` included, as X-Amzn-Trace-Id. The only other condition is that
#   AWS_LAMBDA_FUNCTION_NAME is set, and lambda_runtime does not start without it.
# - So a second invocation in the same process sends the second header, and an invocation without a
#   trace header sends none.
# - The variable belongs to the process. A task that the first invocation left behind, and that sends
#   during the second, sends the Lineage of the second: the wrong chain of events.
#
# Why it matters: Lambda counts the hops of an event in `Lineage`. By its documentation, it stops a chain
# after about 16 invocations of one function. A function that sends messages to its own queue on purpose
# (a poll that is not finished, a deferral) meets that limit although its code never mentions tracing.
# Such a function needs `RecursiveLoop: Allow`.
# This script shows the headers only. The counting happens in AWS and is not reproduced here.
#
# Output seen:
#   message "first"
#     X-Amzn-Trace-Id: Root=1-68a00000-000000000000000000000001;Parent=0000000000000001;Sampled=0;Lineage=1:abcdef01:3
#   message "second"
#     X-Amzn-Trace-Id: Root=1-68a00000-000000000000000000000002;Parent=0000000000000002;Sampled=0;Lineage=1:12345678:9
#   message "left behind by first"
#     X-Amzn-Trace-Id: Root=1-68a00000-000000000000000000000002;Parent=0000000000000002;Sampled=0;Lineage=1:12345678:9
#   message "third, without a trace header"
#     X-Amzn-Trace-Id: not sent
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
name = "worker"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
aws-runtime = "=1.10.2"
aws-sdk-sqs = { version = "=1.119.0", default-features = false, features = ["rt-tokio"] }
aws-smithy-http-client = { version = "=1.5.2", default-features = false, features = ["default-client", "rt-tokio"] }
lambda_runtime = { version = "=1.5.0", default-features = false }
lambda_runtime_api_client = { version = "=1.1.1", default-features = false }
serde_json = "=1.0.154"
tokio = { version = "=1.54.1", default-features = false, features = ["macros", "rt-multi-thread", "sync"] }
TOML

cat > "$work/src/main.rs" <<'RUST'
//! Sends the body of each event back to its queue. The code does nothing about tracing.

use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

/// A task that outlives the invocation that started it: how to let it continue, and its result.
type LeftBehind = Arc<Mutex<Option<(oneshot::Sender<()>, JoinHandle<Result<(), Error>>)>>>;

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
    let left_behind = LeftBehind::default();
    lambda_runtime::run(service_fn(move |event| handle(event, client.clone(), left_behind.clone()))).await
}

async fn handle(event: LambdaEvent<Value>, client: Client, left_behind: LeftBehind) -> Result<(), Error> {
    let body = event.payload["Records"][0]["body"].as_str().ok_or("no body")?;
    send(&client, body).await?;
    if body == "first" {
        // Lambda freezes a process between two invocations; this task waits for the second one instead.
        let (resume, resumed) = oneshot::channel();
        let task = tokio::spawn(async move {
            resumed.await?;
            send(&client, "left behind by first").await
        });
        *left_behind.lock().await = Some((resume, task));
    } else if let Some((resume, task)) = left_behind.lock().await.take() {
        resume.send(()).map_err(|()| "the task ended too early")?;
        task.await??;
    }
    Ok(())
}

async fn send(client: &Client, body: &str) -> Result<(), Error> {
    let queue = std::env::var("QUEUE_URL")?;
    client.send_message().queue_url(queue).message_body(body).send().await?;
    Ok(())
}
RUST

cat > "$work/check.py" <<'PYTHON'
"""Runs the program between a stand-in for the Runtime API and one for SQS, and compares what it sent."""

import hashlib
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def trace(number, lineage):
    return f"Root=1-68a00000-{number:024};Parent={number:016};Sampled=0;Lineage={lineage}"


FIRST, SECOND = trace(1, "1:abcdef01:3"), trace(2, "1:12345678:9")
INVOCATIONS = [("first", FIRST), ("second", SECOND), ("third, without a trace header", None)]
RECORDED = [
    ("first", FIRST),
    ("second", SECOND),
    ("left behind by first", SECOND),
    ("third, without a trace header", None),
]

waiting = list(enumerate(INVOCATIONS, 1))
sent, failures = [], []
answered = threading.Semaphore(0)
finished = threading.Event()


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
        if self.path != "/2018-06-01/runtime/invocation/next":
            return self.reply(404, b"")
        if not waiting:
            finished.wait()
            self.close_connection = True
            return None
        number, (body, trace_header) = waiting.pop(0)
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", f"00000000-0000-0000-0000-{number:012}"),
            ("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30_000)),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:worker"),
        ]
        if trace_header:
            headers.append(("Lambda-Runtime-Trace-Id", trace_header))
        record = {
            "messageId": str(number),
            "receiptHandle": str(number),
            "body": body,
            "attributes": {},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:jobs",
            "awsRegion": "us-east-1",
        }
        return self.reply(200, json.dumps({"Records": [record]}).encode(), headers)

    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("X-Amz-Target") == "AmazonSQS.SendMessage":
            body = json.loads(content)["MessageBody"]
            sent.append((body, self.headers.get("X-Amzn-Trace-Id")))
            receipt = {"MessageId": str(len(sent)), "MD5OfMessageBody": hashlib.md5(body.encode()).hexdigest()}
            return self.reply(200, json.dumps(receipt).encode(), [("Content-Type", "application/x-amz-json-1.0")])
        if not self.path.endswith("/response"):
            failures.append(f"{self.path}: {content.decode(errors='replace')}")
        self.reply(202, b"")
        return answered.release()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # The program is terminated while it has connections open.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


server = Server(("127.0.0.1", 0), StandIn)
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
    },
)
deadline = time.monotonic() + 30
missing = len(INVOCATIONS)
while missing and program.poll() is None and time.monotonic() < deadline:
    missing -= answered.acquire(timeout=0.2)
finished.set()
program.terminate()
program.wait()

for body, header in sent:
    print(f'message "{body}"')
    print(f"  X-Amzn-Trace-Id: {header or 'not sent'}")
if failures or missing:
    print("the program failed:", failures or f"{missing} invocations without an answer")
    sys.exit(2)
if sent != RECORDED:
    print("CHANGED; recorded was:")
    for body, header in RECORDED:
        print(f'message "{body}"')
        print(f"  X-Amzn-Trace-Id: {header or 'not sent'}")
    sys.exit(1)
print("as recorded")
PYTHON

target=${CARGO_TARGET_DIR:-$work/target}
CARGO_TARGET_DIR=$target cargo build --quiet --manifest-path "$work/Cargo.toml" || exit 2
python3 "$work/check.py" "$target/debug/worker"
