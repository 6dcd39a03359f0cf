//! `/admin/webhook-secret`: shows and rotates the secret that signs a client's webhooks.

use admin_webhook_secret::{Deps, handle};
use aws::access::AuthStores;
use aws::secrets::ManagedSecret;
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("admin-webhook-secret");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    let master = aws_sdk_secretsmanager::Client::new(&sdk);
    let master = ManagedSecret::new(master, config::required("WEBHOOK_SECRET")?);
    let deps = Deps { secret_versions: &auth.keys, master: &master };
    edge::http::serve("admin-webhook-secret", &middleware, |request| handle(&deps, request)).await
}
