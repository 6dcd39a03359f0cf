//! `/admin/keys`: makes, lists, revokes and rotates API keys.

use admin_keys::{Deps, handle};
use aws::access::AuthStores;
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::log::init("admin-keys");
    let sdk = aws::config::load_for_api().await;
    let front = AuthStores::from_env(&sdk)?;
    let gate =
        Middleware::new(&front.keys, &front.token_keys, &front.limits, config::required("ALLOWED_ORIGINS")?);
    let deps = Deps { keys: &front.keys };
    edge::http::serve("admin-keys", &gate, |request| handle(&deps, request)).await
}
