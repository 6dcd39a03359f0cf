"""Gaps of DynamoDB stream mappings: they run on the single thread that polls every event source, so a slow
function delays all queues; they ignore ReportBatchItemFailures, MaximumRetryAttempts and
BisectBatchOnFunctionError; and a restart keeps their positions but not the records, so a restarted cloud
would skip as many records as it had read before.

Here each mapping has one batch in flight, in stream order, on its own thread."""
import time
from collections import deque

from ministack.core.responses import request_scope
from ministack.services import dynamodb, lambda_svc

_closed = False


def install():
    every_mapping = lambda_svc._iter_all_esms
    lambda_svc._iter_all_esms = lambda: iter(()) if _closed else every_mapping()
    lambda_svc._poll_dynamodb_streams = poll
    restore = lambda_svc._restore_state

    def restore_without_positions(data):
        restore(data)
        # The stream is empty after a restart, so every position is 0.
        for key in list(lambda_svc._dynamodb_stream_positions._data):
            lambda_svc._dynamodb_stream_positions._data[key] = 0

    lambda_svc._restore_state = restore_without_positions


def close():
    """Stops every mapping of streams and queues from reading further events."""
    global _closed
    _closed = True


def poll():
    """Polls all stream mappings once. Returns whether a batch was read."""
    found = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        with request_scope(account, region):
            found = poll_one(mapping) or found
    return found


def poll_one(mapping):
    stream, uuid = mapping.get("EventSourceArn", ""), mapping["UUID"]
    if not mapping.get("Enabled", True) or ":dynamodb:" not in stream or "/stream/" not in stream:
        return False
    table = stream.split("/stream/")[0].split("/")[-1]
    if (dynamodb._tables.get(table) or {}).get("LatestStreamArn") != stream:
        return False
    if function_of(mapping) is None or lambda_svc._esm_inflight.get(uuid, 0):
        return False
    with lambda_svc._dynamodb_stream_positions_lock:
        start = dynamodb.stream_start_position(table)
        position = max(lambda_svc._dynamodb_stream_positions.get(uuid, start), start)
        records = dynamodb.stream_records_since(table, position, mapping.get("BatchSize", 100))
        lambda_svc._dynamodb_stream_positions[uuid] = position + len(records)
    matching = lambda_svc._apply_filter_criteria(records, mapping) if records else []
    if matching:
        lambda_svc._dispatch_esm_batch(uuid, deliver, mapping, matching, stream)
    return bool(records)


def function_of(mapping):
    return lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))[0]


def deliver(mapping, records, stream):
    """Invokes the function until every record is processed or given up. `work` holds the remaining batches
    in stream order, each with the number of its failed invocations."""
    work = deque([(records, 0)])
    while work and not _closed and mapping["UUID"] in lambda_svc._esms:
        batch, failures = work.popleft()
        # Looked up each time, because a deployment may have replaced the code.
        function = function_of(mapping)
        if function is None:
            return
        result = lambda_svc._execute_function(function, {"Records": batch})
        rest = unprocessed(mapping, batch, result)
        mapping["LastProcessingResult"] = "FAILED" if rest else "OK"
        if not rest:
            continue
        given_up = reason_to_give_up(mapping, rest, failures)
        if given_up:
            lambda_svc._send_ddb_stream_failure_record(mapping, function, rest, stream, result, given_up)
        elif result.get("error") and mapping.get("BisectBatchOnFunctionError") and len(rest) > 1:
            # A bisection does not count as a retry.
            middle = len(rest) // 2
            work.extendleft([(rest[middle:], failures), (rest[:middle], failures)])
        else:
            work.appendleft((rest, failures + 1))
        time.sleep(min(0.2 * 2**failures, 5))


def unprocessed(mapping, batch, result):
    """The records to retry: the whole batch after an error, else all records from the first reported failure."""
    if result.get("error"):
        return batch
    body = result.get("body")
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []) or not isinstance(body, dict):
        return []
    failures = body.get("batchItemFailures") or []
    if not failures:
        return []
    failed = {failure.get("itemIdentifier") for failure in failures}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    first = next((index for index, number in enumerate(numbers) if number in failed), 0)
    return batch[first:]


def reason_to_give_up(mapping, records, failures):
    oldest_allowed = int(mapping.get("MaximumRecordAgeInSeconds") or -1)
    created = float(records[0]["dynamodb"].get("ApproximateCreationDateTime", time.time()))
    if 0 < oldest_allowed < time.time() - created:
        return "MaxRecordAgeExceeded"
    retries = int(mapping.get("MaximumRetryAttempts", -1))
    return "RetryAttemptsExhausted" if 0 <= retries <= failures else None
