"""Gap: the batch calls of queues are checked as actions of their own, which IAM does not have: on AWS
`sqs:SendMessage` allows SendMessageBatch too, and no policy can name the latter."""
from ministack.core import iam_actions

BATCH = "Batch"


def install():
    extract = iam_actions.extract_iam_action

    def extract_as_iam_knows_it(*request):
        action = extract(*request)
        if action and action.startswith("sqs:"):
            action = action.removesuffix(BATCH)
        return action

    iam_actions.extract_iam_action = extract_as_iam_knows_it
