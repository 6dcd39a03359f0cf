//! The server's answer with images.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use domain::providers::{ErrorClass, ProviderError, Reason};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::call::Answer;
use crate::reading::lenient::{self, Fields};
use crate::reading::{as_json, bare_picture, decode_base64};

/// Images, still encoded, and their metadata.
pub(super) struct MadeImages<'a> {
    images: Vec<&'a RawValue>,
    pub(super) info: Info,
}

/// The server's metadata of its images. Versions and forks differ in all of it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Info {
    seeds: Vec<Option<u64>>,
    first_seed: Option<u64>,
    /// How many other images precede the job's.
    skip: usize,
    pub(super) model: Option<String>,
    hash: Option<String>,
}

/// The body as an answer with images, if it is the image itself; else the body. Its details are mended if it cannot
/// be read otherwise.
pub(super) fn as_answer(body: Bytes) -> Bytes {
    match bare_picture(&body) {
        Some(picture) => format!(r#"{{"images":["{}"]}}"#, BASE64_STANDARD.encode(&picture)).into(),
        None => as_json(body),
    }
}

/// The last `count` images in an answer: a grid of all of them may precede them.
pub(super) fn read(body: &Bytes, count: usize) -> Result<MadeImages<'_>, ProviderError> {
    // Texts of some megabytes each, decoded one by one.
    let fields = Fields::read(body).unwrap_or_default();
    let images: Option<Vec<&RawValue>> =
        fields.raw("images").and_then(|images| serde_json::from_str(images.get()).ok());
    let images =
        images.ok_or_else(|| Answer::unusable("the server answered something else than JSON with images"))?;
    let info = Info::read(&fields.value("info"));
    // Never skips so many that fewer than `count` remain.
    let skip = info.skip.min(images.len().saturating_sub(count));
    Ok(MadeImages { images: images.into_iter().skip(skip).collect(), info })
}

impl MadeImages<'_> {
    /// The image number `n`, from 0.
    pub(super) fn image(&self, n: usize) -> Result<Bytes, ProviderError> {
        let image =
            self.images.get(n).ok_or_else(|| Answer::without_image("the server sent too few images"))?;
        lenient::text(image)
            .and_then(|text| decode_base64(&text))
            .ok_or_else(|| Answer::unusable("the server sent an image that is not base64"))
    }
}

impl Info {
    /// Reads JSON in a string, as the server writes it, or JSON itself; anything else as empty.
    fn read(info: &Value) -> Self {
        let parsed;
        let info = match info.as_str() {
            Some(text) => {
                parsed = lenient::read(text.as_bytes()).unwrap_or(Value::Null);
                &parsed
            }
            None => info,
        };
        let text = |name: &str| info[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let seeds = info["all_seeds"].as_array();
        Self {
            seeds: seeds.map(|seeds| seeds.iter().map(Value::as_u64).collect()).unwrap_or_default(),
            first_seed: info["seed"].as_u64(),
            skip: info["index_of_first_image"].as_u64().map_or(0, |skip| skip as usize),
            model: text("sd_model_name"),
            hash: text("sd_model_hash"),
        }
    }

    /// The seed of image number `n`. That of the first is in two places.
    pub(super) fn seed(&self, n: usize) -> Option<u64> {
        let listed = self.seeds.get(n).copied().flatten();
        if n == 0 { listed.or(self.first_seed) } else { listed }
    }

    /// Fails if the server used another model than the operator wants: some versions silently keep the loaded
    /// one. Some do not report the model; these pass.
    pub(super) fn check_model(&self, wanted: Option<&str>) -> Result<(), ProviderError> {
        let (Some(wanted), Some(used)) = (wanted, &self.model) else { return Ok(()) };
        // For example `sdxl/base.safetensors [31e35c80fc]`.
        let (wanted_name, wanted_hash) = match wanted.split_once('[') {
            Some((name, hash)) => (name, Some(hash.trim_end_matches(']').trim())),
            None => (wanted, None),
        };
        let same_hash =
            wanted_hash.is_some_and(|hash| !hash.is_empty() && self.hash.as_deref() == Some(hash));
        if same_hash || stem(wanted_name) == stem(used) {
            return Ok(());
        }
        let message = "the server made the image with another checkpoint than the one that is configured";
        Err(ProviderError::new(ErrorClass::Operator, Reason::ModelGone, message))
    }
}

/// A checkpoint's name without its folder and file type.
fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name).trim().to_ascii_lowercase();
    let types = [".safetensors", ".ckpt", ".gguf", ".pt"];
    types.iter().find_map(|kind| file.strip_suffix(kind)).unwrap_or(&file).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn check_model_ignores_folder_type_and_hash() {
        let info = |name: &str, hash: &str| Info {
            model: Some(name.into()),
            hash: Some(hash.into()),
            ..Info::default()
        };
        let base = info("sd_xl_base_1.0", "31e35c80fc");
        for wanted in [
            "sd_xl_base_1.0",
            "SD_XL_base_1.0.safetensors",
            "sdxl/sd_xl_base_1.0.safetensors [31e35c80fc]",
            "sdxl\\sd_xl_base_1.0.ckpt",
            "renamed.safetensors [31e35c80fc]",
        ] {
            assert!(base.check_model(Some(wanted)).is_ok(), "{wanted}");
        }
        for wanted in ["dreamshaper_8", "sd_xl_base_1", "sd_xl_base_1.0x", "other [0000000000]", "other []"] {
            assert_eq!(base.check_model(Some(wanted)).unwrap_err().reason, Reason::ModelGone, "{wanted}");
        }
        assert!(base.check_model(None).is_ok());
        assert!(Info::default().check_model(Some("any")).is_ok());
    }

    #[test]
    fn info_is_read_from_text_or_json_and_is_optional() {
        let info = json!({"seed": 41, "all_seeds": [41, "x", 43], "index_of_first_image": 1});
        let text = Info::read(&Value::String(info.to_string()));
        assert_eq!(text, Info::read(&info));
        assert_eq!(
            (text.seed(0), text.seed(1), text.seed(2), text.seed(3)),
            (Some(41), None, Some(43), None)
        );
        assert_eq!(Info::read(&json!({"seed": 7})).seed(0), Some(7));
        for garbage in [json!(null), json!("{"), json!(""), json!([1]), json!("\"x\""), json!({"seed": -1})] {
            assert_eq!(Info::read(&garbage), Info::default(), "{garbage}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}", n in 0u64..9) {
            for body in [
                bytes,
                text.clone().into_bytes(),
                json!({"images": [text.clone(), n, null], "info": text}).to_string().into_bytes(),
                json!({"images": [text], "info": {"index_of_first_image": n, "all_seeds": n}}).to_string().into(),
            ] {
                if let Ok(made) = read(&body.into(), 2) {
                    let _ = (made.image(0).is_ok(), made.image(7).is_ok(), made.info.seed(1));
                    let _ = made.info.check_model(Some("x"));
                }
            }
        }
    }
}
