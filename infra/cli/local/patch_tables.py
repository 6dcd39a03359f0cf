"""Gap: CloudFormation ignores a table's `TimeToLiveSpecification`, so expired items would never be deleted."""
from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners


def install():
    handler = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create, update = handler["create"], handler["update"]

    def create_with_ttl(logical_id, props, stack):
        created = create(logical_id, props, stack)
        set_ttl(created[0], props)
        return created

    def update_with_ttl(physical_id, old, new, stack, logical_id=None):
        updated = update(physical_id, old, new, stack, logical_id)
        set_ttl(updated[0], new)
        return updated

    handler["create"], handler["update"] = create_with_ttl, update_with_ttl


def set_ttl(table, props):
    ttl = props.get("TimeToLiveSpecification")
    if ttl:
        enabled = str(ttl.get("Enabled")).lower() == "true"
        dynamodb._update_ttl({"TableName": table, "TimeToLiveSpecification": {**ttl, "Enabled": enabled}})
