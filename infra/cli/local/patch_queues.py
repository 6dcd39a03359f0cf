"""Gap: the emulator stores a queue by its URL, which contains the port. A cloud that starts again on another
port would look for its queues by other URLs and find none. SDKs send requests to their configured endpoint
and not to the queue's URL, so here the URLs always contain the emulator's default port."""
from ministack.services import sqs

PORT = "4566"


def install():
    sqs.DEFAULT_PORT = PORT
    sqs._CANONICAL_NETLOC = f"{sqs.DEFAULT_HOST}:{PORT}"
