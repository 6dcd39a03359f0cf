//! Whatever no other function answers: 404 in the shape of every error.

use aws::access::AuthStores;
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::log::init("fallback");
    let sdk = aws::config::load_for_api().await;
    let front = AuthStores::from_env(&sdk)?;
    let gate =
        Middleware::new(&front.keys, &front.token_keys, &front.limits, config::required("ALLOWED_ORIGINS")?);
    edge::http::serve("fallback", &gate, fallback::handle).await
}
