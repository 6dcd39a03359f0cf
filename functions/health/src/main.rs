//! `GET /health`: whether the API answers.

use edge::gate::Gate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("health");
    edge::http::serve("health", &Gate::public(), health::handle).await
}
