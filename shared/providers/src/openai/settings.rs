//! The section `openai` of the providers document.

use std::num::NonZeroU32;
use std::time::Duration;

use domain::primitives::Secret;
use domain::providers::CapacityLimits;
use egress::AllowedHost;
use serde::Deserialize;

use super::api_client::ApiClient;
use crate::call::BaseUrl;
use crate::models::{Dialect, OpenAiNames, models};

const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";
/// The longest time for a call: a complex image takes up to two minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// Jobs at the same time, and calls of each at the same time: a new account may make five images a minute.
const DEFAULT_CONCURRENCY: u32 = 2;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    /// Absent for servers that need none.
    api_key: Option<Secret>,
    base_url: Option<BaseUrl>,
    #[serde(default)]
    models: Models,
    /// The service's dialect, if it does not follow from the model.
    pub(super) dialect: Option<Dialect>,
    /// Hosts that its pictures may be at, besides its own and public ones.
    #[serde(default)]
    pub(super) pictures_from: Vec<AllowedHost>,
    timeout_seconds: Option<NonZeroU32>,
    concurrency: Option<u32>,
    per_minute: Option<u32>,
}

/// The models for each of the contract's names; the table of models has the defaults.
#[derive(Debug, Default, Deserialize)]
struct Models {
    dalle3: Option<Choice>,
    dalle2: Option<Choice>,
    gpt_image: Option<Choice>,
}

/// A model, or several of which the next one is asked if the one before it is gone.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be the name of a model, or a list of names")]
enum Choice {
    One(String),
    Several(Vec<String>),
}

/// The models for each of the contract's names, the preferred one first.
pub(super) struct ModelNames {
    pub(super) dalle3: Vec<String>,
    pub(super) dalle2: Vec<String>,
    pub(super) gpt_image: Vec<String>,
}

impl Settings {
    pub(super) fn client(&self) -> Result<ApiClient, String> {
        let timeout =
            self.timeout_seconds.map_or(DEFAULT_TIMEOUT, |seconds| Duration::from_secs(seconds.get().into()));
        let base = match &self.base_url {
            Some(base) => base.clone(),
            None => BaseUrl::try_from(DEFAULT_BASE_URL.to_owned())?,
        };
        ApiClient::new(base, self.api_key.clone(), timeout)
    }

    pub(super) fn capacity_limits(&self) -> CapacityLimits {
        CapacityLimits {
            max_concurrent: self.concurrency.unwrap_or(DEFAULT_CONCURRENCY).max(1),
            images_per_minute: self.per_minute,
        }
    }

    pub(super) fn names(self) -> Result<ModelNames, String> {
        let OpenAiNames { dalle3, dalle2, gpt_image } = models().openai.models.clone();
        let chosen = |choice: Option<Choice>, default: String| {
            let models = match choice {
                None => vec![default],
                Some(Choice::One(model)) => vec![model],
                Some(Choice::Several(models)) => models,
            };
            let named = !models.is_empty() && models.iter().all(|model| !model.trim().is_empty());
            if named { Ok(models) } else { Err("models: a name stands for no model".to_owned()) }
        };
        Ok(ModelNames {
            dalle3: chosen(self.models.dalle3, dalle3)?,
            dalle2: chosen(self.models.dalle2, dalle2)?,
            gpt_image: chosen(self.models.gpt_image, gpt_image)?,
        })
    }
}
