//! Authentication, scopes, rate limits and idempotency keys.

pub(crate) mod api_key;
pub(crate) mod client;
pub(crate) mod idempotency;
pub(crate) mod key_record;
pub(crate) mod ports;
pub(crate) mod principal;
pub(crate) mod rate_limit;
pub(crate) mod scope;
pub(crate) mod token_key;

pub use api_key::{ApiKey, KeyHash, NotAKey};
pub use client::{ClientId, NotAClientId};
pub use idempotency::{
    Claim, FirstAnswer, IDEMPOTENCY_RETENTION, IdempotencyKey, IdempotencyRecord, KEY_LIMIT, fingerprint,
};
pub use key_record::{
    DEFAULT_SCOPES, KEY_RETENTION, KeyName, KeyRecord, KeySummary, MAX_OVERLAP, NAME_LIMIT, NotAName,
    may_grant,
};
pub use ports::{
    IdempotencyStore, KeyRegistry, KeyStore, LimitStore, LongPollPermit, LongPollStore, SecretSource,
};
pub use principal::{Caller, Principal, lacks};
pub use rate_limit::{Counted, Endpoint, Limits, MAX_LIMIT, MAX_LONG_POLLS, RateLimitStatus, WINDOW};
pub use scope::{Scope, UnknownScope};
pub use token_key::{KID_PREFIX, TokenKey, client_of_kid};
