"""Gap: `!Ref` of a parameter of type Number stays text, where CloudFormation gives a number to a
property that is one. A timeout or a concurrency that is text fails at the first invocation."""
from ministack.services.cloudformation import provisioners

NUMBERS = {
    "AWS::Lambda::Function": {"Timeout", "MemorySize", "ReservedConcurrentExecutions"},
    "AWS::Lambda::EventSourceMapping": {
        "BatchSize", "MaximumBatchingWindowInSeconds", "MaximumConcurrency", "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts", "ParallelizationFactor",
    },
}


def install():
    for resource, names in NUMBERS.items():
        handler = provisioners._RESOURCE_HANDLERS[resource]
        handler["create"] = creating(handler["create"], names)
        handler["update"] = updating(handler["update"], names)


def creating(create, names):
    return lambda logical_id, props, stack: create(logical_id, numbered(props, names), stack)


def updating(update, names):
    return lambda physical_id, old, new, *rest, **more: update(
        physical_id, numbered(old, names), numbered(new, names), *rest, **more
    )


def numbered(value, names):
    """The properties, with those of these names turned into numbers. `MaximumConcurrency` stands one
    level down; a function's variables must stay text, whatever they are called."""
    made = {}
    for name, inner in value.items():
        if name in names and isinstance(inner, str):
            inner = int(inner)
        elif name == "ScalingConfig" and isinstance(inner, dict):
            inner = numbered(inner, names)
        made[name] = inner
    return made
