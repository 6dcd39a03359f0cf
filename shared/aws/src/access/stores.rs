//! What stands before every endpoint that asks for a credential.

use std::env::VarError;

use aws_config::SdkConfig;

use crate::access::api_keys::AccessTable;
use crate::access::rate_limits::LimitsTable;
use crate::secrets::ManagedSecret;

/// The stores behind credentials and limits.
#[derive(Debug)]
pub struct AuthStores {
    /// API keys.
    pub keys: AccessTable,
    /// What tokens are checked against.
    pub token_keys: ManagedSecret,
    /// What counts requests.
    pub limits: LimitsTable,
}

impl AuthStores {
    /// The stores that the template names to a function.
    ///
    /// # Errors
    ///
    /// If it does not name one of them.
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
