"""Gap: the emulator checks the batch calls of queues as separate actions, which IAM does not have. On AWS,
`sqs:SendMessage` also allows SendMessageBatch, and no policy can name `sqs:SendMessageBatch`."""
from ministack.core import iam_actions

BATCH_SUFFIX = "Batch"


def install():
    extract = iam_actions.extract_iam_action

    def extract_iam_name(*request):
        action = extract(*request)
        if action and action.startswith("sqs:"):
            action = action.removesuffix(BATCH_SUFFIX)
        return action

    iam_actions.extract_iam_action = extract_iam_name
