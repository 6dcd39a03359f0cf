//! `GET /chat/{sessionId}`: shows the messages of a chat session.

use aws::access::AuthStores;
use aws::chat::SessionsTable;
use chat_get::{Deps, handle};
use edge::http::Middleware;
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("chat-get");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let deps = Deps { sessions: &SessionsTable::new(dynamodb, config::required("SESSIONS_TABLE")?) };
    edge::http::serve("chat-get", &middleware, |request| handle(&deps, request)).await
}
