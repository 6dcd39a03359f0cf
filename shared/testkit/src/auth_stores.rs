//! [`Memory`] as the stores of the middleware: rate limits, long-poll permits and idempotency records.

use async_trait::async_trait;
use domain::Timestamp;
use domain::access::{
    Caller, Claim, Counted, Endpoint, FirstAnswer, IDEMPOTENCY_RETENTION, IdempotencyKey, IdempotencyRecord,
    IdempotencyStore, LimitStore, LongPollPermit, LongPollStore, MAX_LONG_POLLS, WINDOW,
};
use domain::store::StoreError;
use uuid::Uuid;

use crate::Memory;

impl Memory {
    /// Removes the stored answers and ends the claims, as if each request with an `Idempotency-Key` had died
    /// after its work and before its answer.
    pub fn forget_answers(&self) {
        for record in self.state().idempotency.values_mut() {
            record.answer = None;
            record.claimed_until = Timestamp::from_millis(0);
        }
    }
}

#[async_trait]
impl LimitStore for Memory {
    async fn count(
        &self,
        caller: &Caller,
        endpoint: Endpoint,
        limit: u32,
        now: Timestamp,
    ) -> Result<Counted, StoreError> {
        let mut state = self.call("count")?;
        let window = state.windows.entry((caller.to_string(), endpoint)).or_insert(Counted {
            admitted: true,
            passed: 0,
            ends_at: now + WINDOW,
        });
        if window.ends_at <= now {
            *window = Counted { admitted: true, passed: 0, ends_at: now + WINDOW };
        }
        window.admitted = window.passed < limit;
        window.passed += u32::from(window.admitted);
        Ok(*window)
    }
}

#[async_trait]
impl LongPollStore for Memory {
    async fn acquire_long_poll(
        &self,
        caller: &Caller,
        max_of_all: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<LongPollPermit>, StoreError> {
        let mut state = self.call("acquire_long_poll")?;
        let held: Vec<_> = state.long_polls.values().flatten().filter(|permit| permit.until > now).collect();
        let free = (0..max_of_all).find(|number| held.iter().all(|permit| permit.number_of_all != *number));
        let Some(number_of_all) = free else { return Ok(None) };
        let permits = state.long_polls.entry(caller.to_string()).or_default();
        permits.retain(|permit| permit.until > now);
        let free = (0..MAX_LONG_POLLS).find(|number| permits.iter().all(|permit| permit.number != *number));
        let permit = free.map(|number| LongPollPermit { number, number_of_all, until });
        permits.extend(permit);
        Ok(permit)
    }

    async fn release_long_poll(&self, caller: &Caller, permit: LongPollPermit) -> Result<(), StoreError> {
        self.call("release_long_poll")?
            .long_polls
            .entry(caller.to_string())
            .or_default()
            .retain(|own| *own != permit);
        Ok(())
    }
}

#[async_trait]
impl IdempotencyStore for Memory {
    async fn claim(
        &self,
        key: &IdempotencyKey,
        fingerprint: &str,
        owner: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Claim, StoreError> {
        let mut state = self.call("claim")?;
        let found = state.idempotency.get(&key.digest()).filter(|record| record.expires_at > now).cloned();
        let new = IdempotencyRecord {
            fingerprint: fingerprint.to_owned(),
            seed: Uuid::now_v7(),
            owner,
            claimed_until: until,
            expires_at: now + IDEMPOTENCY_RETENTION,
            answer: None,
        };
        let record = match found {
            None => new,
            Some(old)
                if old.fingerprint == fingerprint && old.answer.is_none() && old.claimed_until <= now =>
            {
                IdempotencyRecord { seed: old.seed, expires_at: old.expires_at, ..new }
            }
            Some(old) => return Ok(old.claim(fingerprint, owner)),
        };
        let seed = record.seed;
        state.idempotency.insert(key.digest(), record);
        Ok(Claim::Run(seed))
    }

    async fn settle(
        &self,
        key: &IdempotencyKey,
        owner: Uuid,
        answer: &FirstAnswer,
    ) -> Result<(), StoreError> {
        let mut state = self.call("settle")?;
        if let Some(own) = state.idempotency.get_mut(&key.digest()).filter(|record| record.owner == owner) {
            own.answer = Some(answer.clone());
        }
        Ok(())
    }

    async fn release(&self, key: &IdempotencyKey, owner: Uuid) -> Result<(), StoreError> {
        let mut state = self.call("release")?;
        if let Some(own) = state.idempotency.get_mut(&key.digest()).filter(|record| record.owner == owner) {
            own.claimed_until = Timestamp::from_millis(0);
        }
        Ok(())
    }

    async fn forget(&self, key: &IdempotencyKey, owner: Uuid) -> Result<(), StoreError> {
        let mut state = self.call("forget")?;
        if state.idempotency.get(&key.digest()).is_some_and(|record| record.owner == owner) {
            state.idempotency.remove(&key.digest());
        }
        Ok(())
    }
}
