//! Configuration of the AWS SDK, loaded once per cold start.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Timeout of one attempt. An image of some megabytes takes a fraction of it, so a slower call is lost.
const ATTEMPT: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(2);

/// Loads the configuration for functions that answer API requests. Its timeouts are short, so that the
/// function can answer 503 before Lambda's own timeout ends it.
pub async fn load_for_api() -> SdkConfig {
    let short = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_secs(4))
        .build();
    loader().timeout_config(short).load().await
}

/// Loads the default configuration, from the environment that Lambda sets.
pub async fn load() -> SdkConfig {
    loader().load().await
}

/// Returns the loader of the default configuration, for callers that set more options.
#[must_use]
pub fn loader() -> ConfigLoader {
    // One HTTP stack and one TLS library for all clients: the defaults of the crates would add a second of
    // each.
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).timeout_config(
        TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build(),
    )
}
