"""A local cloud for a check, started with the command that the README shows, and stopped after the check."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# The environment variable with the cloud that checks share; see .ci/on_one_cloud.
SHARED = "SEMANTEST_CI_CLOUD"


@contextlib.contextmanager
def local_cloud(name, *parameters):
    """Yields the output of `semantest up --json` for the shared cloud, or else for a new one, whose state is
    deleted at the end."""
    if SHARED in os.environ and not parameters:
        yield json.loads(os.environ[SHARED])
        return
    data = ROOT / "target" / f"ci-{name}"
    shutil.rmtree(data, ignore_errors=True)
    command = ["cargo", "run", "--quiet", "--", "up", "--json", "--port", "0", "--data", str(data)]
    for parameter in parameters:
        command += ["--set", parameter]
    # The emulator installation of the tests.
    environment = {"SEMANTEST_VENV": str(ROOT / ".semantest" / "venv"), **os.environ}
    cloud = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        line = cloud.stdout.readline()
        if not line:
            raise SystemExit(f"{name}: the local cloud did not start")
        yield json.loads(line)
    finally:
        cloud.send_signal(signal.SIGINT)
        cloud.wait(timeout=60)
    shutil.rmtree(data, ignore_errors=True)


class Api:
    """The API of a cloud, called with one key."""

    def __init__(self, url, key):
        self.url, self.key = url, key
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method, path, body=None):
        """Returns the status and the JSON body of the response."""
        headers = {"x-api-key": self.key, "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as answer:
            return answer.code, json.loads(answer.read() or b"null")

    def made(self, method, path, body=None):
        """Returns the body of the response, which must be a success."""
        status, answer = self.call(method, path, body)
        if not 200 <= status < 300:
            raise SystemExit(f"{method} {path}: {status} {answer}")
        return answer
