//! Whatever no other function answers: 404 in the shape of every error.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("fallback");
    edge::http::serve(fallback::METHODS, fallback::handle).await
}
