//! `/admin/keys`: makes, lists, revokes and rotates API keys.

use admin_keys::{Deps, handle};
use aws::access::Front;
use edge::http::Gate;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::log::init("admin-keys");
    let sdk = aws::config::load_for_api().await;
    let front = Front::from_env(&sdk)?;
    let gate = Gate::new(&front.keys, &front.token_keys, &front.limits, config::required("ALLOWED_ORIGINS")?);
    let deps = Deps { keys: &front.keys };
    edge::http::serve("admin-keys", &gate, |request| handle(&deps, request)).await
}
