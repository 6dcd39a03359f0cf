//! What models can make, how they are asked for it, and what it costs: the data of `models.json`.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::images::{Picture, Quality, Size, Style};
use domain::primitives::Word as _;
use domain::providers::Unable;
use serde::Deserialize;

#[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
static MODELS: LazyLock<Models> = LazyLock::new(|| {
    serde_json::from_str(include_str!("models.json")).expect("models.json is what Models describes")
});

/// All of the file.
pub(crate) fn models() -> &'static Models {
    &MODELS
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Models {
    /// What stands after the prompt for a style that the provider has no field for.
    style_words: HashMap<Style, String>,
    /// OpenAI and everything that speaks its language.
    pub(crate) openai: OpenAi,
    /// Stability.
    pub(crate) stability: Stability,
    /// Stable Diffusion on a server of one's own.
    pub(crate) stable_diffusion: StableDiffusion,
    /// Models that chat.
    pub(crate) chat: Chat,
}

/// What a model can make: the part that is the same for every provider.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// How the ids of its models begin.
    pub(crate) prefixes: Vec<String>,
    /// The most images that one call makes.
    pub(crate) per_call: u8,
    /// What is asked of the provider for each of our sizes.
    sizes: HashMap<Size, String>,
    /// The provider's word for each of our qualities, if it is told one.
    quality: HashMap<Quality, Option<String>>,
    /// How it is told of a style.
    pub(crate) style: StyleBy,
    /// The most characters of a prompt, words for the style included.
    prompt_limit: usize,
    /// What it costs; nothing, if left out.
    #[serde(default)]
    pub(crate) prices: Prices,
}

/// How a provider is told of a style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StyleBy {
    /// By a field of its own, in our words.
    Field,
    /// By words after the prompt.
    Prompt,
}

/// What a model costs.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Prices {
    /// By tokens, where the provider says how many it used.
    pub(crate) tokens: Option<TokenRates>,
    /// US dollars an image, by our quality and what is asked for as its size.
    #[serde(default)]
    image: HashMap<Quality, HashMap<String, f64>>,
}

/// US dollars a million tokens, which is as many micros a token.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenRates {
    /// Of the prompt.
    pub(crate) text_input: f64,
    /// Of the prompt, where the provider remembers it; as without, if left out.
    pub(crate) cached_text_input: Option<f64>,
    /// Of images that are sent along.
    pub(crate) image_input: f64,
    /// Of the images that are made.
    pub(crate) output: f64,
}

/// OpenAI and everything that speaks its language.
#[derive(Debug, Deserialize)]
pub(crate) struct OpenAi {
    /// Which model stands for each name of the contract, unless the operator says otherwise.
    pub(crate) models: OpenAiNames,
    rows: Vec<OpenAiRow>,
}

/// The contract's names for OpenAI's models.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct OpenAiNames {
    pub(crate) dalle3: String,
    pub(crate) dalle2: String,
    pub(crate) gpt_image: String,
}

/// A row, and the dialect that its models speak.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenAiRow {
    /// Which fields are sent.
    pub(crate) dialect: Dialect,
    /// Whether it is for models of its dialect that no prefix fits.
    #[serde(default)]
    for_unknown: bool,
    /// What its models can make.
    #[serde(flatten)]
    pub(crate) row: Row,
}

/// Which fields `/images/generations` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dialect {
    /// Of the GPT Image models.
    GptImage,
    /// Of DALL·E, which compatible services still speak.
    Dalle,
    /// The least that LocalAI and Ollama understand.
    Local,
}

/// Stability's models.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stability {
    credit_usd: f64,
    /// Stable Image Core.
    pub(crate) core: Credited,
    /// Stable Image Ultra.
    pub(crate) ultra: Credited,
    /// The ratio that is asked for instead of a size.
    pub(crate) ratios: HashMap<Size, String>,
    /// The preset that a style is.
    pub(crate) presets: HashMap<Style, String>,
}

impl Stability {
    /// What one image costs, in micros.
    pub(crate) fn image_micros(&self, model: &Credited) -> u64 {
        (model.credits * self.credit_usd * 1e6).round() as u64
    }
}

