//! What a caller may ask for. Every value here keeps its rule once it exists.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::address::{Standing, standing};
use crate::delivery::WebhookEvent;
use crate::id::{SessionId, UserId};

/// The most characters (Unicode scalar values) that a prompt may have.
pub const PROMPT_LIMIT: usize = 4000;
/// The most bytes that `metadata` may take as compact JSON.
pub const METADATA_LIMIT: usize = 4096;
/// The most images that one job may make.
pub const COUNT_LIMIT: u8 = 4;
/// The most characters that a webhook URL may have.
pub const WEBHOOK_URL_LIMIT: usize = 2048;

/// An enum whose values are words on the wire.
pub trait Word: Copy + Sized + 'static {
    /// Every value, in the order in which an error lists them.
    const ALL: &'static [Self];

    /// The word on the wire.
    fn as_str(self) -> &'static str;

    /// The value that `text` names.
    fn from_word(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == text)
    }
}

/// The provider that the caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderChoice {
    /// OpenAI, on the model that stands for DALL·E 3.
    Dalle3,
    /// OpenAI, on the model that stands for DALL·E 2.
    Dalle2,
    /// OpenAI's GPT Image models.
    GptImage,
    /// Stable Diffusion, self-hosted or hosted.
    StableDiffusion,
    /// Midjourney, through the operator's proxy.
    Midjourney,
    /// Whichever provider can make exactly what was asked for.
    #[default]
    Automatic,
}

impl Word for ProviderChoice {
    const ALL: &'static [Self] = &[
        Self::Dalle3,
        Self::Dalle2,
        Self::GptImage,
        Self::StableDiffusion,
        Self::Midjourney,
        Self::Automatic,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Dalle3 => "dalle3",
            Self::Dalle2 => "dalle2",
            Self::GptImage => "gpt_image",
            Self::StableDiffusion => "stable_diffusion",
            Self::Midjourney => "midjourney",
            Self::Automatic => "automatic",
        }
    }
}

/// The size of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum Size {
    /// 256 by 256.
    #[serde(rename = "256x256")]
    S256,
    /// 512 by 512.
    #[default]
    #[serde(rename = "512x512")]
    S512,
    /// 1024 by 1024.
    #[serde(rename = "1024x1024")]
    S1024,
    /// 1792 wide, 1024 high (7:4).
    #[serde(rename = "1792x1024")]
    Wide1792,
    /// 1024 wide, 1792 high (4:7).
    #[serde(rename = "1024x1792")]
    Tall1792,
    /// 1024 wide, 576 high (16:9).
    #[serde(rename = "1024x576")]
    Wide1024,
    /// 576 wide, 1024 high (9:16).
    #[serde(rename = "576x1024")]
    Tall1024,
}

impl Size {
    /// Width and height, in pixels.
    #[must_use]
    pub const fn pixels(self) -> (u32, u32) {
        match self {
            Self::S256 => (256, 256),
            Self::S512 => (512, 512),
            Self::S1024 => (1024, 1024),
            Self::Wide1792 => (1792, 1024),
            Self::Tall1792 => (1024, 1792),
            Self::Wide1024 => (1024, 576),
            Self::Tall1024 => (576, 1024),
        }
    }
}

impl Word for Size {
    const ALL: &'static [Self] = &[
        Self::S256,
        Self::S512,
        Self::S1024,
        Self::Wide1792,
        Self::Tall1792,
        Self::Wide1024,
        Self::Tall1024,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::S256 => "256x256",
            Self::S512 => "512x512",
            Self::S1024 => "1024x1024",
            Self::Wide1792 => "1792x1024",
            Self::Tall1792 => "1024x1792",
            Self::Wide1024 => "1024x576",
            Self::Tall1024 => "576x1024",
        }
    }
}

/// How much care the provider should take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// The provider's ordinary quality.
    #[default]
    Standard,
    /// Finer, slower, dearer.
    Hd,
}

