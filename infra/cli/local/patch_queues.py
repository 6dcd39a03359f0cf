"""Gap: a queue is kept under its URL, with the port in it. A cloud that comes up again on another port
would look for its queues under other URLs, and find none. SDKs go to the endpoint they are given,
whatever a queue's URL says, so the URLs here name the emulator's usual port, always."""
from ministack.services import sqs

PORT = "4566"


def install():
    sqs.DEFAULT_PORT = PORT
    sqs._CANONICAL_NETLOC = f"{sqs.DEFAULT_HOST}:{PORT}"
