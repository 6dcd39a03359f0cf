"""The `$default` stage of the HTTP API, with payload format 2.0.

Replaces the emulator's own stage because of these gaps: it answers every OPTIONS request itself, where
AWS passes it to an `ANY` route if the API has no CORS configuration; it answers a function's error with
502 and the error, where AWS answers 500 without it; `cookies` is missing and `pathParameters` is null;
the caller's address is fixed. Routes and integrations are the emulator's (see `patch_http_api`)."""
import asyncio
import base64
import json
import time
import uuid
from urllib.parse import parse_qsl

from ministack.core.concurrency import run_reentrant
from ministack.services import apigateway, lambda_svc

MAX_BODY_BYTES = 10 * 1024 * 1024
INTEGRATION_TIMEOUT_SECONDS = 30
TEXT_CONTENT_TYPES = ("text/", "application/json", "application/xml", "application/javascript")


async def serve(api_id, scope, receive, send):
    body = await read(receive)
    if body is None:
        status, headers, cookies, content = message(413, "Request Entity Too Large")
    else:
        status, headers, cookies, content = await answer(api_id, scope, body)
    lines = [(name.lower().encode(), str(value).encode("latin-1", "replace")) for name, value in headers.items()]
    lines += [(b"set-cookie", cookie.encode("latin-1", "replace")) for cookie in cookies]
    lines = [line for line in lines if line[0] not in (b"content-length", b"connection", b"transfer-encoding")]
    if status not in (204, 304):
        lines.append((b"content-length", str(len(content)).encode()))
    lines.append((b"apigw-requestid", uuid.uuid4().hex[:16].encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


async def read(receive):
    chunks, size, more = [], 0, True
    while more:
        part = await receive()
        more = part.get("more_body", False)
        chunks.append(part.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            return None
    return b"".join(chunks)


async def answer(api_id, scope, body):
    path = apigateway.decode_http_api_path(scope["raw_path"].decode("latin-1"))
    route = api_id and apigateway._match_route(api_id, scope["method"], path)
    if not route:
        return message(404, "Not Found")
    integration = apigateway._integrations[api_id][route["target"].rpartition("/")[2]]
    reference = apigateway._extract_lambda_ref_from_integration_uri(integration["integrationUri"])
    function, config, _ = lambda_svc._get_func_record_for_ref(reference)
    if function is None:
        return message(500, "Internal Server Error")
    record = lambda_svc._execution_record_for_config(function, config)
    invocation = run_reentrant(
        lambda_svc._execute_function_with_config_scope, record, event(api_id, route["routeKey"], path, scope, body),
        thread_name="semantest-http-api",
    )
    try:
        # Shielded: as on AWS, the function keeps running after the gateway has timed out.
        result = await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(invocation)), INTEGRATION_TIMEOUT_SECONDS)
    except asyncio.TimeoutError:
        return message(503, "Service Unavailable")
    if result.get("throttle"):
        return message(503, "Service Unavailable")
    if result.get("error"):
        return message(500, "Internal Server Error")
    return response(result.get("body"))


def event(api_id, route_key, path, scope, body):
    """The event that the function receives, in API Gateway's payload format 2.0."""
    headers, cookies = {}, []
    for name, value in scope["headers"]:
        name, value = name.decode("latin-1").lower(), value.decode("latin-1")
        if name == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";")]
        else:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    source = (scope.get("client") or ("127.0.0.1",))[0]
    headers.setdefault("x-forwarded-for", source)
    query = scope["query_string"].decode("latin-1")
    now = time.time()
    payload = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": api_id,
            "domainName": headers.get("host", ""),
            "domainPrefix": api_id,
            "http": {
                "method": scope["method"],
                "path": path,
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": source,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": uuid.uuid4().hex[:16],
            "routeKey": route_key,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    parameters = apigateway._extract_path_params(route_key.partition(" ")[2], path) if " " in route_key else None
    # AWS omits empty fields instead of sending null.
    if parameters:
        payload["pathParameters"] = parameters
    if cookies:
        payload["cookies"] = cookies
    values = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values[name] = f"{values[name]},{value}" if name in values else value
    if values:
        payload["queryStringParameters"] = values
    if body:
        text = headers.get("content-type", "").lower().startswith(TEXT_CONTENT_TYPES)
        payload["isBase64Encoded"] = not text
        payload["body"] = body.decode("utf-8", "replace") if text else base64.b64encode(body).decode()
    return payload


def response(payload):
    """The HTTP response of a function's result. A result without `statusCode` is the body itself."""
    if not isinstance(payload, dict) or "statusCode" not in payload:
        content = payload if isinstance(payload, str) else json.dumps(payload)
        return 200, {"content-type": "application/json"}, [], content.encode()
    body = payload.get("body") or ""
    content = base64.b64decode(body) if payload.get("isBase64Encoded") else body.encode()
    headers = {name.lower(): value for name, value in (payload.get("headers") or {}).items()}
    headers.setdefault("content-type", "text/plain; charset=utf-8")
    return int(payload["statusCode"]), headers, payload.get("cookies") or [], content


def message(status, text):
    return status, {"content-type": "application/json"}, [], json.dumps({"message": text}).encode()
