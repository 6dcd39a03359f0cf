//! Batches of queue messages: a failed message does not affect the others.

use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsMessage};
use aws_lambda_events::sqs::BatchItemFailure;
use futures_util::FutureExt as _;
use serde::de::DeserializeOwned;
use tracing::error;

/// Passes each message of the batch to `handle` and reports the failed ones, which are delivered again. A
/// poison message, whose body cannot be parsed, is logged and acknowledged: it would fail the next time too.
pub async fn messages<M, F>(records: Vec<SqsMessage>, handle: impl Fn(M) -> F) -> SqsBatchResponse
where
    M: DeserializeOwned,
    F: Future<Output = Result<(), domain::Error>>,
{
    let mut response = SqsBatchResponse::default();
    for record in records {
        let id = record.message_id.unwrap_or_default();
        let body = record.body.unwrap_or_default();
        let message = match serde_json::from_str(&body) {
            Ok(message) => message,
            Err(problem) => {
                error!(messageId = id, %problem, "a poison message: its body cannot be parsed");
                continue;
            }
        };
        let outcome = AssertUnwindSafe(handle(message))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(domain::Error::internal("the handler panicked")));
        if let Err(problem) = outcome {
            error!(messageId = id, %problem, "a message failed");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            response.batch_item_failures.push(failure);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, body: &str) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(id.into());
        message.body = Some(body.into());
        message
    }

    #[tokio::test]
    async fn failed_message_does_not_affect_others() {
        let records = vec![message("a", "1"), message("b", "{"), message("c", "2"), message("d", "3")];
        let response = messages(records, |number: u32| async move {
            match number {
                1 => panic!("one"),
                2 => Err(domain::Error::internal("two")),
                _ => Ok(()),
            }
        })
        .await;
        let failed: Vec<_> =
            response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        assert_eq!(failed, ["a", "c"]);
    }
}
