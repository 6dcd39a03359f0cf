//! What a misspelt name was meant to be.

/// How alike two names must be, of 1 for the same: what begins alike counts most.
const LIKENESS: f64 = 0.8;
/// How much of an unknown name is shown.
const SHOWN: usize = 40;

/// Says that nobody knows `name`, and which of the `known` it is likely to be.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    let like = |one: &&&str| strsim::jaro_winkler(&bare(name), &bare(one));
    match known.iter().max_by(|one, other| like(one).total_cmp(&like(other))) {
        Some(nearest) if like(&nearest) >= LIKENESS => format!("is unknown; did you mean {nearest}?"),
        Some(_) => format!("is unknown; known are {}", known.join(", ")),
        None => "is unknown; there is nothing to say here".to_owned(),
    }
}

/// A name as it can be shown on a terminal.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

/// What of a name counts: `stable_diffusion` is the same mistake as `StableDiffusion`.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(SHOWN).collect()
}
