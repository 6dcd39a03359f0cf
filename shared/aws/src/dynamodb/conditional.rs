//! Conditional updates.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use domain::store::StoreError;

use crate::dynamodb::row::Item;
use crate::errors::unavailable;

/// The row as a conditional write left or found it.
pub(crate) enum Conditional {
    Applied(Item),
    /// What is there instead; nothing, if there is no such row.
    Rejected(Option<Item>),
}

/// What came of a conditional update that asks for the row either way.
pub(crate) fn conditional<R>(
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
