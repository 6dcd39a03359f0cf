"""Two gaps of the Lambda Runtime API for `provided.*` functions.

Latency: the socket has no TCP_NODELAY, and after every invocation the emulator waits up to 50 ms for a log
line, so each warm call takes about 90 ms longer than its function.

Logs: lines reach CloudWatch Logs only when an invocation ends, and only the first line of a killed
invocation does. Here every line is also appended to `logs/<function>.log` at once."""
import io
import threading
import zipfile

from ministack.core.lambda_runtime import ProvidedWorker

_write_lock = threading.Lock()


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

    def pump_to_file(self, stream, log_queue):
        with open(folder / f"{function_of(self)}.log", "ab") as log:
            pump(self, Tee(stream, log), log_queue)

    ProvidedWorker._build_handler_class = build_without_nagle
    ProvidedWorker._drain_stderr_bounded = drain_without_waiting
    ProvidedWorker._pump_output = pump_to_file


def function_of(worker):
    """The function's short name, which the deployment stores as the comment of the archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(worker.code_zip)) as code:
            name = code.comment.decode()
    except (zipfile.BadZipFile, UnicodeDecodeError):
        name = ""
    return name or worker.func_name


class Tee:
    """Reads a function's output, and also writes each line to a log file."""

    def __init__(self, stream, log):
        self.stream, self.log = stream, log

    def readline(self):
        line = self.stream.readline()
        if line:
            # A function can have several processes, whose lines must not be mixed.
            with _write_lock:
                self.log.write(line if line.endswith(b"\n") else line + b"\n")
                self.log.flush()
        return line

    def close(self):
        self.stream.close()
