"""Deploys template.yaml to the local cloud over its AWS API, like `aws cloudformation package` and
`deploy`: uploads the code of every CodeUri as an object, then creates or updates one stack.

Reads the request as JSON from the standard input, and writes the stack's outputs to the standard output."""
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
# Web pages and browser extensions that are in development on this machine.
LOCAL_ORIGINS = "chrome-extension://*,moz-extension://*,http://localhost:*,http://127.0.0.1:*"
FAILED = ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED")


def main():
    request = json.load(sys.stdin)
    session = Session()
    session.set_credentials("test", "test")

    def client(service):
        return session.create_client(service, region_name="us-east-1", endpoint_url=request["endpoint"])

    template = load_template(pathlib.Path(request["template"]))
    s3, stacks = client("s3"), client("cloudformation")
    functions = package(s3, template, request["binaries"], pathlib.Path(request["data"]))
    created = deploy(stacks, s3, template, parameters(template, request))
    stack = stacks.describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    store_providers(client("secretsmanager"), outputs.get("ProvidersSecret"), request.get("providers"), created)
    names = {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId")
        for page in stacks.get_paginator("list_stack_resources").paginate(StackName=STACK)
        for resource in page["StackResourceSummaries"]
    }
    outputs["functions"] = {function: names.get(logical) for logical, function in functions.items()}
    settings = environments(client("lambda"), outputs["functions"].values())
    print(json.dumps({"outputs": outputs, "settings": settings}))


def environments(functions, names):
    """The environment variables of all functions together. A variable must have one value in all of them."""
    settings = {}
    for name in names:
        function = functions.get_function_configuration(FunctionName=name)
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            if settings.setdefault(variable, value) != value:
                sys.exit(f"template.yaml sets {variable} to two values, but one environment file can hold only one")
    return settings


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms, such as `!Ref`, as their long forms."""


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
# `Version: 2012-10-17` in a policy is a string, not a date.
Loader.add_constructor("tag:yaml.org,2002:timestamp", plain_date)


def load_template(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader)  # noqa: S506 (a SafeLoader)


def package(s3, template, built, data):
    """Uploads each function's code and sets its CodeUri to the object. Returns the names by logical id."""
    try:
        s3.create_bucket(Bucket=BUCKET)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    uploaded = {item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
                for item in page.get("Contents", [])}
    functions, keys = {}, set()
    store = binaries.BinaryStore(data / "functions")
    for logical, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        name = pathlib.PurePosixPath(resource["Properties"]["CodeUri"]).name
        if name not in built:
            sys.exit(f"template.yaml has the function {name}, but the workspace has no binary of that name")
        digest, binary = store.store(name, pathlib.Path(built[name]))
        key = f"{name}-{digest[:16]}.zip"
        if key not in uploaded:
            s3.put_object(Bucket=BUCKET, Key=key, Body=archive(name, binary))
        resource["Properties"]["CodeUri"] = {"Bucket": BUCKET, "Key": key}
        functions[logical] = name
        keys.add(key)
    for stale in uploaded - keys:
        s3.delete_object(Bucket=BUCKET, Key=stale)
    store.save()
    return functions


def archive(name, binary):
    """An archive with a bootstrap script that executes the function's binary. The binary is not in the
    archive: the emulator would store it four times (object, code, state, unpacked), at about 100 MB each
    for a build without optimization."""
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as code:
        code.writestr(entry, f"#!/bin/sh\nexec '{binary}'\n")
        # The launcher names the function's log after the comment.
        code.comment = name.encode()
    return buffer.getvalue()


def parameters(template, request):
    """The values for this machine, overridden by those of the request."""
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    values = {"Architecture": machine, "ImagesBaseUrl": request["endpoint"], "AllowedOrigins": LOCAL_ORIGINS}
    known = template.get("Parameters", {})
    unknown = sorted(set(request["parameters"]) - set(known))
    if unknown:
        sys.exit(f"the template has no parameter {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    return {name: value for name, value in {**values, **request["parameters"]}.items() if name in known}


def deploy(stacks, s3, template, values):
    """Creates or updates the stack. Returns whether it was created."""
    # By way of an object, as on AWS: a template in the call itself is limited to 51,200 bytes.
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(template).encode())
    call = {
        "StackName": STACK,
        "TemplateURL": f"{s3.meta.endpoint_url}/{BUCKET}/template.json",
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    parameter_list = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    stack = describe(stacks)
    if stack and stack["StackStatus"] in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"):
        stacks.delete_stack(StackName=STACK)
        wait_for_stack(stacks)
        stack = None
    since = time.time()
    if stack is None:
        stacks.create_stack(**call, Parameters=parameter_list)
    else:
        # Parameters keep their values, as with `aws cloudformation deploy`.
        existing = {parameter["ParameterKey"] for parameter in stack.get("Parameters", [])}
        parameter_list += [{"ParameterKey": name, "UsePreviousValue": True}
                           for name in template.get("Parameters", {}) if name in existing and name not in values]
        try:
            stacks.update_stack(**call, Parameters=parameter_list)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
    status = wait_for_stack(stacks)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        sys.exit(f"the stack ended with status {status}: {failure_reasons(stacks, since)}")
    return stack is None


def describe(stacks):
    try:
        return stacks.describe_stacks(StackName=STACK)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def wait_for_stack(stacks):
    while True:
        stack = describe(stacks)
        if stack is None or not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack["StackStatus"] if stack else None
        time.sleep(0.1)


def failure_reasons(stacks, since):
    """The reason of each failed resource, oldest first: later failures usually follow from the first."""
    events = reversed(stacks.describe_stack_events(StackName=STACK)["StackEvents"])
    return "; ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in events
        if event["ResourceStatus"] in FAILED and event["Timestamp"].timestamp() >= since - 1
    )


def store_providers(secrets, secret, document, created):
    """Stores the providers document: the given one, or for a new cloud one that enables the sandbox, which is
    not enabled in any deployment on AWS by default."""
    if secret and (document or created):
        secrets.put_secret_value(SecretId=secret, SecretString=document or '{"sandbox":{}}')


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
