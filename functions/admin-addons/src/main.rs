//! `/admin/addons`: publishes, changes and deletes addons.

use admin_addons::{Deps, handle};
use aws::access::AuthStores;
use aws::addons::AddonsTable;
use aws::dynamodb::JobsTable;
use aws::secrets::ManagedSecret;
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("admin-addons");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let registry = AddonsTable::new(dynamodb.clone(), config::required("ADDONS_TABLE")?);
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
    let keys = ManagedSecret::new(secrets, config::required("ADDON_KEYS_SECRET")?);
    let idempotency = JobsTable::new(dynamodb, config::required("JOBS_TABLE")?);
    let oldest: u16 = config::required("OLDEST_CHROME")?;
    let deps = Deps {
        registry: &registry,
        contents: &registry,
        keys: &keys,
        idempotency: &idempotency,
        oldest: addon_build::OldestChrome::new(oldest).unwrap_or(addon_build::OldestChrome::FLOOR),
    };
    edge::http::serve("admin-addons", &middleware, |request| handle(&deps, request)).await
}
