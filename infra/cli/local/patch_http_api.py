"""Gap: `AWS::ApiGatewayV2::Api` ignores the OpenAPI `Body` that SAM's HttpApi events become, so a
deployed API has no routes. Here CloudFormation's create and update import that body: one route and
one integration for each operation in it."""
import json

from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

ANY = "x-amazon-apigateway-any-method"


def install():
    handler = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, update = handler["create"], handler["update"]

    def create_with_body(logical_id, props, stack):
        made = create(logical_id, named(props), stack)
        import_body(made[0], props.get("Body"))
        return made

    def update_with_body(physical_id, old, new, stack, logical_id=None):
        made = update(physical_id, named(old), named(new), stack, logical_id)
        import_body(made[0], new.get("Body"))
        return made

    handler["create"], handler["update"] = create_with_body, update_with_body


def named(props):
    """The API's name is the body's title."""
    title = ((props.get("Body") or {}).get("info") or {}).get("title")
    return {"Name": title, **props} if title else props


def import_body(api_id, body):
    if not body:
        return
    # An update replaces every route, but no request may meet an API without any: build, then swap.
    old_routes = dict(apigateway._routes.get(api_id) or {})
    old_integrations = dict(apigateway._integrations.get(api_id) or {})
    for path, operations in (body.get("paths") or {}).items():
        for verb, operation in operations.items():
            integration = operation.get("x-amazon-apigateway-integration") if isinstance(operation, dict) else None
            if integration:
                add_route(api_id, path, verb, integration)
    for store, old in ((apigateway._routes, old_routes), (apigateway._integrations, old_integrations)):
        for key in old:
            store[api_id].pop(key, None)


def add_route(api_id, path, verb, integration):
    made = answer(apigateway._create_integration(api_id, {
        "integrationType": integration.get("type", "aws_proxy").upper(),
        "integrationUri": integration.get("uri", ""),
        "payloadFormatVersion": str(integration.get("payloadFormatVersion", "2.0")),
        "timeoutInMillis": integration.get("timeoutInMillis", 30000),
    }))
    method = "ANY" if verb == ANY else verb.upper()
    key = "$default" if path.lstrip("/") == "$default" else f"{method} {path}"
    answer(apigateway._create_route(api_id, {"routeKey": key, "target": f"integrations/{made['integrationId']}"}))


def answer(response):
    status, _, body = response
    if status >= 400:
        raise ValueError(body)
    return json.loads(body)
