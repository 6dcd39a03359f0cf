//! Once a day: asks the makers of the models that the operator has chosen when they switch them off.

use std::time::Duration;

use domain::Timestamp;
use domain::access::SecretSource;
use domain::providers::{DeprecationStore, ModelDeprecations};
use domain::store::StoreError;
use providers::ModelList;
use tokio::sync::Mutex;
use tracing::{info, warn};

/// How often the document is looked into for models that nobody has asked about yet.
const CHECK_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What it takes to ask.
pub struct DeprecationCheck<'a> {
    document: &'a dyn SecretSource,
    store: &'a dyn DeprecationStore,
    /// Until when this process need not look.
    rest_until: Mutex<Timestamp>,
}

impl<'a> DeprecationCheck<'a> {
    /// Asks about the models in `document`, and remembers in `store` what was said.
    #[must_use]
    pub fn new(document: &'a dyn SecretSource, store: &'a dyn DeprecationStore) -> Self {
        Self { document, store, rest_until: Mutex::new(Timestamp::from_millis(0)) }
    }

    /// Asks whoever is to be asked again. Whatever becomes of it, a sweep and every job go on.
    pub async fn look(&self, now: Timestamp) {
        let mut rest_until = self.rest_until.lock().await;
        if *rest_until > now {
            return;
        }
        // Also after a failure: an hour is soon enough.
        *rest_until = now + CHECK_INTERVAL;
        if let Err(error) = self.ask(now).await {
            warn!(%error, "the ends of models could not be looked up");
        }
    }

    async fn ask(&self, now: Timestamp) -> Result<(), StoreError> {
        let document = self.document.read().await?;
        let lists = match ModelList::of(&document) {
            Ok(lists) => lists,
            Err(problem) => return Err(StoreError::Unavailable(problem.to_string())),
        };
        for list in lists {
            let before = self.store.deprecations(list.provider()).await?;
            if before.as_ref().is_some_and(|before| !before.outdated(list.chosen(), now)) {
                continue;
            }
            let said = list.ends().await;
            if let Err(error) = &said {
                // A key need not be allowed to see the list, and a compatible server need not have one.
                info!(provider = list.provider(), reason = ?error.reason, "no list of models");
            }
            let deprecations = ModelDeprecations::new(
                list.provider(),
                list.chosen(),
                said.as_ref().ok(),
                before.as_ref(),
                now,
            );
            for (model, end) in deprecations.near(now) {
                warn!(
                    alarm = "model_sunset",
                    provider = list.provider(),
                    model,
                    end = end.date(),
                    "a model in use is switched off"
                );
            }
            self.store.save_deprecations(&deprecations).await?;
        }
        Ok(())
    }
}
