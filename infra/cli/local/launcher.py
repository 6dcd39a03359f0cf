"""Starts MiniStack as Semantest's local cloud: one process, one port, no Docker.

Run by `semantest up`, with the data folder and the port in its environment.

MiniStack reads its settings from the environment when it is imported, so this file sets them before the
import. The modules beside this file add what the emulator lacks; each documents the gap that it closes.
They change internals of the emulator, so exactly one version of it is accepted.
"""
import asyncio
import importlib.metadata
import os
import pathlib
import signal
import sqlite3
import sys
import threading
import time

SUPPORTED = "1.5.33"
DATA = pathlib.Path(os.environ["SEMANTEST_DATA"])
PORT = int(os.environ["SEMANTEST_PORT"])


def settings():
    """The environment of MiniStack. Every function process inherits it."""
    return {
        # Without this, it listens on every network interface of the machine.
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(PORT),
        # The host of the URLs in CloudFormation and APIs. The port is appended.
        "MINISTACK_HOST": "127.0.0.1",
        # Not needed. Each would open another port.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # A Docker daemon on this machine must not be used.
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "TMPDIR": str(DATA / "tmp"),
        # The state is kept over `down` and `up`, and over a kill (see patch_state).
        "PERSIST_STATE": "1",
        "STATE_DIR": str(DATA / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(DATA / "s3"),
        # Every function has the permissions of its own role, as on AWS. "test" is the emulator's root.
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}",
        "AWS_EC2_METADATA_DISABLED": "true",
        # Lambda sets this for a function whose LoggingConfig selects JSON.
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        # The functions must not reach the emulator through a proxy.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        # Allows webhook endpoints on http://127.0.0.1. Only this file sets it.
        "SEMANTEST_LOCAL_WEBHOOKS": "1",
        # The time scale of webhook retries. Tests set a factor above 1 to run a schedule of days.
        "SEMANTEST_LOCAL_WEBHOOK_TIME_SCALE": os.environ.get("SEMANTEST_WEBHOOK_TIME_SCALE", "1"),
        # Disables the telemetry of SAM's translator.
        "SAM_CLI_TELEMETRY": "0",
    }


def main():
    # In its own session, the process group does not receive a terminal's Ctrl-C or hang-up, and
    # `semantest` can kill this process and all functions by the group's number.
    os.setsid()
    # What the caller has open, such as a lock, must not stay open as long as a detached cloud runs.
    os.closerange(3, 1024)
    version = importlib.metadata.version("ministack")
    if version != SUPPORTED:
        sys.exit(f"the local cloud supports MiniStack {SUPPORTED} only, not {version}: delete {DATA / 'venv'}")
    for folder in ("tmp", "state", "s3", "logs"):
        (DATA / folder).mkdir(parents=True, exist_ok=True)
    os.environ.update(settings())

    # Imported only now, because the import reads the settings.
    import audit
    import front
    import patch_actions
    import patch_http_api
    import patch_numbers
    import patch_runtime
    import patch_secrets
    import patch_state
    import patch_streams
    import patch_tables

    audit.install(DATA / "requests.jsonl")
    try:
        front.saver = patch_state.install(DATA / "state", f"127.0.0.1:{PORT}")
    except sqlite3.Error as error:
        sys.exit(f"the saved state in {DATA / 'state'} cannot be read ({error}): delete {DATA} to start anew")
    patches = (front, patch_actions, patch_http_api, patch_numbers, patch_secrets, patch_streams, patch_tables)
    for patch in patches:
        patch.install()
    patch_runtime.install(DATA / "logs")
    asyncio.run(serve(front.app, patch_streams))


async def serve(app, streams):
    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"127.0.0.1:{PORT}"]
    config.keep_alive_timeout = 75
    # In seconds. Limits the wait for open long polls (`Prefer: wait=20`) at a stop.
    config.graceful_timeout = 1
    config.include_server_header = False
    config.loglevel = "WARNING"

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=watch_stdin, args=(loop, stop), daemon=True).start()

    async def until_stopped():
        await stop.wait()
        await asyncio.to_thread(stop_functions, streams)

    # Hypercorn's shutdown runs the emulator's lifespan shutdown, which writes the state.
    await hypercorn(app, config, shutdown_trigger=until_stopped)
    # Exits at once: threads of dead functions would keep the process alive. The state is on disk already.
    sys.stdout.flush()
    os._exit(0)


def watch_stdin(loop, stop):
    """Stops when the standard input ends, which happens when the command that started this process dies,
    even by SIGKILL. A byte before the end means that the command has detached."""
    if os.read(0, 1):
        return
    loop.call_soon_threadsafe(stop.set)


def stop_functions(streams):
    """Runs before the state is written: stops new events, waits up to 3 seconds for running invocations,
    and then ends all function processes."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    streams.close()
    deadline = time.monotonic() + 3
    while lambda_svc.executions_in_flight()[0] and time.monotonic() < deadline:
        time.sleep(0.05)
    lambda_runtime.reset()


if __name__ == "__main__":
    main()
