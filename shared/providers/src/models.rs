//! The models' sizes, fields and prices: the data of `models.json`.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::images::{Picture, Quality, Size, Style};
use domain::primitives::NamedValue as _;
use domain::providers::Unsupported;
use serde::Deserialize;

#[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
static MODELS: LazyLock<Models> = LazyLock::new(|| {
    serde_json::from_str(include_str!("models.json")).expect("models.json is what Models describes")
});

/// The whole file.
pub(crate) fn models() -> &'static Models {
    &MODELS
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Models {
    /// The text after the prompt for a style that the provider has no field for.
    style_words: HashMap<Style, String>,
    pub(crate) openai: OpenAi,
    pub(crate) stability: Stability,
    pub(crate) stable_diffusion: StableDiffusion,
    pub(crate) chat: Chat,
}

/// The capabilities and prices of a group of models.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// The beginnings of the models' ids.
    pub(crate) prefixes: Vec<String>,
    /// The most images that one call makes.
    pub(crate) per_call: u8,
    /// The provider's size for each of our sizes.
    sizes: HashMap<Size, String>,
    /// The provider's quality for each of our qualities; `None` to send none.
    quality: HashMap<Quality, Option<String>>,
    pub(crate) style: StyleBy,
    /// The most characters of a prompt, text for the style included.
    prompt_limit: usize,
    /// Free if absent.
    #[serde(default)]
    pub(crate) prices: Prices,
}

/// How a style is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StyleBy {
    /// In its own field, with our values.
    Field,
    /// As text after the prompt.
    Prompt,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Prices {
    /// For answers that report the used tokens.
    pub(crate) tokens: Option<TokenRates>,
    /// US dollars per image, by our quality and the provider's size.
    #[serde(default)]
    image: HashMap<Quality, HashMap<String, f64>>,
}

/// US dollars per million tokens, which is the same number of millionths of a dollar per token.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenRates {
    pub(crate) text_input: f64,
    /// For cached parts of the prompt; the same as `text_input` if absent.
    pub(crate) cached_text_input: Option<f64>,
    pub(crate) image_input: f64,
    /// For images.
    pub(crate) output: f64,
    /// For text beside the images; the same as `output` if absent.
    pub(crate) text_output: Option<f64>,
}

/// OpenAI and compatible services.
#[derive(Debug, Deserialize)]
pub(crate) struct OpenAi {
    /// The default model for each of the contract's names.
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

/// A row, and the dialect of its models.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenAiRow {
    pub(crate) dialect: Dialect,
    /// Whether it is for models of its dialect that match no prefix.
    #[serde(default)]
    for_unknown: bool,
    #[serde(flatten)]
    pub(crate) row: Row,
}

/// The set of fields that `/images/generations` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dialect {
    GptImage,
    /// DALL·E's fields, which compatible services still take.
    Dalle,
    /// The few fields that LocalAI and Ollama take.
    Local,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stability {
    credit_usd: f64,
    /// Stable Image Core.
    pub(crate) core: CreditModel,
    /// Stable Image Ultra.
    pub(crate) ultra: CreditModel,
    /// The ratio for each size.
    pub(crate) ratios: HashMap<Size, String>,
    /// The preset for each style.
    pub(crate) presets: HashMap<Style, String>,
}

impl Stability {
    /// The price of one image, in millionths of a US dollar.
    pub(crate) fn image_micros(&self, model: &CreditModel) -> u64 {
        (model.credits * self.credit_usd * 1e6).round() as u64
    }
}

/// A model with a price in credits.
#[derive(Debug, Deserialize)]
pub(crate) struct CreditModel {
    pub(crate) id: String,
    credits: f64,
}

/// The operator's own Stable Diffusion server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StableDiffusion {
    /// The text after the prompt for each style: tags that such models were trained on.
    pub(crate) style_words: HashMap<Style, String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Chat {
    /// The beginnings of the ids of reasoning models.
    reasoning: Vec<String>,
}

impl Row {
    /// Whether its models can make exactly this picture.
    pub(crate) fn supports(&self, picture: &Picture) -> Result<(), Unsupported> {
        if !self.sizes.contains_key(&picture.size) {
            return Err(Unsupported::because(format!("its model cannot make {}", picture.size.as_str())));
        }
        if !self.quality.contains_key(&picture.quality) {
            return Err(Unsupported::because(format!(
                "its model has no quality {}",
                picture.quality.as_str()
            )));
        }
        if self.prompt(picture).chars().count() > self.prompt_limit {
            let limit = self.prompt_limit;
            return Err(Unsupported::because(format!(
                "its model takes prompts of at most {limit} characters"
            )));
        }
        Ok(())
    }

    /// The provider's size for this size; `None` if its models cannot make it.
    pub(crate) fn size(&self, size: Size) -> Option<&str> {
        self.sizes.get(&size).map(String::as_str)
    }

    /// The provider's quality for this quality, if one is sent.
    pub(crate) fn quality(&self, quality: Quality) -> Option<&str> {
        self.quality.get(&quality)?.as_deref()
    }

    /// The prompt that the provider gets.
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

    /// More than any image of these models costs, in millionths of a US dollar: several times the highest price in
    /// the table, which is for usual images.
    pub(crate) fn most_image_micros(&self) -> f64 {
        let prices = self.prices.image.values().flat_map(HashMap::values).copied();
        (prices.fold(0.0, f64::max) * 4e6).max(1e6)
    }

    /// The table's price of one such image, in millionths of a US dollar; 0 if the table has none.
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
    /// The row for `model`. If the operator configures the dialect, it is a row of that dialect, whatever the
    /// model's id; an unknown model is treated like the newest one.
    pub(crate) fn row(&self, model: &str, dialect: Option<Dialect>) -> Option<&OpenAiRow> {
        let has_dialect = |row: &&OpenAiRow| dialect.is_none_or(|dialect| row.dialect == dialect);
        longest_prefix(self.rows.iter().filter(has_dialect), model).or_else(|| {
            let dialect = dialect.unwrap_or(Dialect::GptImage);
            self.rows.iter().find(|row| row.for_unknown && row.dialect == dialect)
        })
    }
}

impl Chat {
    /// Whether `model` is a reasoning model, which takes no temperature.
    pub(crate) fn is_reasoning(&self, model: &str) -> bool {
        self.reasoning.iter().any(|prefix| model.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests;
