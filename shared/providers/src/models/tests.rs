use domain::images::{Count, Prompt, ProviderChoice};

use super::*;

fn picture(size: Size, quality: Quality, style: Option<Style>, prompt: &str) -> Picture {
    Picture {
        prompt: Prompt::try_from(prompt.to_owned()).unwrap(),
        provider: ProviderChoice::GptImage,
        size,
        count: Count::ONE,
        quality,
        style,
    }
}

fn row(model: &str, dialect: Option<Dialect>) -> &'static OpenAiRow {
    models().openai.row(model, dialect).unwrap()
}

/// Width and height in text such as `1280x720`.
fn pixels(size: &str) -> (u32, u32) {
    let (width, height) = size.split_once('x').unwrap();
    (width.parse().unwrap(), height.parse().unwrap())
}

#[test]
fn file_has_a_valid_date() {
    let file: serde_json::Value = serde_json::from_str(include_str!("../models.json")).unwrap();
    let date = file["date"].as_str().unwrap();
    assert!(format!("{date}T00:00:00Z").parse::<domain::Timestamp>().is_ok(), "{date}");
}

#[test]
fn every_style_has_prompt_text() {
    for style in Style::ALL {
        assert!(models().style_words.get(style).is_some_and(|words| !words.is_empty()), "{style:?}");
    }
}

#[test]
fn stability_and_stable_diffusion_cover_all_options() {
    let Models { stability, stable_diffusion, .. } = models();
    for size in Size::ALL {
        let (width, height) = size.pixels();
        let (wide, high) = stability.ratios[size].split_once(':').unwrap();
        let (wide, high): (u32, u32) = (wide.parse().unwrap(), high.parse().unwrap());
        assert_eq!(wide.cmp(&high), width.cmp(&height), "{size:?}");
    }
    for style in Style::ALL {
        assert!(!stability.presets[style].is_empty() && !stable_diffusion.style_words[style].is_empty());
    }
    assert_eq!(stability.image_micros(&stability.core), 30_000);
    assert_eq!(stability.image_micros(&stability.ultra), 80_000);
}

#[test]
fn every_row_has_a_size_and_price_for_all_it_makes() {
    for OpenAiRow { dialect, row, .. } in &models().openai.rows {
        assert!(row.per_call >= 1 && row.prompt_limit >= 1000, "{:?}", row.prefixes);
        for (&size, word) in &row.sizes {
            let (width, height) = pixels(word);
            let (wide, high) = size.pixels();
            assert_eq!(width.cmp(&height), wide.cmp(&high), "{word} for {size:?} has the wrong orientation");
            for &quality in row.quality.keys() {
                let micros = row.image_micros(&picture(size, quality, None, "p"));
                assert_eq!(micros > 0, *dialect != Dialect::Local, "{:?} {size:?} {quality:?}", row.prefixes);
            }
        }
        for prices in row.prices.image.values() {
            for word in prices.keys() {
                assert!(
                    row.sizes.values().any(|size| size == word),
                    "{:?} never asks for {word}",
                    row.prefixes
                );
            }
        }
    }
}

#[test]
fn sizes_are_accepted_by_the_models() {
    for model in ["gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-sunburst"] {
        for &size in Size::ALL {
            let (width, height) = pixels(row(model, None).row.size(size).unwrap());
            assert!(width % 16 == 0 && height % 16 == 0, "{model} {size:?}");
            assert!((655_360..=8_294_400).contains(&(width * height)), "{model} {size:?}");
        }
    }
    for model in ["gpt-image-1.5-2025-12-16", "gpt-image-1-mini", "chatgpt-image-latest", "gpt-image-1"] {
        for &size in Size::ALL {
            let word = row(model, None).row.size(size).unwrap();
            assert!(["1024x1024", "1536x1024", "1024x1536"].contains(&word), "{model} {size:?}");
        }
    }
    for &size in Size::ALL {
        let word = row("dall-e-3", None).row.size(size).unwrap();
        assert!(["1024x1024", "1792x1024", "1024x1792"].contains(&word), "{size:?}");
        let (width, height) = size.pixels();
        let square = row("dall-e-2", None).row.supports(&picture(size, Quality::Standard, None, "p"));
        assert_eq!(square.is_ok(), width == height, "{size:?}");
    }
}

#[test]
fn longest_prefix_wins_and_unknown_is_like_the_newest() {
    let first_prefix = |model, dialect| row(model, dialect).row.prefixes.first().map(String::as_str);
    for (model, prefix) in [
        ("gpt-image-2-2026-04-21", "gpt-image-2"),
        ("gpt-image-2.6-flare", "gpt-image-2.5"),
        ("gpt-image-1-mini", "gpt-image-1-mini"),
        ("gpt-image-1", "gpt-image-1"),
        ("gpt-image-1.5-2025-12-16", "gpt-image-1.5"),
        ("dall-e-2", "dall-e-2"),
        ("gpt-image-3-comet", "gpt-image-2.5"),
        ("something-else", "gpt-image-2.5"),
    ] {
        assert_eq!(first_prefix(model, None), Some(prefix), "{model}");
    }
    assert_eq!(first_prefix("something-else", Some(Dialect::Dalle)), Some("dall-e-3"));
    assert_eq!(first_prefix("gpt-image-2", Some(Dialect::Dalle)), Some("dall-e-3"));
    assert_eq!(first_prefix("gpt-image-2", Some(Dialect::Local)), None);
}

#[test]
fn each_dialect_has_one_row_for_unknown_models() {
    for dialect in [Dialect::GptImage, Dialect::Dalle, Dialect::Local] {
        let rows = models().openai.rows.iter().filter(|row| row.dialect == dialect && row.for_unknown);
        assert_eq!(rows.count(), 1, "{dialect:?}");
    }
}

#[test]
fn style_is_prompt_text_where_there_is_no_field() {
    let vivid = picture(Size::S1024, Quality::Standard, Some(Style::Vivid), "a kite");
    assert!(row("gpt-image-2", None).row.prompt(&vivid).starts_with("a kite\n\nStyle: vivid"));
    assert_eq!(row("dall-e-3", None).row.prompt(&vivid), "a kite");
}

#[test]
fn prompt_limit_includes_the_style_text() {
    let dalle2 = &row("dall-e-2", None).row;
    let long = "å".repeat(1000);
    assert!(dalle2.supports(&picture(Size::S256, Quality::Standard, None, &long)).is_ok());
    let refused = dalle2.supports(&picture(Size::S256, Quality::Standard, Some(Style::Vivid), &long));
    assert!(refused.unwrap_err().reason.contains("1000 characters"));
    let refused = dalle2.supports(&picture(Size::S256, Quality::Hd, None, "p"));
    assert!(refused.unwrap_err().reason.contains("quality hd"));
}

#[test]
fn reasoning_models_are_known() {
    for (model, reasoning) in
        [("gpt-5.6-luna", true), ("o4-mini", true), ("gpt-4.1", false), ("llama3", false)]
    {
        assert_eq!(models().chat.is_reasoning(model), reasoning, "{model}");
    }
}
