//! Answers 404, as JSON like every other error, for paths that no other function serves.

use aws::access::AuthStores;
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("fallback");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    edge::http::serve("fallback", &middleware, fallback::handle).await
}