impl Word for Quality {
    const ALL: &'static [Self] = &[Self::Standard, Self::Hd];

    fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Hd => "hd",
        }
    }
}

/// The look of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Dramatic.
    Vivid,
    /// Plain.
    Natural,
}

impl Word for Style {
    const ALL: &'static [Self] = &[Self::Vivid, Self::Natural];

    fn as_str(self) -> &'static str {
        match self {
            Self::Vivid => "vivid",
            Self::Natural => "natural",
        }
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// After the others.
    Low,
    /// As they come.
    #[default]
    Normal,
    /// Before the others.
    High,
}

impl Word for Priority {
    const ALL: &'static [Self] = &[Self::Low, Self::Normal, Self::High];

    fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// A rule that a value breaks, for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// The text to draw: 1 to [`PROMPT_LIMIT`] characters, not blank.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prompt(String);

impl Prompt {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Prompt {
    type Error = Broken;
    fn try_from(text: String) -> Result<Self, Broken> {
        // Every character takes at least one byte, so a short text need not be counted.
        if text.trim().is_empty() || (text.len() > PROMPT_LIMIT && text.chars().count() > PROMPT_LIMIT) {
            return Err(Broken(format!("must have 1 to {PROMPT_LIMIT} characters and not be blank")));
        }
        Ok(Self(text))
    }
}

impl From<Prompt> for String {
    fn from(prompt: Prompt) -> Self {
        prompt.0
    }
}

impl std::fmt::Debug for Prompt {
    /// A prompt is the user's own: it stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prompt({} bytes)", self.0.len())
    }
}

/// How many images: 1 to [`COUNT_LIMIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Count(u8);

impl Count {
    /// One image.
    pub const ONE: Self = Self(1);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Count {
    type Error = Broken;
    fn try_from(count: u8) -> Result<Self, Broken> {
        if (1..=COUNT_LIMIT).contains(&count) {
            Ok(Self(count))
        } else {
            Err(Broken(format!("must be a whole number from 1 to {COUNT_LIMIT}")))
        }
    }
}

impl From<Count> for u8 {
    fn from(count: Count) -> Self {
        count.0
    }
}

/// Whether webhooks may go to plain `http:` on loopback: only where the local launcher says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookReach {
    /// `https:` only.
    #[default]
    Public,
    /// `http:` to a loopback address too.
    Local,
}

/// Where webhooks go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// Checks the spelling of `text`; the address behind it is checked when it is connected to.
    ///
    /// # Errors
    ///
    /// [`Broken`] for anything but an `https:` URL without a user in it (and loopback `http:`, where `reach` allows
    /// it), and for an address that is not global.
    pub fn parse(text: &str, reach: WebhookReach) -> Result<Self, Broken> {
        let broken = || Broken("must be an https URL without user and password".into());
        if text.len() > WEBHOOK_URL_LIMIT {
            return Err(Broken(format!("must have at most {WEBHOOK_URL_LIMIT} characters")));
        }
        let url = Url::parse(text).map_err(|_| broken())?;
        // What a name leads to shows when it is connected to; what is written out can be told at once.
        let standing = match url.host() {
            Some(Host::Domain("localhost")) => Standing::Loopback,
            Some(Host::Domain(_)) => Standing::Global,
            Some(Host::Ipv4(address)) => standing(address.into()),
            Some(Host::Ipv6(address)) => standing(address.into()),
            None => return Err(broken()),
        };
        let loopback = standing == Standing::Loopback;
        if standing != Standing::Global && !(loopback && reach == WebhookReach::Local) {
            return Err(Broken("must not lead to a private, local or reserved address".into()));
        }
        let scheme = match url.scheme() {
            "https" => true,
            "http" => loopback && reach == WebhookReach::Local,
            _ => false,
        };
        if !scheme || !url.username().is_empty() || url.password().is_some() {
            return Err(broken());
        }
        Ok(Self(url))
    }

