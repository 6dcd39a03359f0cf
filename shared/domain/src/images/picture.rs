//! What an image should look like. Every value here keeps its rule once it exists.

use crate::primitives::named::{InvalidValue, NamedValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most characters (Unicode scalar values) that a prompt may have.
pub const PROMPT_LIMIT: usize = 4000;

/// The most images that one job may make.
pub const COUNT_LIMIT: u8 = 4;

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

impl NamedValue for ProviderChoice {
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

impl NamedValue for Size {
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

impl NamedValue for Quality {
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

impl NamedValue for Style {
    const ALL: &'static [Self] = &[Self::Vivid, Self::Natural];

    fn as_str(self) -> &'static str {
        match self {
            Self::Vivid => "vivid",
            Self::Natural => "natural",
        }
    }
}

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
    type Error = InvalidValue;
    fn try_from(text: String) -> Result<Self, InvalidValue> {
        // Every character takes at least one byte, so a short text need not be counted.
        if text.trim().is_empty() || (text.len() > PROMPT_LIMIT && text.chars().count() > PROMPT_LIMIT) {
            return Err(InvalidValue(format!("must have 1 to {PROMPT_LIMIT} characters and not be blank")));
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
    type Error = InvalidValue;
    fn try_from(count: u8) -> Result<Self, InvalidValue> {
        if (1..=COUNT_LIMIT).contains(&count) {
            Ok(Self(count))
        } else {
            Err(InvalidValue(format!("must be a whole number from 1 to {COUNT_LIMIT}")))
        }
    }
}

impl From<Count> for u8 {
    fn from(count: Count) -> Self {
        count.0
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
}
