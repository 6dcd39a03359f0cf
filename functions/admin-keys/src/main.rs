//! `/admin/keys`: creates, lists, revokes and rotates API keys.

use admin_keys::{Deps, handle};
use aws::access::AuthStores;
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("admin-keys");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    let deps = Deps { keys: &auth.keys, max_keys: config::required("MAX_KEYS_PER_CLIENT")? };
    edge::http::serve("admin-keys", &middleware, |request| handle(&deps, request)).await
}
