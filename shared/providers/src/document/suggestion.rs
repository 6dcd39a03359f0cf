//! Suggests the known name that a misspelt one was meant to be.

/// The least similarity of two names, from 0 to 1, to suggest one for the other. A common beginning counts
/// most.
const MIN_SIMILARITY: f64 = 0.8;
/// The most characters of an unknown name that are compared and shown.
const MAX_CHARS: usize = 40;

/// Says that `name` is unknown, and which of the `known` names it is likely to be.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    let similarity = |one: &&&str| strsim::jaro_winkler(&normalized(name), &normalized(one));
    match known.iter().max_by(|one, other| similarity(one).total_cmp(&similarity(other))) {
        Some(nearest) if similarity(&nearest) >= MIN_SIMILARITY => {
            format!("is unknown; did you mean {nearest}?")
        }
        Some(_) => format!("is unknown; known are {}", known.join(", ")),
        None => "is unknown; there is nothing to say here".to_owned(),
    }
}

/// A name without control characters, for a terminal.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect()
}

/// Letters and digits in lower case: `stable_diffusion` equals `StableDiffusion`.
fn normalized(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(MAX_CHARS).collect()
}
