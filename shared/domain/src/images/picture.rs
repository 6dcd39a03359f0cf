//! The description of the images that a job makes. The constructor of each value checks its rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::named::{InvalidValue, named_values};

/// The maximum number of characters (Unicode scalar values) of a prompt.
pub const PROMPT_LIMIT: usize = 4000;

/// The maximum number of images that one job makes.
pub const COUNT_LIMIT: u8 = 4;

named_values! {
    /// The provider that the caller asks for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
    pub enum ProviderChoice {
        /// OpenAI, on the model that stands for DALL·E 3.
        Dalle3 = "dalle3",
        /// OpenAI, on the model that stands for DALL·E 2.
        Dalle2 = "dalle2",
        /// OpenAI's GPT Image models.
        GptImage = "gpt_image",
        /// Stable Diffusion, self-hosted or hosted.
        StableDiffusion = "stable_diffusion",
        /// Midjourney, through the operator's proxy.
        Midjourney = "midjourney",
        /// Whichever provider can make exactly what was asked for.
        #[default]
        Automatic = "automatic",
    }
}

named_values! {
    /// The size of an image, in pixels.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
    pub enum Size {
        /// 256 by 256.
        S256 = "256x256",
        /// 512 by 512.
        #[default]
        S512 = "512x512",
        /// 1024 by 1024.
        S1024 = "1024x1024",
        /// 1792 wide, 1024 high (7:4).
        Wide1792 = "1792x1024",
        /// 1024 wide, 1792 high (4:7).
        Tall1792 = "1024x1792",
        /// 1024 wide, 576 high (16:9).
        Wide1024 = "1024x576",
        /// 576 wide, 1024 high (9:16).
        Tall1024 = "576x1024",
    }
}

impl Size {
    /// Width and height in pixels.
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

named_values! {
    /// How much care the provider should take.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
    pub enum Quality {
        /// The provider's ordinary quality.
        #[default]
        Standard = "standard",
        /// Finer, slower, dearer.
        Hd = "hd",
    }
}

named_values! {
    /// The look of the image.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
    pub enum Style {
        /// Dramatic.
        Vivid = "vivid",
        /// Plain.
        Natural = "natural",
    }
}

/// The text to draw: 1 to [`PROMPT_LIMIT`] characters, not blank.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prompt(String);

impl Prompt {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Prompt {
    type Error = InvalidValue;
    fn try_from(text: String) -> Result<Self, InvalidValue> {
        // Every character takes at least one byte, so the characters of a short text are not counted.
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
    /// Hides the text: a prompt is the user's, and must not appear in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prompt({} bytes)", self.0.len())
    }
}

/// A number of images: 1 to [`COUNT_LIMIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Count(u8);

impl Count {
    pub const ONE: Self = Self(1);

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

/// The images to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    pub prompt: Prompt,
    pub provider: ProviderChoice,
    pub size: Size,
    pub count: Count,
    pub quality: Quality,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_length_counts_characters_not_bytes() {
        assert!(Prompt::try_from("ü".repeat(PROMPT_LIMIT)).is_ok());
        assert!(Prompt::try_from("ü".repeat(PROMPT_LIMIT + 1)).is_err());
        assert!(Prompt::try_from(" \n\t".to_owned()).is_err());
    }

    #[test]
    fn count_is_one_to_four() {
        assert!(Count::try_from(0).is_err());
        assert_eq!(Count::try_from(4).map(Count::get), Ok(4));
        assert!(Count::try_from(5).is_err());
    }
}
