//! `/admin/keys`: creates, lists, revokes and rotates API keys.
//!
//! The middleware requires the scope `keys:admin`, which covers the keys of the caller's own client. With
//! `clients:admin` the caller may also manage the keys of every other client, and set limits.

use domain::access::{ApiKey, ClientId, KeyRecord, KeyRegistry, Principal, Scope, may_grant};
use domain::error::Missing;
use domain::store::StoreError;
use domain::{Error, FieldError, KeyId, Timestamp};
use edge::api::access::keys::{KeyCreated, KeyList, parse_create, parse_rotate};
use edge::http::{Answer, Request};
use http::StatusCode;
use tracing::info;

/// How often a rotation reads the key again after a conflict with another change.
const MAX_CONFLICT_RETRIES: usize = 3;

pub struct Deps<'a> {
    pub keys: &'a dyn KeyRegistry,
    /// The most valid keys of a client: limits count per key.
    pub max_keys: usize,
}

/// Answers one request.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
/// A key of another client is [`Error::NotFound`], the same as one that does not exist.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    if request.caller()?.user.is_some() {
        // A key acts for every user of its client, so a caller that acts for one user must not create one.
        return Err(Error::Forbidden("a token acts for one user and cannot manage keys".into()));
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
        // Otherwise each client could choose its own limits.
        caller.require(Scope::ClientsAdmin)?;
        deps.keys.set_limits(&wanted.client, limits).await?;
    }
    if live_keys(deps, &wanted.client, request.now).await?.len() >= deps.max_keys {
        return Err(too_many(deps, &wanted.client));
    }
    let key = ApiKey::generate();
    let record = KeyRecord::new(&key, wanted.client, wanted.name, wanted.scopes, request.now);
    deps.keys.add(&record).await?;
    // Another request may have added one at the same time: those that came last are too many.
    let live = live_keys(deps, &record.client_id, request.now).await?;
    if live.iter().take(deps.max_keys).all(|id| *id != record.id) && live.len() > deps.max_keys {
        deps.keys.revoke(record.id, request.now).await?;
        return Err(too_many(deps, &record.client_id));
    }
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
        // The answer shows the successor, which has the old key's scopes: the caller must have them too.
        may_grant(&caller.scopes, &old.scopes)?;
        // With an overlap both are valid. The first rotation is always possible, further ones of the same key are
        // bounded like new keys.
        let others = live_keys(deps, &old.client_id, request.now).await?;
        if others.iter().filter(|other| **other != old.id).count() >= deps.max_keys {
            return Err(too_many(deps, &old.client_id));
        }
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

/// Returns the ids of the client's valid keys, the oldest first.
async fn live_keys(deps: &Deps<'_>, client: &ClientId, now: Timestamp) -> Result<Vec<KeyId>, Error> {
    let mut keys = deps.keys.keys_of(client).await?;
    keys.retain(|key| key.is_good(now));
    keys.sort_by_key(|key| (key.created_at, key.id.uuid()));
    Ok(keys.into_iter().map(|key| key.id).collect())
}

fn too_many(deps: &Deps<'_>, client: &ClientId) -> Error {
    let max = deps.max_keys;
    Error::Forbidden(
        format!("the client {client} has {max} valid keys, and may have no more: revoke one first").into(),
    )
}

/// Checks that the caller may manage the keys of `client`.
fn for_client(caller: &Principal, client: &ClientId) -> Result<(), Error> {
    if *client == caller.client { Ok(()) } else { caller.require(Scope::ClientsAdmin) }
}

/// Returns the key `id` if the caller may manage it, else [`Error::NotFound`].
async fn managed(deps: &Deps<'_>, caller: &Principal, id: &str) -> Result<KeyRecord, Error> {
    let missing = || Error::NotFound(Missing::Key);
    let id: KeyId = id.parse().map_err(|_| missing())?;
    let record = deps.keys.current(id).await?.ok_or_else(missing)?;
    for_client(caller, &record.client_id).map_err(|_| missing())?;
    Ok(record)
}