/// A model that is paid for in credits.
#[derive(Debug, Deserialize)]
pub(crate) struct Credited {
    /// What it is called.
    pub(crate) id: String,
    credits: f64,
}

/// Stable Diffusion on a server of one's own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StableDiffusion {
    /// What stands after the prompt for a style: the tags that such models were trained on.
    pub(crate) style_words: HashMap<Style, String>,
}

/// Models that chat.
#[derive(Debug, Deserialize)]
pub(crate) struct Chat {
    reasoning: Vec<String>,
}

impl Row {
    /// Whether its models can make this very picture.
    pub(crate) fn fits(&self, picture: &Picture) -> Result<(), Unable> {
        if !self.sizes.contains_key(&picture.size) {
            return Err(Unable::because(format!("its model cannot make {}", picture.size.as_str())));
        }
        if !self.quality.contains_key(&picture.quality) {
            return Err(Unable::because(format!("its model has no quality {}", picture.quality.as_str())));
        }
        if self.prompt(picture).chars().count() > self.prompt_limit {
            let limit = self.prompt_limit;
            return Err(Unable::because(format!("its model takes prompts of at most {limit} characters")));
        }
        Ok(())
    }

    /// What is asked of the provider for this size; none if its models cannot make it.
    pub(crate) fn size(&self, size: Size) -> Option<&str> {
        self.sizes.get(&size).map(String::as_str)
    }

    /// The provider's word for this quality, if it is told one.
    pub(crate) fn quality(&self, quality: Quality) -> Option<&str> {
        self.quality.get(&quality)?.as_deref()
    }

    /// The prompt as the provider is told it.
    pub(crate) fn prompt(&self, picture: &Picture) -> String {
        let prompt = picture.prompt.as_str();
        match (self.style, picture.style) {
            (StyleBy::Prompt, Some(style)) => match models().style_words.get(&style) {
                Some(words) => format!("{prompt}\n\n{words}"),
                None => prompt.to_owned(),
            },
            (StyleBy::Field, _) | (_, None) => prompt.to_owned(),
        }
    }

    /// What one such image costs by the table, in micros; 0 where the table has no price.
    pub(crate) fn image_micros(&self, picture: &Picture) -> u64 {
        let by_size = self.prices.image.get(&picture.quality);
        let usd = by_size.zip(self.size(picture.size)).and_then(|(prices, size)| prices.get(size));
        usd.map_or(0, |usd| (usd * 1e6).round() as u64)
    }
}

/// The row with the longest prefix of `model` among `rows`.
pub(crate) fn longest_prefix<'a, R: AsRef<Row>>(
    rows: impl IntoIterator<Item = &'a R>,
    model: &str,
) -> Option<&'a R> {
    let fits = |row: &'a R| {
        let prefixes = row.as_ref().prefixes.iter();
        let longest = prefixes.filter(|prefix| model.starts_with(prefix.as_str())).map(String::len).max()?;
        Some((longest, row))
    };
    rows.into_iter().filter_map(fits).max_by_key(|(longest, _)| *longest).map(|(_, row)| row)
}

impl AsRef<Row> for Row {
    fn as_ref(&self) -> &Row {
        self
    }
}

impl AsRef<Row> for OpenAiRow {
    fn as_ref(&self) -> &Row {
        &self.row
    }
}

impl OpenAi {
    /// The row for `model`. If the operator names the dialect, it is a row of that dialect, whatever
    /// the model is called; a model that is not known is taken to be like the newest.
    pub(crate) fn row(&self, model: &str, dialect: Option<Dialect>) -> Option<&OpenAiRow> {
        let speaks = |row: &&OpenAiRow| dialect.is_none_or(|dialect| row.dialect == dialect);
        longest_prefix(self.rows.iter().filter(speaks), model).or_else(|| {
            let dialect = dialect.unwrap_or(Dialect::GptImage);
            self.rows.iter().find(|row| row.for_unknown && row.dialect == dialect)
        })
    }
}

impl Chat {
    /// Whether `model` thinks before it speaks, and therefore takes no temperature.
    pub(crate) fn is_reasoning(&self, model: &str) -> bool {
        self.reasoning.iter().any(|prefix| model.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests;
