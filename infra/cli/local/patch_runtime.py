"""Two gaps of the Lambda Runtime API for `provided.*` functions.

Latency: without TCP_NODELAY on its socket, and with up to 50 ms of waiting for a log line after
every invocation, each warm call takes some 90 ms longer than its function does.

Logs: lines reach CloudWatch Logs only when an invocation ends, and only the first of a killed one.
Here every line a function writes is also appended, at once, to `logs/<function>.log`."""
import io
import threading
import zipfile

from ministack.core.lambda_runtime import ProvidedWorker

_writing = threading.Lock()


def install(folder):
    build_handler = ProvidedWorker._build_handler_class
    drain = ProvidedWorker._drain_stderr_bounded
    pump = ProvidedWorker._pump_output

    def build_without_nagle(self, generation, pending):
        handler = build_handler(self, generation, pending)
        handler.disable_nagle_algorithm = True
        return handler

    def drain_without_waiting(self, first_line_wait=0.002, idle_confirm=0.001, hard_cap=0.02):
        return drain(self, min(first_line_wait, 0.002), idle_confirm, hard_cap)

    def pump_and_keep(self, stream, log_queue):
        with open(folder / f"{function_of(self)}.log", "ab") as log:
            pump(self, Tee(stream, log), log_queue)

    ProvidedWorker._build_handler_class = build_without_nagle
    ProvidedWorker._drain_stderr_bounded = drain_without_waiting
    ProvidedWorker._pump_output = pump_and_keep


def function_of(worker):
    """The function's short name, which the deployment leaves in the archive's comment."""
    try:
        with zipfile.ZipFile(io.BytesIO(worker.code_zip)) as code:
            name = code.comment.decode()
    except (zipfile.BadZipFile, UnicodeDecodeError):
        name = ""
    return name or worker.func_name


class Tee:
    """A function's output, each line of which is also written down."""

    def __init__(self, stream, log):
        self.stream, self.log = stream, log

    def readline(self):
        line = self.stream.readline()
        if line:
            # One function has many processes, and their lines must not run into one another.
            with _writing:
                self.log.write(line if line.endswith(b"\n") else line + b"\n")
                self.log.flush()
        return line

    def close(self):
        self.stream.close()
