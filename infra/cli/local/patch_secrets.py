"""Gap: `!Ref` of a secret returns its name, where CloudFormation returns its ARN. A policy with
`Resource: !Ref …` would allow nothing."""
from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners


def install():
    handler = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def create_by_arn(logical_id, props, stack):
        return by_arn(create(logical_id, props, stack))

    def update_by_arn(physical_id, *rest, **more):
        return by_arn(update(name_of(physical_id), *rest, **more))

    def delete_by_arn(physical_id, props):
        return delete(name_of(physical_id), props)

    handler["create"], handler["update"], handler["delete"] = create_by_arn, update_by_arn, delete_by_arn


def by_arn(result):
    _, attributes = result
    return attributes["Arn"], attributes


def name_of(physical_id):
    """The name by which the emulator stores the secret."""
    for name, secret in secretsmanager._secrets.items():
        if secret["ARN"] == physical_id:
            return name
    return physical_id
