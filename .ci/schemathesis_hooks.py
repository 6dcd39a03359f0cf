"""What schemathesis cannot know of the API by its document alone. Loaded by .ci/api-check, which prepares
the things behind the ids and passes them on in the environment."""

import datetime
import itertools
import json
import os
import uuid

import hypothesis.strategies as st
import schemathesis

PREPARED = json.loads(os.environ["SEMANTEST_PREPARED"])
# Scopes that a key of no other client than the operator may have.
OPERATORS = {"addons:admin", "clients:admin"}

METADATA_LIMIT = 4096

# Any other text is no cursor, which no schema can say; of which operation, is put right below.
schemathesis.openapi.format("cursor", st.just("cursor"))
# Its own URLs are mostly none that anybody could call.
schemathesis.openapi.format("iri", st.from_regex(r"https://[a-z]{1,20}\.example/[a-z0-9/]{0,50}", fullmatch=True))

# What stands for the ids in the document's examples.
instead = {operation: {name: itertools.cycle(ids) for name, ids in parameters.items()}
           for operation, parameters in PREPARED["ids"].items()}


def in_order(body):
    """`since` before `until`, where both are times."""
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
            # The run would lock itself out.
            parameters[name] = str(uuid.uuid4())
    if (case.query or {}).get("cursor") == "cursor":
        case.query["cursor"] = PREPARED["cursors"][operation]
    # How many bytes an object makes no schema can say.
    if isinstance(case.body, dict) and isinstance(case.body.get("metadata"), dict):
        if len(json.dumps(case.body["metadata"]).encode()) > METADATA_LIMIT:
            case.body["metadata"] = {}
    # What it makes of the pattern alone is an address at which nobody may be called.
    if isinstance(case.body, dict):
        for place in (case.body, case.body.get("imageGeneration")):
            if isinstance(place, dict) and place.get("webhookUrl") == "https://0":
                place["webhookUrl"] = "https://receiver.example"
    # Which of two times is the later one no schema can say.
    if operation == "redeliverWebhooks" and isinstance(case.body, dict):
        case.body.update(in_order(case.body))
    # Which scopes a key may have depends on whose it is, which no schema of OpenAPI 3.0 says well.
    if operation == "createKey" and isinstance(case.body, dict) and isinstance(case.body.get("scopes"), list):
        case.body["scopes"] = ["chat" if isinstance(scope, str) and scope in OPERATORS else scope
                               for scope in case.body["scopes"]]
