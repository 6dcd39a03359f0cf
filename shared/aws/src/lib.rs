//! Outbound: the domain's ports on DynamoDB, SQS, S3 and Secrets Manager.
