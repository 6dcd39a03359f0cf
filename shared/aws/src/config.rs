//! Configuration of the AWS SDK, read once per cold start.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::{SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Timeout of one attempt. An image of some megabytes takes a fraction of it, so a slower call is lost.
const ATTEMPT: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(2);

/// Returns the configuration for functions that answer API requests. Its timeouts are short, so that the
/// function can answer 503 before Lambda's own timeout ends it.
#[must_use]
pub fn for_api() -> SdkConfig {
    let short = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_secs(4))
        .build();
    in_function(short)
}

/// Returns the configuration for functions that do work.
#[must_use]
pub fn for_workers() -> SdkConfig {
    in_function(long())
}

/// Reads what Lambda sets in the environment: region, credentials; and the endpoint of a local cloud. The default
/// chain of the SDK would add what it can do besides (profiles, roles, metadata of instances) to every cold start.
fn in_function(timeouts: TimeoutConfig) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http())
        .region(std::env::var("AWS_REGION").ok().map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts);
    config.set_endpoint_url(std::env::var("AWS_ENDPOINT_URL").ok());
    config.build()
}

/// Returns the loader of the SDK's default configuration, with profiles and all, for tools.
#[must_use]
pub fn loader() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http()).timeout_config(long())
}

/// One HTTP stack and one TLS library for all clients: the defaults of the crates would add a second of each.
fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

fn long() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build()
}
