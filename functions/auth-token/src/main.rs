//! `POST /auth/token`: exchanges an API key for a short token of one user.

use auth_token::{Deps, handle};
use aws::access::AuthStores;
use edge::auth::jwt::TokenKeys;
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::log::init("auth-token");
    let sdk = aws::config::load_for_api().await;
    let front = AuthStores::from_env(&sdk)?;
    let gate =
        Middleware::new(&front.keys, &front.token_keys, &front.limits, config::required("ALLOWED_ORIGINS")?);
    let deps = Deps { tokens: TokenKeys::new(&front.token_keys) };
    edge::http::serve("auth-token", &gate, |request| handle(&deps, request)).await
}
