//! Conditional updates.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use domain::store::StoreError;

use crate::dynamodb::row::Item;
use crate::errors::unavailable;

/// The row as a conditional write left or found it.
pub(crate) enum Written {
    Yes(Item),
    /// What is there instead; nothing, if there is no such row.
    No(Option<Item>),
}

/// What came of a conditional update that asks for the row either way.
pub(crate) fn written<R>(
    answer: Result<UpdateItemOutput, SdkError<UpdateItemError, R>>,
) -> Result<Written, StoreError> {
    match answer {
        Ok(output) => Ok(Written::Yes(output.attributes.unwrap_or_default())),
        Err(error) => {
            if let SdkError::ServiceError(failed) = &error
                && let UpdateItemError::ConditionalCheckFailedException(check) = failed.err()
            {
                return Ok(Written::No(check.item().cloned()));
            }
            Err(unavailable("UpdateItem", error))
        }
    }
}
