//! `POST /auth/token`: exchanges an API key for a short-lived token of one user.

use auth_token::{Deps, handle};
use aws::access::AuthStores;
use edge::auth::jwt::TokenKeys;
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("auth-token");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    let deps = Deps { tokens: TokenKeys::new(&auth.token_keys) };
    edge::http::serve("auth-token", &middleware, |request| handle(&deps, request)).await
}
