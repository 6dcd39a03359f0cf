"""The flow of .ci/clients-check with openapi-python-client."""

import sys
import uuid

import httpx
from semantest_client import AuthenticatedClient
from semantest_client.api.images import cancel_image_job, generate_images, get_image_status, list_image_jobs
from semantest_client.models import Error, GenerateRequest, JobListResponse, JobResponse, JobStatus, JobStatusResponse

base_url, key, user_id = sys.argv[1:]
user = uuid.UUID(user_id)
client = AuthenticatedClient(base_url, token=key, timeout=httpx.Timeout(60))


def same(got: object, expected: object) -> None:
    if got != expected:
        raise SystemExit(f"{got!r} instead of {expected!r}")
    print(f"ok: {got!r}")


def generate(prompt: str) -> uuid.UUID:
    made = generate_images.sync(client=client, body=GenerateRequest(prompt=prompt, user_id=user, size=None))
    assert isinstance(made, JobResponse), made
    return made.job_id


job = generate("a kite")
status = JobStatus.QUEUED
while status != JobStatus.COMPLETED:
    state = get_image_status.sync(job, client=client, prefer="wait=20")
    assert isinstance(state, JobStatusResponse), state
    status = state.status
    assert status != JobStatus.FAILED, state

missing = get_image_status.sync_detailed(user, client=client)
assert isinstance(missing.parsed, Error)
same((missing.status_code, missing.parsed.error.code), (404, "JOB_NOT_FOUND"))

slow = generate("[[slow:60]] a kite")
same(cancel_image_job.sync_detailed(slow, client=client).status_code, 204)

page = list_image_jobs.sync(client=client, user_id=user, limit=10)
assert isinstance(page, JobListResponse), page
same([one.status for one in page.jobs], [JobStatus.CANCELLED, JobStatus.COMPLETED])

for _ in range(10):
    refused = list_image_jobs.sync_detailed(client=client, user_id=user, limit=10)
    if refused.status_code != 200:
        break
assert isinstance(refused.parsed, Error), refused
same((refused.status_code, refused.parsed.error.code), (429, "RATE_LIMITED"))
same(int(refused.headers["Retry-After"]) > 0, True)
