//! `/admin/webhook-secret`: shows and rotates the secret that signs a client's webhooks.
//!
//! This is a separate function because it may read the master secret, from which every client's secret is
//! derived.

use domain::Error;
use domain::access::SecretSource;
use domain::store::StoreError;
use domain::webhooks::{SecretVersionStore, SigningSecret};
use edge::api::webhooks::secret::{WebhookSecret, parse_rotate};
use edge::http::{Answer, Request};
use http::StatusCode;
use tracing::info;

/// How often a rotation reads the versions again after a conflict with another rotation.
const MAX_CONFLICT_RETRIES: usize = 3;

pub struct Deps<'a> {
    pub secret_versions: &'a dyn SecretVersionStore,
    /// The master secret that every client's signing secret is derived from.
    pub master: &'a dyn SecretSource,
}

/// Answers one request.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    if request.caller()?.user.is_some() {
        // With the secret, a caller that acts for one user could forge webhooks about all other users.
        return Err(Error::Forbidden(
            "a token acts for one user and cannot see its client's webhook secret".into(),
        ));
    }
    match request.route.method {
        "GET" => show(deps, &request).await,
        "POST" => rotate(deps, &request).await,
        method => Err(Error::internal(format!("no endpoint of /admin/webhook-secret takes {method}"))),
    }
}

async fn show(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    let client = &request.caller()?.client;
    let secret_versions = deps.secret_versions.secret_versions(client).await?;
    let secret = SigningSecret::derive(&deps.master.read().await?, client, secret_versions.current);
    Answer::json(
        StatusCode::OK,
        &WebhookSecret::new(client, &secret, secret_versions.overlap_until(request.now)),
    )
}

async fn rotate(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let overlap = parse_rotate(&request.body)?;
    // Read before anything changes: a caller whose rotation succeeded must get the new secret.
    let master = deps.master.read().await?;
    for _ in 0..MAX_CONFLICT_RETRIES {
        let read = deps.secret_versions.secret_versions(&caller.client).await?;
        let next = read.rotated(request.now, overlap);
        match deps.secret_versions.replace_secret_versions(&caller.client, &read, &next).await {
            Ok(()) => {
                info!(client = %caller.client, version = next.current, by = %caller.caller, "webhook secret rotated");
                let secret = SigningSecret::derive(&master, &caller.client, next.current);
                let until = next.overlap_until(request.now);
                return Answer::json(
                    StatusCode::CREATED,
                    &WebhookSecret::new(&caller.client, &secret, until),
                );
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}
