"""Gap: CloudFormation ignores a table's `TimeToLiveSpecification`, so nothing would ever be cleaned up."""
from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners


def install():
    handler = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create, update = handler["create"], handler["update"]

    def create_with_ttl(logical_id, props, stack):
        made = create(logical_id, props, stack)
        set_ttl(made[0], props)
        return made

    def update_with_ttl(physical_id, old, new, stack, logical_id=None):
        made = update(physical_id, old, new, stack, logical_id)
        set_ttl(made[0], new)
        return made

    handler["create"], handler["update"] = create_with_ttl, update_with_ttl


def set_ttl(table, props):
    ttl = props.get("TimeToLiveSpecification")
    if ttl:
        enabled = str(ttl.get("Enabled")).lower() == "true"
        dynamodb._update_ttl({"TableName": table, "TimeToLiveSpecification": {**ttl, "Enabled": enabled}})
