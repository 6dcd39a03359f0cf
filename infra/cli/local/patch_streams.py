"""Gaps of DynamoDB stream mappings: they run on the one thread that polls every event source, so a
slow function delays all queues; they ignore ReportBatchItemFailures, MaximumRetryAttempts and
BisectBatchOnFunctionError; and their positions are kept over a restart while the records are not,
so a restarted cloud would skip as many records as it had read before.

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
        # The stream is empty after a restart, whatever had been read of it.
        for key in list(lambda_svc._dynamodb_stream_positions._data):
            lambda_svc._dynamodb_stream_positions._data[key] = 0

    lambda_svc._restore_state = restore_without_positions


def close():
    """No mapping, of a stream or of a queue, takes another event."""
    global _closed
    _closed = True


def poll():
    """One pass over all stream mappings; true where a batch was taken."""
    taken = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        with request_scope(account, region):
            taken = poll_one(mapping) or taken
    return taken


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
    wanted = lambda_svc._apply_filter_criteria(records, mapping) if records else []
    if wanted:
        lambda_svc._dispatch_esm_batch(uuid, deliver, mapping, wanted, stream)
    return bool(records)


def function_of(mapping):
    return lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))[0]


def deliver(mapping, records, stream):
    """Invokes until every record is dealt with; `work` holds batches in stream order with their tries."""
    work = deque([(records, 0)])
    while work and not _closed and mapping["UUID"] in lambda_svc._esms:
        batch, tries = work.popleft()
        # Asked for anew each time: a deployment may have replaced the code meanwhile.
        function = function_of(mapping)
        if function is None:
            return
        result = lambda_svc._execute_function(function, {"Records": batch})
        rest = unprocessed(mapping, batch, result)
        mapping["LastProcessingResult"] = "FAILED" if rest else "OK"
        if not rest:
            continue
        given_up = reason_to_give_up(mapping, rest, tries)
        if given_up:
            lambda_svc._send_ddb_stream_failure_record(mapping, function, rest, stream, result, given_up)
        elif result.get("error") and mapping.get("BisectBatchOnFunctionError") and len(rest) > 1:
            # Halving does not count as a retry.
            middle = len(rest) // 2
            work.extendleft([(rest[middle:], tries), (rest[:middle], tries)])
        else:
            work.appendleft((rest, tries + 1))
        time.sleep(min(0.2 * 2**tries, 5))


def unprocessed(mapping, batch, result):
    """What is left of a batch: all of it after an error, all from the first failure that was reported."""
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
    first = next((at for at, number in enumerate(numbers) if number in failed), 0)
    return batch[first:]


def reason_to_give_up(mapping, records, tries):
    oldest_allowed = int(mapping.get("MaximumRecordAgeInSeconds") or -1)
    created = float(records[0]["dynamodb"].get("ApproximateCreationDateTime", time.time()))
    if 0 < oldest_allowed < time.time() - created:
        return "MaxRecordAgeExceeded"
    retries = int(mapping.get("MaximumRetryAttempts", -1))
    return "RetryAttemptsExhausted" if 0 <= retries <= tries else None
