"""Deploys template.yaml to the local cloud over its AWS API, as `aws cloudformation package` and
`deploy` would: every CodeUri becomes an uploaded object, then one stack is created or updated.

Reads what to deploy as JSON from standard input and writes the stack's outputs to standard output."""
import io
import json
import pathlib
import platform
import sys
import time
import zipfile

import yaml
from botocore.exceptions import ClientError
from botocore.session import Session

import binaries

STACK, BUCKET = "semantest", "semantest-deployments"
# Pages and extensions that are being developed on this machine.
LOCAL_ORIGINS = "chrome-extension://*,moz-extension://*,http://localhost:*,http://127.0.0.1:*"
FAILED = ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED")


def main():
    order = json.load(sys.stdin)
    session = Session()
    session.set_credentials("test", "test")

    def client(service):
        return session.create_client(service, region_name="us-east-1", endpoint_url=order["endpoint"])

    template = load_template(pathlib.Path(order["template"]))
    s3, stacks = client("s3"), client("cloudformation")
    functions = package(s3, template, order["binaries"], pathlib.Path(order["data"]))
    created = deploy(stacks, s3, template, parameters(template, order))
    stack = stacks.describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    give_providers(client("secretsmanager"), outputs.get("ProvidersSecret"), order.get("providers"), created)
    names = {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId")
        for page in stacks.get_paginator("list_stack_resources").paginate(StackName=STACK)
        for resource in page["StackResourceSummaries"]
    }
    outputs["functions"] = {function: names.get(logical) for logical, function in functions.items()}
    settings = environments(client("lambda"), outputs["functions"].values())
    print(json.dumps({"outputs": outputs, "settings": settings}))


def environments(functions, names):
    """The variables of all functions together: the template gives one name one value."""
    settings = {}
    for name in names:
        function = functions.get_function_configuration(FunctionName=name)
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            if settings.setdefault(variable, value) != value:
                sys.exit(f"template.yaml gives {variable} two values: one environment file cannot hold both")
    return settings


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, read as their long ones."""


def short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


def plain_date(loader, node):
    return loader.construct_scalar(node)


Loader.add_multi_constructor("!", short_form)
# `Version: 2012-10-17` of a policy is a string, not a date.
Loader.add_constructor("tag:yaml.org,2002:timestamp", plain_date)


def load_template(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader)  # noqa: S506 (a SafeLoader)


def package(s3, template, built, data):
    """Uploads each function's code and points its CodeUri there; logical id → function's name."""
    try:
        s3.create_bucket(Bucket=BUCKET)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    uploaded = {item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
                for item in page.get("Contents", [])}
    functions, keys = {}, set()
    kept = binaries.Kept(data / "functions")
    for logical, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        name = pathlib.PurePosixPath(resource["Properties"]["CodeUri"]).name
        if name not in built:
            sys.exit(f"template.yaml names the function {name}, but the workspace has no such binary")
        digest, binary = kept.take(name, pathlib.Path(built[name]))
        key = f"{name}-{digest[:16]}.zip"
        if key not in uploaded:
            s3.put_object(Bucket=BUCKET, Key=key, Body=archive(name, binary))
        resource["Properties"]["CodeUri"] = {"Bucket": BUCKET, "Key": key}
        functions[logical] = name
        keys.add(key)
    for stale in uploaded - keys:
        s3.delete_object(Bucket=BUCKET, Key=stale)
    kept.save()
    return functions


def archive(name, binary):
    """A bootstrap that becomes the function's binary. The binary itself stays outside: the emulator
    would hold it four times over (object, code, state, unpacked), some 100 MB each unoptimised."""
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as code:
        code.writestr(entry, f"#!/bin/sh\nexec '{binary}'\n")
        # By which the launcher names the function's log.
        code.comment = name.encode()
    return made.getvalue()


def parameters(template, order):
    """This machine's values, then the caller's."""
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    values = {"Architecture": machine, "ImagesBaseUrl": order["endpoint"], "AllowedOrigins": LOCAL_ORIGINS}
    known = template.get("Parameters", {})
    unknown = sorted(set(order["set"]) - set(known))
    if unknown:
        sys.exit(f"the template has no parameter {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    return {name: value for name, value in {**values, **order["set"]}.items() if name in known}


def deploy(stacks, s3, template, values):
    """Creates or updates the stack; true where it was created."""
    # A template of this size goes by object on AWS too (the limit for one in the call is 51,200 bytes).
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(template).encode())
    call = {
        "StackName": STACK,
        "TemplateURL": f"{s3.meta.endpoint_url}/{BUCKET}/template.json",
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    stack = describe(stacks)
    if stack and stack["StackStatus"] in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"):
        stacks.delete_stack(StackName=STACK)
        settle(stacks)
        stack = None
    since = time.time()
    if stack is None:
        stacks.create_stack(**call, Parameters=given)
    else:
        # What was set before stays set, as `aws cloudformation deploy` has it.
        kept = {parameter["ParameterKey"] for parameter in stack.get("Parameters", [])}
        given += [{"ParameterKey": name, "UsePreviousValue": True}
                  for name in template.get("Parameters", {}) if name in kept and name not in values]
        try:
            stacks.update_stack(**call, Parameters=given)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
    status = settle(stacks)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        sys.exit(f"the stack ended as {status}: {reasons(stacks, since)}")
    return stack is None


def describe(stacks):
    try:
        return stacks.describe_stacks(StackName=STACK)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def settle(stacks):
    while True:
        stack = describe(stacks)
        if stack is None or not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack["StackStatus"] if stack else None
        time.sleep(0.1)


def reasons(stacks, since):
    """Why each resource failed, the first one first: the others follow from it."""
    events = reversed(stacks.describe_stack_events(StackName=STACK)["StackEvents"])
    return "; ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in events
        if event["ResourceStatus"] in FAILED and event["Timestamp"].timestamp() >= since - 1
    )


def give_providers(secrets, secret, document, created):
    """The providers document: the caller's, or for a new cloud the sandbox, which no deployed stack has."""
    if secret and (document or created):
        secrets.put_secret_value(SecretId=secret, SecretString=document or '{"sandbox":{}}')


if __name__ == "__main__":
    try:
        main()
    except ClientError as refused:
        sys.exit(str(refused))
