//! `GET /openapi.json` and `GET /docs`: the OpenAPI document, and a page that shows it.

use edge::http::Middleware;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("docs");
    edge::http::serve("docs", &Middleware::public(), |request| {
        docs::handle(runtime::config::webhook_url_policy(), request)
    })
    .await
}
