//! What the providers document says of OpenAI.

use std::num::NonZeroU32;
use std::time::Duration;

use domain::primitives::Secret;
use domain::providers::Bounds;
use serde::Deserialize;

use super::wire::Wire;
use crate::call::BaseUrl;
use crate::models::{Dialect, OpenAiNames, models};

/// Where OpenAI is, unless the document says otherwise.
const OPENAI: &str = "https://api.openai.com/v1";
/// How long a call may take at the most: a complex picture takes up to two minutes.
const TIMEOUT: Duration = Duration::from_secs(300);
/// How many jobs at a time, and calls of each, unless the document says otherwise: a new account may
/// make five images a minute.
const AT_ONCE: u32 = 2;

/// The section `openai` of the providers document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    /// Left out for servers that ask for none.
    api_key: Option<Secret>,
    base_url: Option<BaseUrl>,
    #[serde(default)]
    models: Models,
    /// What the service speaks, if that does not follow from the model.
    pub(super) dialect: Option<Dialect>,
    timeout_seconds: Option<NonZeroU32>,
    concurrency: Option<u32>,
    per_minute: Option<u32>,
}

/// Which model stands for each name; what is left out is as the table of models has it.
#[derive(Debug, Default, Deserialize)]
struct Models {
    dalle3: Option<Choice>,
    dalle2: Option<Choice>,
    gpt_image: Option<Choice>,
}

/// A model, or several of which the next is asked when the one before it is gone.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be the name of a model, or a list of names")]
enum Choice {
    One(String),
    Several(Vec<String>),
}

/// The models that stand for each name, the first choice first.
pub(super) struct Names {
    pub(super) dalle3: Vec<String>,
    pub(super) dalle2: Vec<String>,
    pub(super) gpt_image: Vec<String>,
}

impl Settings {
    pub(super) fn wire(&self) -> Result<Wire, String> {
        let timeout =
            self.timeout_seconds.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.get().into()));
        let base = match &self.base_url {
            Some(base) => base.clone(),
            None => BaseUrl::try_from(OPENAI.to_owned())?,
        };
        Wire::new(base, self.api_key.clone(), timeout)
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds { at_once: self.concurrency.unwrap_or(AT_ONCE).max(1), per_minute: self.per_minute }
    }

    pub(super) fn names(self) -> Result<Names, String> {
        let OpenAiNames { dalle3, dalle2, gpt_image } = models().openai.models.clone();
        let chosen = |choice: Option<Choice>, otherwise: String| {
            let models = match choice {
                None => vec![otherwise],
                Some(Choice::One(model)) => vec![model],
                Some(Choice::Several(models)) => models,
            };
            let named = !models.is_empty() && models.iter().all(|model| !model.trim().is_empty());
            if named { Ok(models) } else { Err("models: a name stands for no model".to_owned()) }
        };
        Ok(Names {
            dalle3: chosen(self.models.dalle3, dalle3)?,
            dalle2: chosen(self.models.dalle2, dalle2)?,
            gpt_image: chosen(self.models.gpt_image, gpt_image)?,
        })
    }
}
