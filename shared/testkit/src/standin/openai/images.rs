//! `POST /v1/images/generations`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::models::{ImageFamily, image_family};
use super::state::{Act, Refusal, State, act, invalid, refusal, with_end};
use crate::standin::picture::{Encoding, painted};
use crate::standin::server::{Asked, Reply};

/// The size in pixels if the request has no readable one.
const LOCAL_SIZE: (u32, u32) = (512, 512);

/// A valid request.
struct Wanted {
    family: ImageFamily,
    count: usize,
    size: (u32, u32),
    quality: String,
    prompt: String,
    by_url: bool,
}

fn user_error(code: &str, param: &str, message: &str) -> Refusal {
    refusal(400, "image_generation_user_error", Some(code), Some(param), message)
}

pub(super) fn generate(state: &mut State, request: &Asked, body: &Value) -> Result<Reply, Refusal> {
    let wanted = check(state, body)?;
    state.requests.push(body.clone());
    let act = act(state, &wanted.prompt);
    if let Some(Act::Answer(reply)) = act {
        return Ok(reply);
    }
    state.paid_calls += 1;
    let base = format!("http://{}", request.header("host").unwrap_or_default());
    let made = make(state, &wanted, act.as_ref(), &base);
    let mut answer = json!({"created": 1_795_380_911, "data": made, "some_new_field": {"x": 1}});
    if gpt(wanted.family) {
        let (width, height) = wanted.size;
        answer["size"] = json!(format!("{width}x{height}"));
        answer["quality"] = json!(wanted.quality);
        answer["output_format"] = json!("png");
        if !matches!(act, Some(Act::NoUsage)) {
            answer["usage"] = usage(&wanted);
        }
    }
    if let Some(Act::Wrapped(wrap)) = act {
        return Ok(wrap(&answer));
    }
    let reply = Reply::json(200, &answer).header("x-request-id", "req_standin");
    Ok(with_end(reply, act))
}

fn check(state: &State, body: &Value) -> Result<Wanted, Refusal> {
    let empty = Map::new();
    let fields = body.as_object().unwrap_or(&empty);
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let model = text("model").ok_or_else(|| invalid(None, Some("model"), "you must provide a model"))?;
    let family = image_family(model, &state.withdrawn).ok_or_else(|| {
        user_error("invalid_value", "model", &format!("The model '{model}' does not exist."))
    })?;
    if family != ImageFamily::Local
        && let Some(unknown) = fields.keys().find(|name| !takes(family, name))
    {
        let message = format!("Unknown parameter: '{unknown}'.");
        return Err(invalid(Some("unknown_parameter"), Some(unknown), &message));
    }
    let (longest, most) = match family {
        ImageFamily::Dalle2 => (1000, 10),
        ImageFamily::Dalle3 => (4000, 1),
        ImageFamily::Gpt1
        | ImageFamily::Gpt2
        | ImageFamily::Gpt25
        | ImageFamily::Gpt26
        | ImageFamily::Local => (32_000, 10),
    };
    let prompt = text("prompt").unwrap_or_default();
    if prompt.trim().is_empty() || prompt.chars().count() > longest {
        return Err(invalid(Some("invalid_value"), Some("prompt"), "Invalid 'prompt'."));
    }
    let count = match fields.get("n") {
        None => 1,
        Some(n) => n
            .as_u64()
            .filter(|n| (1..=most).contains(n))
            .ok_or_else(|| invalid(Some("invalid_value"), Some("n"), "Invalid value: 'n'."))?
            as usize,
    };
    if gpt(family) {
        values(family, fields)?;
    }
    if fields.get("user").is_some_and(|user| !user.is_string()) {
        return Err(invalid(Some("invalid_type"), Some("user"), "Invalid type for 'user'."));
    }
    Ok(Wanted {
        family,
        count,
        size: size(family, text("size"))?,
        quality: quality(family, text("quality"))?,
        prompt: drawn(family, prompt),
        by_url: by_url(family, text("response_format"), text("style"))?,
    })
}

const fn gpt(family: ImageFamily) -> bool {
    matches!(family, ImageFamily::Gpt1 | ImageFamily::Gpt2 | ImageFamily::Gpt25 | ImageFamily::Gpt26)
}

