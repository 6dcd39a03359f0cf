"""Gap: `AWS::ApiGatewayV2::Api` ignores the OpenAPI `Body` that SAM generates from HttpApi events, so a
deployed API has no routes. Here CloudFormation's create and update import the body: one route and one
integration for each operation."""
import json

from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

ANY = "x-amazon-apigateway-any-method"


def install():
    handler = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, update = handler["create"], handler["update"]

    def create_with_body(logical_id, props, stack):
        created = create(logical_id, with_name(props), stack)
        import_body(created[0], props.get("Body"))
        return created

    def update_with_body(physical_id, old, new, stack, logical_id=None):
        updated = update(physical_id, with_name(old), with_name(new), stack, logical_id)
        import_body(updated[0], new.get("Body"))
        return updated

    handler["create"], handler["update"] = create_with_body, update_with_body


def with_name(props):
    """Names the API after the title of the body, as AWS does."""
    title = ((props.get("Body") or {}).get("info") or {}).get("title")
    return {"Name": title, **props} if title else props


def import_body(api_id, body):
    if not body:
        return
    # Adds the new routes before it removes the old ones, so that requests during an update find a route.
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
    created = body_of(apigateway._create_integration(api_id, {
        "integrationType": integration.get("type", "aws_proxy").upper(),
        "integrationUri": integration.get("uri", ""),
        "payloadFormatVersion": str(integration.get("payloadFormatVersion", "2.0")),
        "timeoutInMillis": integration.get("timeoutInMillis", 30000),
    }))
    method = "ANY" if verb == ANY else verb.upper()
    key = "$default" if path.lstrip("/") == "$default" else f"{method} {path}"
    body_of(apigateway._create_route(api_id, {"routeKey": key, "target": f"integrations/{created['integrationId']}"}))


def body_of(response):
    status, _, body = response
    if status >= 400:
        raise ValueError(body)
    return json.loads(body)
