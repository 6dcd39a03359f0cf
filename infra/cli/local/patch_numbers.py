"""Gap: `!Ref` of a parameter of type Number stays text, where CloudFormation converts it for a numeric
property. A timeout or a concurrency that is text fails at the first invocation."""
from ministack.services.cloudformation import provisioners

NUMERIC_PROPERTIES = {
    "AWS::Lambda::Function": {"Timeout", "MemorySize", "ReservedConcurrentExecutions"},
    "AWS::Lambda::EventSourceMapping": {
        "BatchSize", "MaximumBatchingWindowInSeconds", "MaximumConcurrency", "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts", "ParallelizationFactor",
    },
}


def install():
    for resource, names in NUMERIC_PROPERTIES.items():
        handler = provisioners._RESOURCE_HANDLERS[resource]
        handler["create"] = create_with_numbers(handler["create"], names)
        handler["update"] = update_with_numbers(handler["update"], names)


def create_with_numbers(create, names):
    return lambda logical_id, props, stack: create(logical_id, with_numbers(props, names), stack)


def update_with_numbers(update, names):
    return lambda physical_id, old, new, *rest, **more: update(
        physical_id, with_numbers(old, names), with_numbers(new, names), *rest, **more
    )


def with_numbers(value, names):
    """Converts the properties of these names to numbers. `MaximumConcurrency` is one level down, in
    `ScalingConfig`. Other levels are left alone: environment variables must stay text."""
    converted = {}
    for name, inner in value.items():
        if name in names and isinstance(inner, str):
            inner = int(inner)
        elif name == "ScalingConfig" and isinstance(inner, dict):
            inner = with_numbers(inner, names)
        converted[name] = inner
    return converted
