"""`requests.jsonl`: one line for each AWS API call, with its caller and the IAM actions that were checked.

Tests use it to count the calls of an HTTP request, and to compare a role's permissions with the actions
that it used. Internal work of the emulator, such as polling a queue for a mapping, is not an API call."""
import contextvars
import json
import re
import threading
import time

from ministack import app as emulator
from ministack.core import iam_evaluator
from ministack.services import sts

_checks = contextvars.ContextVar("semantest_iam_checks", default=None)
_write_lock = threading.Lock()
# Called with the service and the action of each call.
on_call = None
_file = None
_ACCESS_KEY = re.compile(rb"Credential=([^/,\s]+)/")
# A larger log of earlier starts is deleted at the start.
_MAX_BYTES = 64 * 1024 * 1024


def install(path):
    global _file
    if path.exists() and path.stat().st_size > _MAX_BYTES:
        path.unlink()
    _file = open(path, "a", encoding="utf-8")
    enforce = iam_evaluator.enforce

    def enforce_and_record(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        denied = enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        checks = _checks.get()
        if checks is not None:
            checks.append((iam_action, resource_arn, denied is not None))
        return denied

    iam_evaluator.enforce = enforce_and_record


async def observe(app, scope, receive, send):
    checks, status, started = [], 0, time.time()

    async def record_status(message):
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    token = _checks.set(checks)
    try:
        await app(scope, receive, record_status)
    finally:
        _checks.reset(token)
        # Without an IAM check, the request is for a page of the emulator, not for AWS.
        if checks:
            write(scope, checks, status, started)


def write(scope, checks, status, started):
    action = operation(scope, checks)
    if on_call:
        on_call(action.partition(":")[0], action)
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(started)) + f".{int(started % 1 * 1000):03d}Z",
        "principal": principal(scope),
        "service": action.partition(":")[0],
        "action": action,
        "iam": sorted({iam for iam, _, _ in checks}),
        "resources": sorted({resource for _, resource, _ in checks}),
        "denied": any(denied for _, _, denied in checks),
        "status": status,
        "ms": round((time.time() - started) * 1000, 1),
    }
    with _write_lock:
        _file.write(json.dumps(line) + "\n")
        _file.flush()


def operation(scope, checks):
    """The name of the API call, such as `dynamodb:TransactWriteItems`. It can differ from the IAM action's."""
    service = checks[0][0].partition(":")[0]
    for name, value in scope["headers"]:
        if name == b"x-amz-target":
            return f"{service}:{value.decode().rpartition('.')[2]}"
    if service == "s3":
        depth = min(len([part for part in scope["path"].split("/") if part]), 2)
        return "s3:" + emulator._S3_PATH_EVENTS.get((scope["method"], depth), checks[0][0].partition(":")[2])
    return checks[0][0]


def principal(scope):
    """The ARN of the caller: `…:assumed-role/<role>/<function>` for a function, `…:root` for the operator."""
    for name, value in scope["headers"]:
        if name == b"authorization" and (found := _ACCESS_KEY.search(value)):
            session = sts._sessions.get(found[1].decode())
            return session["Arn"] if session else "arn:aws:iam::000000000000:root"
    return "anonymous"
