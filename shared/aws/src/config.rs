//! How the SDK is set up, once per cold start.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// A call that takes longer than this is lost; a picture of some megabytes takes a fraction of it.
const ATTEMPT: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(2);

/// The configuration for functions that somebody waits for: they must say 503 before Lambda ends them.
pub async fn load_for_api() -> SdkConfig {
    let short = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_secs(4))
        .build();
    loader().timeout_config(short).load().await
}

/// The configuration of every client, from the environment that Lambda gives.
pub async fn load() -> SdkConfig {
    loader().load().await
}

/// The same, for who must set more.
#[must_use]
pub fn loader() -> ConfigLoader {
    // One HTTP stack and one TLS library for all clients: the crates' own defaults bring a second of each.
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).timeout_config(
        TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build(),
    )
}
