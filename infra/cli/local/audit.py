"""`requests.jsonl`: one line for each AWS API call, with who made it and which IAM actions it took.

From it tests count the calls of one HTTP request, and compare what a role may do with what it did.
What the emulator does by itself, such as polling a queue for a mapping, is no API call."""
import contextvars
import json
import re
import threading
import time

from ministack import app as emulator
from ministack.core import iam_evaluator
from ministack.services import sts

_checks = contextvars.ContextVar("semantest_iam_checks", default=None)
_writing = threading.Lock()
_file = None
_ACCESS_KEY = re.compile(rb"Credential=([^/,\s]+)/")
# Beyond this a log of earlier days is dropped at the start.
_KEEP = 64 * 1024 * 1024


def install(path):
    global _file
    if path.exists() and path.stat().st_size > _KEEP:
        path.unlink()
    _file = open(path, "a", encoding="utf-8")
    enforce = iam_evaluator.enforce

    def enforce_and_note(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        denied = enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        checks = _checks.get()
        if checks is not None:
            checks.append((iam_action, resource_arn, denied is not None))
        return denied

    iam_evaluator.enforce = enforce_and_note


async def observe(app, scope, receive, send):
    checks, status, started = [], 0, time.time()

    async def note_status(message):
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    token = _checks.set(checks)
    try:
        await app(scope, receive, note_status)
    finally:
        _checks.reset(token)
        # No IAM check: a page of the emulator itself, not an AWS call.
        if checks:
            write(scope, checks, status, started)


def write(scope, checks, status, started):
    action = operation(scope, checks)
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
    with _writing:
        _file.write(json.dumps(line) + "\n")
        _file.flush()


def operation(scope, checks):
    """`dynamodb:TransactWriteItems`: the call by its own name, which is not always that of an IAM action."""
    service = checks[0][0].partition(":")[0]
    for name, value in scope["headers"]:
        if name == b"x-amz-target":
            return f"{service}:{value.decode().rpartition('.')[2]}"
    if service == "s3":
        depth = min(len([part for part in scope["path"].split("/") if part]), 2)
        return "s3:" + emulator._S3_PATH_EVENTS.get((scope["method"], depth), checks[0][0].partition(":")[2])
    return checks[0][0]


def principal(scope):
    """The ARN of the caller: a function's is `…:assumed-role/<role>/<function>`, the operator's ends in `:root`."""
    for name, value in scope["headers"]:
        if name == b"authorization" and (found := _ACCESS_KEY.search(value)):
            session = sts._sessions.get(found[1].decode())
            return session["Arn"] if session else "arn:aws:iam::000000000000:root"
    return "anonymous"
