//! `GET /addons`: serves addons, what is told of them, and what the pages of a domain get.

use addons_get::{Addons, handle};
use aws::access::AuthStores;
use aws::addons::AddonsTable;
use aws::secrets::ManagedSecret;
use edge::http::Middleware;
use edge::http::cors::Origins;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("addons-get");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware = Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, Origins::everyone());
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
    let origin_secret = ManagedSecret::new(secrets.clone(), config::required("ORIGIN_SECRET")?);
    let middleware = middleware.behind(&origin_secret);
    let table = AddonsTable::new(aws_sdk_dynamodb::Client::new(&sdk), config::required("ADDONS_TABLE")?);
    let keys = ManagedSecret::new(secrets, config::required("ADDON_KEYS_SECRET")?);
    let addons = Addons::new(&table, &table, &keys);
    edge::http::serve("addons-get", &middleware, |request| handle(&addons, request)).await
}