    /// The URL.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Debug for WebhookUrl {
    /// Paths and queries of webhooks often hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookUrl({}://{}/…)", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

/// Where webhooks go, and for which events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookTarget {
    /// Where to.
    pub url: WebhookUrl,
    /// For what.
    pub events: Vec<WebhookEvent>,
}

/// The caller's own object, given back unchanged: at most [`METADATA_LIMIT`] bytes as compact JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Metadata {
    // Kept as the JSON text: a row would turn 1.0 into 1 and lose digits of large numbers.
    json: String,
}

impl Metadata {
    /// The object, as compact JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl TryFrom<String> for Metadata {
    type Error = Broken;
    fn try_from(json: String) -> Result<Self, Broken> {
        if json.len() > METADATA_LIMIT {
            return Err(Broken(format!("must be an object of at most {METADATA_LIMIT} bytes")));
        }
        Ok(Self { json })
    }
}

impl From<Metadata> for String {
    fn from(metadata: Metadata) -> Self {
        metadata.json
    }
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Metadata({} bytes)", self.json.len())
    }
}

/// What pictures to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    /// What to draw.
    pub prompt: Prompt,
    /// By whom.
    pub provider: ProviderChoice,
    /// How large.
    pub size: Size,
    /// How many.
    pub count: Count,
    /// How well.
    pub quality: Quality,
    /// In which look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
}

/// A request for one image job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateRequest {
    /// For whom.
    pub user: UserId,
    /// In which chat session, if in one.
    pub session: Option<SessionId>,
    /// What to make.
    pub picture: Picture,
    /// How urgent it is.
    pub priority: Priority,
    /// Whom to tell.
    pub webhook: Option<WebhookTarget>,
    /// What to give back.
    pub metadata: Option<Metadata>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_count_characters_not_bytes() {
        assert!(Prompt::try_from("ü".repeat(PROMPT_LIMIT)).is_ok());
        assert!(Prompt::try_from("ü".repeat(PROMPT_LIMIT + 1)).is_err());
        assert!(Prompt::try_from(" \n\t".to_owned()).is_err());
    }

    #[test]
    fn counts_are_one_to_four() {
        assert!(Count::try_from(0).is_err());
        assert_eq!(Count::try_from(4).map(Count::get), Ok(4));
        assert!(Count::try_from(5).is_err());
    }

    #[test]
    fn webhooks_go_to_https_only_but_for_loopback_where_allowed() {
        for good in ["https://example.com/hook?a=1", "https://example.com:8443/"] {
            assert!(WebhookUrl::parse(good, WebhookReach::Public).is_ok(), "{good}");
        }
        let local = ["http://127.0.0.1:9000/hook", "http://localhost/x", "http://[::1]:1/"];
        for url in local {
            assert!(WebhookUrl::parse(url, WebhookReach::Public).is_err(), "{url}");
            assert!(WebhookUrl::parse(url, WebhookReach::Local).is_ok(), "{url}");
        }
        for address in ["10.0.0.1", "2130706433", "0xa9fea9fe", "[::1]", "[::ffff:10.0.0.1]", "192.0.2.1"] {
            assert!(
                WebhookUrl::parse(&format!("https://{address}/"), WebhookReach::Public).is_err(),
                "{address}"
            );
        }
        assert!(WebhookUrl::parse("https://10.0.0.1/", WebhookReach::Local).is_err());
        for bad in
            ["", "x", "http://example.com", "ftp://example.com", "https://u:p@example.com", "https://u@e.com"]
        {
            assert!(WebhookUrl::parse(bad, WebhookReach::Local).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_of_the_user_shows_in_debug() {
        let prompt = Prompt::try_from("secret plans".to_owned()).unwrap();
        assert!(!format!("{prompt:?}").contains("plans"));
        let url = WebhookUrl::parse("https://example.com/token", WebhookReach::Public).unwrap();
        assert!(!format!("{url:?}").contains("token"));
    }
}