/// Checks the fields that only the GPT Image models have.
fn values(family: ImageFamily, fields: &Map<String, Value>) -> Result<(), Refusal> {
    let wrong = |name: &str| Err(user_error("invalid_value", name, &format!("Invalid value for '{name}'.")));
    let one_of = |name: &str, words: &[&str]| match fields.get(name) {
        Some(value) if !value.as_str().is_some_and(|word| words.contains(&word)) => wrong(name),
        Some(_) | None => Ok(()),
    };
    let formats = ["png", "jpeg", "webp", "gif", "svg"];
    one_of("output_format", if family == ImageFamily::Gpt26 { &formats } else { &formats[..3] })?;
    one_of("background", &["auto", "transparent", "opaque"])?;
    one_of("moderation", &["auto", "low"])?;
    let format = fields.get("output_format").and_then(Value::as_str).unwrap_or("png");
    if fields.get("background").is_some_and(|word| word == "transparent")
        && !["png", "webp"].contains(&format)
    {
        return wrong("background");
    }
    match fields.get("output_compression") {
        Some(percent) if !["jpeg", "webp"].contains(&format) || percent.as_u64().is_none_or(|n| n > 100) => {
            wrong("output_compression")
        }
        Some(_) | None => Ok(()),
    }
}

/// LocalAI draws the text before the bar; the rest is the negative prompt.
fn drawn(family: ImageFamily, prompt: &str) -> String {
    match (family, prompt.split_once('|')) {
        (ImageFamily::Local, Some((drawn, _))) => drawn.to_owned(),
        _ => prompt.to_owned(),
    }
}

fn takes(family: ImageFamily, field: &str) -> bool {
    const GPT: [&str; 7] =
        ["background", "moderation", "output_compression", "output_format", "partial_images", "stream", "n"];
    let own = match family {
        ImageFamily::Gpt1 | ImageFamily::Gpt2 | ImageFamily::Gpt25 => GPT.contains(&field),
        ImageFamily::Gpt26 => GPT.contains(&field) || field == "complexity",
        ImageFamily::Dalle3 => ["response_format", "style", "n"].contains(&field),
        ImageFamily::Dalle2 | ImageFamily::Local => ["response_format", "n"].contains(&field),
    };
    own || ["model", "prompt", "size", "quality", "user"].contains(&field)
}

fn size(family: ImageFamily, text: Option<&str>) -> Result<(u32, u32), Refusal> {
    let pair = text.and_then(|text| {
        let (width, height) = text.split_once('x')?;
        Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?))
    });
    let wrong = |message: &str| Err(user_error("invalid_value", "size", message));
    match (family, pair) {
        (ImageFamily::Local, pair) => Ok(pair.unwrap_or(LOCAL_SIZE)),
        (_, None) => wrong("Invalid size."),
        (ImageFamily::Gpt1, Some(pair)) => match pair {
            (1024, 1024) | (1536, 1024) | (1024, 1536) => Ok(pair),
            _ => Err(invalid(Some("invalid_value"), Some("size"), "Invalid value for 'size'.")),
        },
        (ImageFamily::Dalle3, Some(pair)) => match pair {
            (1024, 1024) | (1792, 1024) | (1024, 1792) => Ok(pair),
            _ => Err(invalid(Some("invalid_size"), None, "The size is not supported by this model.")),
        },
        (ImageFamily::Dalle2, Some(pair)) => match pair {
            (256, 256) | (512, 512) | (1024, 1024) => Ok(pair),
            _ => Err(invalid(Some("invalid_size"), None, "The size is not supported by this model.")),
        },
        (_, Some((width, height))) => {
            let (long, short) = (width.max(height), width.min(height));
            if width % 16 != 0 || height % 16 != 0 {
                wrong("Width and height must both be divisible by 16.")
            } else if long > 3840 {
                wrong("The longest edge must be ≤ 3840.")
            } else if long > 3 * short {
                wrong("The ratio must be at most 3:1.")
            } else if u64::from(width) * u64::from(height) < 655_360 {
                wrong("The size is below the current minimum pixel budget.")
            } else if u64::from(width) * u64::from(height) > 8_294_400 {
                wrong("The size exceeds the current pixel budget.")
            } else {
                Ok((width, height))
            }
        }
    }
}

fn quality(family: ImageFamily, word: Option<&str>) -> Result<String, Refusal> {
    let allowed: &[&str] = match family {
        ImageFamily::Gpt1 | ImageFamily::Gpt2 => &["auto", "low", "medium", "high"],
        ImageFamily::Gpt25 | ImageFamily::Gpt26 => &["auto", "low", "medium", "high", "xhigh", "max"],
        ImageFamily::Dalle3 => &["standard", "hd"],
        ImageFamily::Dalle2 => &["standard"],
        ImageFamily::Local => return Ok(String::new()),
    };
    match word {
        None => Ok(allowed[0].to_owned()),
        Some(word) if allowed.contains(&word) => Ok(word.to_owned()),
        Some(_) => Err(user_error("invalid_value", "quality", "Invalid value for 'quality'.")),
    }
}

