"""Tells schemathesis what the OpenAPI document cannot express. Loaded by .ci/api-check, which creates the
resources behind the ids and passes the ids in the environment."""

import datetime
import itertools
import json
import os
import re
import uuid

import hypothesis.strategies as st
import schemathesis

PREPARED = json.loads(os.environ["SEMANTEST_PREPARED"])
# Scopes that only the operator's keys may have.
OPERATORS = {"addons:admin", "clients:admin"}

METADATA_LIMIT = 4096

# A schema cannot describe a valid cursor. The cursor of each operation is filled in below.
schemathesis.openapi.format("cursor", st.just("cursor"))
# Most generated URLs have no reachable host.
schemathesis.openapi.format("iri", st.from_regex(r"https://[a-z]{1,20}\.example/[a-z0-9/]{0,50}", fullmatch=True))

# The ids in the document's examples.
instead = {operation: {name: itertools.cycle(ids) for name, ids in parameters.items()}
           for operation, parameters in PREPARED["ids"].items()}


def generated(url):
    """Whether a URL matches the document's pattern, but is none of those made above."""
    return len(url) <= 2048 and re.search(PREPARED["urlPattern"], url) and not re.match(r"https://[a-z]{1,20}\.example", url)


def in_order(body):
    """Puts `since` before `until`, if both are times."""
    try:
        since, until = (datetime.datetime.fromisoformat(body[name]) for name in ("since", "until"))
        return {} if since < until else {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    except (KeyError, TypeError, ValueError):
        return {}


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw["operationId"]
    parameters = case.path_parameters or {}
    for name, value in parameters.items():
        if value == PREPARED["examples"].get(name):
            parameters[name] = next(instead[operation][name])
        elif value == PREPARED["ownKey"]:
            # The run would revoke its own key.
            parameters[name] = str(uuid.uuid4())
    if (case.query or {}).get("cursor") == "cursor":
        prepared = PREPARED["cursors"].get(operation)
        if prepared:
            case.query["cursor"] = prepared
        else:
            # Its lists have one page here.
            del case.query["cursor"]
    if isinstance(case.body, dict) and case.body.get("cursor") == "cursor":
        del case.body["cursor"]
    # A schema cannot limit the bytes of an object.
    if isinstance(case.body, dict) and isinstance(case.body.get("metadata"), dict):
        if len(json.dumps(case.body["metadata"]).encode()) > METADATA_LIMIT:
            case.body["metadata"] = {}
    # Generated from the pattern alone, the address would be one that webhooks may not call.
    if isinstance(case.body, dict):
        for place in (case.body, case.body.get("imageGeneration")):
            for name in ("webhookUrl", "url"):
                if isinstance(place, dict) and isinstance(place.get(name), str) and generated(place[name]):
                    place[name] = "https://receiver.example"
    # A schema cannot order two times.
    if operation == "redeliverWebhooks" and isinstance(case.body, dict):
        case.body.update(in_order(case.body))
    # The scopes that a key may have depend on its client, which OpenAPI 3.0 cannot express well.
    if operation == "createKey" and isinstance(case.body, dict) and isinstance(case.body.get("scopes"), list):
        case.body["scopes"] = ["chat" if isinstance(scope, str) and scope in OPERATORS else scope
                               for scope in case.body["scopes"]]
