//! Stand-ins of all providers, and the providers document that configures them.

use serde_json::{Value, json};
use testkit::standin::automatic1111::Automatic1111;
use testkit::standin::midjourney::Midjourney;
use testkit::standin::openai::{self, OpenAi};
use testkit::standin::stability::Stability;

/// One stand-in of each provider, for the cloud that the provider tests share.
pub struct StandIns {
    /// OpenAI, for images and chats.
    pub openai: OpenAi,
    /// Stability, the first provider of `automatic`.
    pub stability: Stability,
    /// A self-hosted server, `stable_diffusion`.
    pub automatic1111: Automatic1111,
    /// A Midjourney proxy.
    pub midjourney: Midjourney,
}

impl StandIns {
    /// Starts all stand-ins on free ports.
    pub async fn start() -> Self {
        Self {
            openai: OpenAi::start().await,
            stability: Stability::start("sk-canary-stability-5d1f0c7be2").await,
            automatic1111: Automatic1111::start("semantest", "canary-automatic1111-90ab3f").await,
            midjourney: Midjourney::start().await,
        }
    }

    /// The providers document for a cloud. Every key in it contains `canary`, so that a log line with a key
    /// is found.
    #[must_use]
    pub fn document(&self) -> Value {
        let mut midjourney = self.midjourney.settings();
        midjourney["concurrency"] = json!(10);
        midjourney["pricePerJob"] = json!(0.03);
        json!({
            "openai": {
                "apiKey": openai::KEY,
                "baseUrl": self.openai.base_url(),
                "models": {"dalle3": "dall-e-3", "dalle2": "dall-e-2", "gpt_image": "gpt-image-2"},
                "concurrency": 8,
            },
            "chat": {
                "apiKey": openai::KEY,
                "baseUrl": self.openai.base_url(),
                "model": "gpt-5.6-luna",
                "tokenField": "max_completion_tokens",
            },
            "stability": self.stability.settings(),
            "stableDiffusion": self.automatic1111.settings(),
            "midjourney": midjourney,
            "sandbox": {},
            "order": ["stability", "openai", "stable_diffusion"],
        })
    }
}
