//! `GET /openapi.json` and `GET /docs`: what the API is, for programs and for people.

use edge::gate::Gate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("docs");
    edge::http::serve("docs", &Gate::public(), docs::handle).await
}
