//! `GET /health`: whether the API answers.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("health");
    edge::http::serve(health::METHODS, health::handle).await
}
