"""Starts MiniStack as Semantest's local cloud: one process, one port, no Docker.

Run by `semantest up`, with the data folder and the port in its environment.

MiniStack reads its settings from the environment when it is imported, so this file sets them first
and imports second. What the emulator lacks is added by the modules beside this one; each says which
gap it closes. They reach into the emulator's insides, so exactly one version of it is accepted.
"""
import asyncio
import importlib.metadata
import os
import pathlib
import signal
import sys
import threading
import time

SUPPORTED = "1.5.33"
DATA = pathlib.Path(os.environ["SEMANTEST_DATA"])
PORT = int(os.environ["SEMANTEST_PORT"])


def settings():
    """What MiniStack and, by inheritance, every function process sees."""
    return {
        # It would bind every interface of the machine otherwise.
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(PORT),
        # Its CloudFormation and API names are built on this; the port is appended.
        "MINISTACK_HOST": "127.0.0.1",
        # Neither is needed, and each would open a port of its own.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # A Docker that happens to run on this machine must not be touched.
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "TMPDIR": str(DATA / "tmp"),
        # State outlives `down` and `up`.
        "PERSIST_STATE": "1",
        "STATE_DIR": str(DATA / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(DATA / "s3"),
        # Every function runs with its own role's rights, as on AWS. "test" is the emulator's root.
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}",
        "AWS_EC2_METADATA_DISABLED": "true",
        # What Lambda sets for a function whose LoggingConfig says JSON.
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        # A proxy of this machine must not stand between the functions and the emulator.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        # Receivers of webhooks may listen on http://127.0.0.1. Only this file ever sets it.
        "SEMANTEST_LOCAL_WEBHOOKS": "1",
        # How many times as fast the clock of webhooks runs; tests of days ask for more than once.
        "SEMANTEST_LOCAL_WEBHOOK_TEMPO": os.environ.get("SEMANTEST_WEBHOOK_TEMPO", "1"),
        # SAM's translator reports its use to nobody.
        "SAM_CLI_TELEMETRY": "0",
    }


def main():
    # A session of our own: no terminal's Ctrl-C or hang-up reaches us or the functions, and whoever
    # must can end us all by this group's number.
    os.setsid()
    version = importlib.metadata.version("ministack")
    if version != SUPPORTED:
        sys.exit(f"the local cloud's patches fit MiniStack {SUPPORTED}, not {version}: delete {DATA / 'venv'}")
    for folder in ("tmp", "state", "s3", "logs"):
        (DATA / folder).mkdir(parents=True, exist_ok=True)
    os.environ.update(settings())

    # After the settings, for the reason above.
    import audit
    import front
    import patch_actions
    import patch_http_api
    import patch_numbers
    import patch_queues
    import patch_runtime
    import patch_secrets
    import patch_streams
    import patch_tables

    audit.install(DATA / "requests.jsonl")
    patches = (
        front, patch_actions, patch_http_api, patch_numbers, patch_queues, patch_secrets, patch_streams, patch_tables,
    )
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
    # Long polls (`Prefer: wait=20`) may be open when we stop; nobody waits for them longer than this.
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
        await asyncio.to_thread(end_functions, streams)

    # Hypercorn's own ending runs the emulator's lifespan shutdown, which writes its state.
    await hypercorn(app, config, shutdown_trigger=until_stopped)
    # Threads that serve a dead function must not hold the process: the state is on disk by now.
    sys.stdout.flush()
    os._exit(0)


def watch_stdin(loop, stop):
    """The command that started us holds the other end: when it dies, even by SIGKILL, we end too,
    unless it has let us go by a byte."""
    if os.read(0, 1):
        return
    loop.call_soon_threadsafe(stop.set)


def end_functions(streams):
    """Before the state is written: no new event, a moment for the running ones, then no process."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    streams.close()
    deadline = time.monotonic() + 3
    while lambda_svc.executions_in_flight()[0] and time.monotonic() < deadline:
        time.sleep(0.05)
    lambda_runtime.reset()


if __name__ == "__main__":
    main()
