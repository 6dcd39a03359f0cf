//! `/admin/webhook-secret`: shows and rotates what a client's webhooks are signed with.

use admin_webhook_secret::{Deps, handle};
use aws::access::AuthStores;
use aws::secrets::ManagedSecret;
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::log::init("admin-webhook-secret");
    let sdk = aws::config::load_for_api().await;
    let front = AuthStores::from_env(&sdk)?;
    let gate =
        Middleware::new(&front.keys, &front.token_keys, &front.limits, config::required("ALLOWED_ORIGINS")?);
    let master = aws_sdk_secretsmanager::Client::new(&sdk);
    let master = ManagedSecret::new(master, config::required("WEBHOOK_SECRET")?);
    let deps = Deps { secret_versions: &front.keys, master: &master };
    edge::http::serve("admin-webhook-secret", &gate, |request| handle(&deps, request)).await
}
