//! The stores that authentication and rate limits need.

use std::env::VarError;

use aws_config::SdkConfig;

use crate::access::api_keys::AccessTable;
use crate::access::rate_limits::LimitsTable;
use crate::secrets::ManagedSecret;

/// The stores for checking credentials and rate limits.
#[derive(Debug)]
pub struct AuthStores {
    pub keys: AccessTable,
    /// The secret with the keys that access tokens are checked against.
    pub token_keys: ManagedSecret,
    pub limits: LimitsTable,
}

impl AuthStores {
    /// Reads the names of the tables and of the secret from the environment variables that `template.yaml`
    /// sets.
    ///
    /// # Errors
    ///
    /// If a variable is missing.
    pub fn from_env(sdk: &SdkConfig) -> Result<Self, VarError> {
        let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
        Ok(Self {
            keys: AccessTable::new(dynamodb, std::env::var("ACCESS_TABLE")?),
            token_keys: ManagedSecret::new(
                aws_sdk_secretsmanager::Client::new(sdk),
                std::env::var("TOKEN_KEYS_SECRET")?,
            ),
            limits: LimitsTable::new(sdk, std::env::var("LIMITS_TABLE")?),
        })
    }
}
