"""Serves the only port: the deployed HTTP API under /api/, images under /images/, and the emulator under
every other path. So the same address is also the AWS endpoint for SDKs and the `aws` command."""
import asyncio
import json
import os

from ministack import app as emulator
from ministack.core import lambda_runtime
from ministack.core.responses import request_scope

import audit
import http_api

# Set by the launcher.
saver = None

ACCOUNT, REGION, STACK = "000000000000", "us-east-1", "semantest"
# The emulator accepts any request with its root key, and does not verify the signature.
ROOT_AUTHORIZATION = (
    b"AWS4-HMAC-SHA256 Credential=test/20000101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)
# The headers that the images' CloudFront distribution forwards, and those that it returns.
REQUEST_HEADERS = {b"host", b"range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since"}
RESPONSE_HEADERS = {
    b"content-type", b"content-length", b"content-range", b"content-disposition", b"content-encoding",
    b"accept-ranges", b"cache-control", b"etag", b"last-modified", b"expires", b"date",
}


def install():
    """Gap: this port has no TLS, so a bucket policy that requires TLS would deny every request. Here every
    request counts as secure, because it never leaves the machine."""
    pin = emulator.pin_request_origin
    emulator.pin_request_origin = lambda source, _secure: pin(source, True)


async def app(scope, receive, send):
    path = scope.get("path", "")
    if scope["type"] != "http":
        await emulator.app(scope, receive, send)
    elif path.startswith("/api/"):
        with request_scope(ACCOUNT, REGION):
            await http_api.serve(outputs().get("ApiId"), scope, receive, send)
    elif path.startswith("/images/"):
        await image(scope, receive, send)
    elif path == "/_semantest/status":
        await reply(send, 200, status())
    elif path == "/_semantest/save":
        await save(send)
    else:
        await audit.observe(emulator.app, scope, receive, send)


def outputs():
    """The outputs of the deployed stack; empty before the first deployment."""
    from ministack.services import cloudformation

    with request_scope(ACCOUNT, REGION):
        stack = cloudformation._stacks.get(STACK) or {}
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs") or []}


def status():
    """The running processes, for `semantest status` and for tests that kill one."""
    workers = [worker for pool in list(lambda_runtime._workers.values()) for worker in pool]
    running = [(worker, worker._proc) for worker in workers if worker._proc and worker._proc.poll() is None]
    from patch_runtime import function_of

    functions = [{"function": function_of(worker), "pid": process.pid} for worker, process in running]
    return {
        "pid": os.getpid(),
        "data": os.environ["SEMANTEST_DATA"],
        "lastSaveBeforeKill": saver.store.unclean,
        "functions": functions,
        "outputs": outputs(),
    }


async def save(send):
    """Saves the state, and answers once it is on the disk."""
    try:
        await asyncio.to_thread(saver.save)
    except Exception as error:
        return await reply(send, 500, {"message": repr(error)})
    await reply(send, 200, {})


async def image(scope, receive, send):
    """Serves an object of the images' bucket like the CloudFront distribution: only GET and HEAD, without a
    query, a listing or headers of S3."""
    bucket = outputs().get("ImagesBucket")
    if scope["method"] not in ("GET", "HEAD"):
        return await reply(send, 403, {"message": "Forbidden"})
    if not bucket or scope["path"].endswith("/"):
        return await reply(send, 404, {"message": "Not Found"})
    prefix = f"/{bucket}"
    headers = [(name, value) for name, value in scope["headers"] if name in REQUEST_HEADERS]
    inner = {
        **scope,
        "path": prefix + scope["path"],
        "raw_path": prefix.encode() + scope["raw_path"],
        "query_string": b"",
        "headers": [*headers, (b"authorization", ROOT_AUTHORIZATION)],
    }
    failed = False

    async def send_filtered(message):
        nonlocal failed
        if message["type"] == "http.response.start":
            failed = message["status"] >= 400 and message["status"] not in (412, 416)
            if failed:
                return await reply(send, message["status"], {"message": "Not Found"})
            headers = [(name, value) for name, value in message["headers"] if name.lower() in RESPONSE_HEADERS]
            message = {**message, "headers": headers}
        if not failed:
            await send(message)

    await emulator.app(inner, receive, send_filtered)


async def reply(send, status_code, body):
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status_code, "headers": headers})
    await send({"type": "http.response.body", "body": content})
