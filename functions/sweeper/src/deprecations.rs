//! Once a day: asks the vendors of the models in use for the models' deprecation dates.

use std::time::Duration;

use domain::Timestamp;
use domain::access::SecretSource;
use domain::providers::{DeprecationStore, ModelDeprecations};
use domain::store::StoreError;
use providers::ModelList;
use tokio::sync::Mutex;
use tracing::{error, info, warn};

/// How often the providers document is read to find models that were not checked yet.
const CHECK_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The daily check of all models in use.
pub struct DeprecationCheck<'a> {
    document: &'a dyn SecretSource,
    store: &'a dyn DeprecationStore,
    /// The time before which this process does not check again.
    rest_until: Mutex<Timestamp>,
}

impl<'a> DeprecationCheck<'a> {
    /// A check of the models in `document` that saves the vendors' answers in `store`.
    #[must_use]
    pub fn new(document: &'a dyn SecretSource, store: &'a dyn DeprecationStore) -> Self {
        Self { document, store, rest_until: Mutex::new(Timestamp::from_millis(0)) }
    }

    /// Asks every vendor whose answer is outdated. Errors are only logged, because they must stop neither the
    /// sweep nor a job.
    pub async fn look(&self, now: Timestamp) {
        let mut rest_until = self.rest_until.lock().await;
        if *rest_until > now {
            return;
        }
        // This holds after a failure too: an hour later is soon enough.
        *rest_until = now + CHECK_INTERVAL;
        if let Err(error) = self.ask(now).await {
            warn!(%error, "the deprecation dates of models could not be checked");
        }
    }

    async fn ask(&self, now: Timestamp) -> Result<(), StoreError> {
        let document = self.document.read().await?;
        let lists = match ModelList::of(&document) {
            Ok(lists) => lists,
            Err(problem) => return Err(StoreError::Unavailable(problem.to_string().into())),
        };
        for list in lists {
            let before = self.store.deprecations(list.provider()).await?;
            if before.as_ref().is_some_and(|before| !before.outdated(list.chosen(), now)) {
                continue;
            }
            let answer = list.ends().await;
            if let Err(error) = &answer {
                // The key may not be allowed to read the list, and a compatible server may have none.
                info!(provider = list.provider(), reason = ?error.reason, "no list of models");
            }
            let deprecations = ModelDeprecations::new(
                list.provider(),
                list.chosen(),
                answer.as_ref().ok(),
                before.as_ref(),
                now,
            );
            for (model, end) in deprecations.near(now) {
                error!(
                    alarm = "model_sunset",
                    provider = list.provider(),
                    model,
                    end = end.date(),
                    "the vendor ends a model that is in use"
                );
            }
            self.store.save_deprecations(&deprecations).await?;
        }
        Ok(())
    }
}
