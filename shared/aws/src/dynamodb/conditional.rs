//! Conditional updates.

use std::fmt::Debug;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use domain::store::StoreError;

use crate::dynamodb::row::Item;
use crate::errors::unavailable;

/// The result of a conditional update.
pub(crate) enum Conditional {
    /// The row after the update.
    Applied(Item),
    /// The condition did not hold. Holds the current row, or `None` if there is no such row.
    Rejected(Option<Item>),
}

/// Converts the answer to a conditional update. The update must request the row for both cases.
pub(crate) fn conditional<R: Debug + Send + Sync + 'static>(
    answer: Result<UpdateItemOutput, SdkError<UpdateItemError, R>>,
) -> Result<Conditional, StoreError> {
    match answer {
        Ok(output) => Ok(Conditional::Applied(output.attributes.unwrap_or_default())),
        Err(error) => {
            if let SdkError::ServiceError(failed) = &error
                && let UpdateItemError::ConditionalCheckFailedException(check) = failed.err()
            {
                return Ok(Conditional::Rejected(check.item().cloned()));
            }
            Err(unavailable("UpdateItem", error))
        }
    }
}
