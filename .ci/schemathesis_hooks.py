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
CONTENT_LIMIT = 1024 * 1024
VERSION_LIMIT = 100
ADDON_CHANGES = ("publishAddon", "publishAddonVersion", "changeAddonStatus")
ADDON_TYPES = ("content_script", "background_script", "injected_script", "style_sheet")

# A schema cannot describe a valid cursor. The cursor of each operation is filled in below.
schemathesis.openapi.format("cursor", st.just("cursor"))
# Most generated URLs have no reachable host.
schemathesis.openapi.format("iri", st.from_regex(r"https://[a-z]{1,20}\.example/[a-z0-9/]{0,50}", fullmatch=True))

# Hosts, ranges and patterns that go together, as a schema cannot say that one must be within another: every pattern
# has the same hosts, and every range has the version of the addon that others need.
schemathesis.openapi.format("host", st.sampled_from(["example.com", "kites.example.com", "127.0.0.1"]))
schemathesis.openapi.format("npm-range", st.sampled_from(["1.4.0", "^1.2", "1.x", ">=1.2 <2 || 3", "*"]))
schemathesis.openapi.format("domain-pattern", st.sampled_from(["*.example.com", "*://*.example.com/*"]))
schemathesis.openapi.format("match-pattern", st.sampled_from(["https://*.example.com/*", "*://*.example.com/a/*"]))

# The ids in the document's examples.
instead = {operation: {name: itertools.cycle(ids) for name, ids in parameters.items()}
           for operation, parameters in PREPARED["ids"].items()}
# Of versions that are published.
numbers = itertools.count(2)


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


def can_be_published(operation, body):
    """Replaces what its schema allows, but not what is published already or what stands beside it."""
    # A generated text is hardly ever a script or a style sheet. This is both, whatever the addon's type is.
    content = body.get("content")
    if isinstance(content, str) and len(content) <= CONTENT_LIMIT:
        text = json.dumps(content[:1000]).replace("*", "")
        body["content"] = f"/* {text} */ kite\n{{color:red}}"
    # All versions of an addon have one type, so that another version names none, and another type is another addon.
    if operation == "publishAddonVersion" and body.get("type") in ADDON_TYPES:
        body["type"] = None
    # Most generated versions are those of a few small numbers, which would soon be published.
    if operation == "publishAddonVersion" and is_version(body.get("version")):
        body["version"] = f"{next(numbers)}.0.0"
    if operation == "publishAddon" and is_addon_id(body.get("addonId")):
        body["addonId"] = f"{body['addonId'][:27]}-{uuid.uuid4()}"
    dependencies = body.get("dependencies")
    for dependency in dependencies if isinstance(dependencies, list) else []:
        if isinstance(dependency, dict) and is_addon_id(dependency.get("addonId")):
            dependency["addonId"] = PREPARED["neededAddon"]
    # No rule is within an empty list, be the rule in this version or in the next one.
    if body.get("domainPatterns") == []:
        body["domainPatterns"] = None


def is_version(value):
    return isinstance(value, str) and len(value) <= VERSION_LIMIT and re.fullmatch(PREPARED["versionPattern"], value)


def is_addon_id(value):
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", value)


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw["operationId"]
    parameters = case.path_parameters or {}
    for name, value in parameters.items():
        # Schemathesis finds the kept addons in lists. The run would delete what it needs.
        is_replaced = value == PREPARED["examples"].get(name) or value in PREPARED["keptAddons"]
        if is_replaced and name in instead.get(operation, {}):
            parameters[name] = next(instead[operation][name])
        elif value in PREPARED["ownKeys"]:
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
    # A pattern does not bound the numbers of a version, of which the highest has 16 digits.
    if operation in ADDON_CHANGES and isinstance(case.body, dict) and is_version(case.body.get("version")):
        case.body["version"] = re.sub(r"[0-9]{16,}", lambda number: number[0][:15], case.body["version"])
    if operation in ("publishAddon", "publishAddonVersion") and isinstance(case.body, dict):
        can_be_published(operation, case.body)
