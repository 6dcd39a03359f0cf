//! `/admin/keys`: makes, lists, revokes and rotates API keys.
//!
//! `keys:admin`, without which no request comes here, is for the own client. `clients:admin` makes it good
//! for every client, and alone lets anybody set limits.

use domain::access::{ApiKey, ClientId, KeyRecord, KeyRegistry, Principal, Scope, may_grant};
use domain::error::Missing;
use domain::store::StoreError;
use domain::{Error, FieldError, KeyId};
use edge::api::access::keys::{KeyCreated, KeyList, parse_create, parse_rotate};
use edge::http::{Answer, Request};
use lambda_http::http::StatusCode;
use tracing::info;

/// How often a rotation looks again when others change the same key.
const MAX_CONFLICT_RETRIES: usize = 3;

/// What the endpoints need.
pub struct Deps<'a> {
    /// Where keys are managed.
    pub keys: &'a dyn KeyRegistry,
}

/// Answers one request.
///
/// # Errors
///
/// As the API's contract has them. A key of another client is as little there as one that never was.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    if request.caller()?.user.is_some() {
        // A key acts for every user of its client: whoever acts for one of them must not make one.
        return Err(Error::Forbidden("a token acts for one user and cannot manage keys"));
    }
    match (request.route.method, request.path_parameter("keyId")) {
        ("GET", None) => list(deps, &request).await,
        ("POST", None) => create(deps, &request).await,
        ("DELETE", Some(id)) => revoke(deps, &request, id).await,
        ("POST", Some(id)) => rotate(deps, &request, id).await,
        (method, _) => Err(Error::internal(format!("no endpoint of /admin/keys takes {method}"))),
    }
}

async fn create(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let wanted = parse_create(&request.body, &caller.client)?;
    for_client(caller, &wanted.client)?;
    may_grant(&caller.scopes, &wanted.scopes)?;
    if let Some(limits) = &wanted.limits {
        // Otherwise limits would be what each client likes.
        caller.require(Scope::ClientsAdmin)?;
        deps.keys.set_limits(&wanted.client, limits).await?;
    }
    let key = ApiKey::generate();
    let record = KeyRecord::new(&key, wanted.client, wanted.name, wanted.scopes, request.now);
    deps.keys.add(&record).await?;
    info!(client = %record.client_id, keyId = %record.id, by = %caller.caller, "key created");
    Answer::json(StatusCode::CREATED, &KeyCreated::new(&key, record))
}

async fn list(deps: &Deps<'_>, request: &Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let client = match request.query("clientId") {
        None => caller.client.clone(),
        Some(text) => text.parse().map_err(|error: domain::access::NotAClientId| {
            Error::Invalid(vec![FieldError::new("clientId", error.to_string())])
        })?,
    };
    for_client(caller, &client)?;
    Answer::json(StatusCode::OK, &KeyList::from(deps.keys.keys_of(&client).await?))
}

async fn revoke(deps: &Deps<'_>, request: &Request, id: &str) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let record = managed(deps, caller, id).await?;
    deps.keys.revoke(record.id, request.now).await?;
    info!(client = %record.client_id, keyId = %record.id, by = %caller.caller, "key revoked");
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

async fn rotate(deps: &Deps<'_>, request: &Request, id: &str) -> Result<Answer, Error> {
    let caller = request.caller()?;
    let overlap = parse_rotate(&request.body)?;
    for _ in 0..MAX_CONFLICT_RETRIES {
        let old = managed(deps, caller, id).await?;
        if !old.is_good(request.now) {
            return Err(Error::NotFound(Missing::Key));
        }
        // The successor is shown to the caller, with all that the old key may do.
        may_grant(&caller.scopes, &old.scopes)?;
        let key = ApiKey::generate();
        let (new, old_ends) = old.succeeded_by(&key, overlap, request.now);
        match deps.keys.rotate(&old, old_ends, &new).await {
            Ok(()) => {
                info!(client = %new.client_id, keyId = %old.id, successor = %new.id, by = %caller.caller, "key rotated");
                return Answer::json(StatusCode::CREATED, &KeyCreated::new(&key, new));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Passes if the caller may manage the keys of `client`.
fn for_client(caller: &Principal, client: &ClientId) -> Result<(), Error> {
    if *client == caller.client { Ok(()) } else { caller.require(Scope::ClientsAdmin) }
}

/// The key `id`, if it is one that the caller may manage.
async fn managed(deps: &Deps<'_>, caller: &Principal, id: &str) -> Result<KeyRecord, Error> {
    let missing = || Error::NotFound(Missing::Key);
    let id: KeyId = id.parse().map_err(|_| missing())?;
    let record = deps.keys.current(id).await?.ok_or_else(missing)?;
    for_client(caller, &record.client_id).map_err(|_| missing())?;
    Ok(record)
}