fn by_url(family: ImageFamily, format: Option<&str>, style: Option<&str>) -> Result<bool, Refusal> {
    if matches!(style, Some(style) if style != "vivid" && style != "natural") {
        return Err(invalid(Some("invalid_value"), Some("style"), "Invalid value for 'style'."));
    }
    match (family, format) {
        (ImageFamily::Dalle2 | ImageFamily::Dalle3 | ImageFamily::Local, None | Some("url")) => Ok(true),
        (_, None | Some("b64_json")) => Ok(false),
        (_, Some(_)) => {
            Err(invalid(Some("invalid_value"), Some("response_format"), "Invalid 'response_format'."))
        }
    }
}

fn make(state: &mut State, wanted: &Wanted, act: Option<&Act>, base: &str) -> Vec<Value> {
    let count = match act {
        Some(Act::None) => 0,
        Some(Act::OneLess) => wanted.count - 1,
        Some(Act::OneOfSeveral) => 1,
        _ => wanted.count,
    };
    let size = match act {
        Some(&Act::Sized(width, height)) => (width, height),
        _ => wanted.size,
    };
    let encoding = if matches!(act, Some(Act::Jpeg)) { Encoding::Jpeg } else { Encoding::Png };
    let items = (0..count).map(|number| {
        state.paid_pictures += 1;
        let bytes = painted(size.0, size.1, state.paid_pictures as u64, encoding);
        let mut item = match act {
            Some(Act::EmptyItems) => json!({}),
            Some(Act::EmptyLast) if number + 1 == count => json!({"b64_json": "", "url": ""}),
            Some(Act::Item(item)) => item(&STANDARD.encode(bytes)),
            Some(&Act::ByLaggingUrl(status, times)) => {
                state.pictures.push(bytes);
                json!({"url": format!("{base}/lagging/{status}/{times}/{}", state.pictures.len() - 1)})
            }
            Some(Act::BadBase64) => json!({"b64_json": "this is not base64!"}),
            Some(Act::NoPicture) => json!({"b64_json": STANDARD.encode("<html>not a picture</html>")}),
            Some(Act::ByLapsedUrl) => json!({"url": format!("{base}/pictures/lapsed?sig=canary-signature")}),
            Some(Act::ByForeignUrl(url)) => json!({ "url": url }),
            Some(Act::ByUrl) => by_own_url(state, bytes, base),
            _ if wanted.by_url => by_own_url(state, bytes, base),
            _ => json!({"b64_json": STANDARD.encode(bytes)}),
        };
        if wanted.family == ImageFamily::Dalle3 {
            item["revised_prompt"] = json!(format!("A finely detailed picture: {}", wanted.prompt));
        }
        item
    });
    items.collect()
}

fn by_own_url(state: &mut State, bytes: Vec<u8>, base: &str) -> Value {
    state.pictures.push(bytes);
    json!({"url": format!("{base}/pictures/{}?sig=canary-signature", state.pictures.len() - 1)})
}

/// Tokens as the real models use them: 7024 for a square of high quality, a quarter of that for the next
/// lower.
fn usage(wanted: &Wanted) -> Value {
    let (width, height) = wanted.size;
    let square: u64 = match wanted.quality.as_str() {
        "low" => 196,
        "medium" => 1756,
        "high" | "auto" => 7024,
        _ => 28_096,
    };
    let each = square * u64::from(width) * u64::from(height) / (1024 * 1024);
    let (text, images) = (wanted.prompt.split_whitespace().count() as u64, each * wanted.count as u64);
    json!({
        "total_tokens": text + images, "input_tokens": text, "output_tokens": images,
        "input_tokens_details": {"text_tokens": text, "image_tokens": 0},
        "output_tokens_details": {"image_tokens": images, "text_tokens": 0},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_refuses_values_unknown_to_the_model() {
        let checked = |model: &str, fields: Value| {
            let mut body = json!({"model": model, "prompt": "a kite", "size": "1024x1024"});
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            check(&State::default(), &body).map(|_| ()).map_err(|refusal| refusal.error["param"].clone())
        };
        for fields in [
            json!({"output_format": "webp", "output_compression": 100, "background": "transparent"}),
            json!({"output_format": "jpeg", "moderation": "low"}),
        ] {
            assert_eq!(checked("gpt-image-2", fields), Ok(()));
        }
        assert_eq!(checked("gpt-image-2.6-sunburst", json!({"output_format": "gif"})), Ok(()));
        for (fields, param) in [
            (json!({"output_format": "gif"}), "output_format"),
            (json!({"output_format": 1}), "output_format"),
            (json!({"background": "red"}), "background"),
            (json!({"background": "transparent", "output_format": "jpeg"}), "background"),
            (json!({"moderation": "none"}), "moderation"),
            (json!({"output_compression": 50}), "output_compression"),
            (json!({"output_format": "jpeg", "output_compression": 101}), "output_compression"),
        ] {
            assert_eq!(checked("gpt-image-2", fields), Err(json!(param)), "{param}");
        }
    }
}
