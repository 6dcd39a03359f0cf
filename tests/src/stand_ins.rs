//! The stand-ins of all providers, side by side, and the providers document that names them.

use serde_json::{Value, json};
use testkit::standin::automatic1111::Automatic1111;
use testkit::standin::midjourney::Midjourney;
use testkit::standin::openai::{self, OpenAi};
use testkit::standin::stability::Stability;

/// One stand-in of each provider, for the cloud that the tests of providers share.
pub struct StandIns {
    /// OpenAI, for pictures and chats.
    pub openai: OpenAi,
    /// Stability: `automatic` asks it first.
    pub stability: Stability,
    /// A server of one's own: `stable_diffusion`.
    pub automatic1111: Automatic1111,
    /// A proxy of Midjourney's.
    pub midjourney: Midjourney,
}

impl StandIns {
    /// Starts all of them.
    pub async fn start() -> Self {
        Self {
            openai: OpenAi::start().await,
            stability: Stability::start("sk-canary-stability-5d1f0c7be2").await,
            automatic1111: Automatic1111::start("semantest", "canary-automatic1111-90ab3f").await,
            midjourney: Midjourney::start().await,
        }
    }

    /// The document by which a cloud uses them. Every key in it has `canary` in its text: no log line may.
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
