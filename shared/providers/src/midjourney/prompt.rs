//! The prompt for Midjourney: the user's words without commands, and our own flags.
//!
//! Midjourney reads commands from the prompt: `--repeat 40` is forty paid jobs, braces are one job for each
//! choice in them, and an address at the beginning is an image to start from. A user must not use these.

use domain::images::{Picture, Quality, Size, Style};

use super::settings::Settings;

/// The prompt to submit; `None` if the user's consists of commands only.
pub(super) fn prompt(picture: &Picture, settings: &Settings) -> Option<String> {
    let words = without_commands(picture.prompt.as_str());
    if words.is_empty() {
        return None;
    }
    let flags = settings.flags();
    let quality = match picture.quality {
        Quality::Standard => &flags.standard,
        Quality::Hd => &flags.hd,
    };
    let style = match picture.style {
        Some(Style::Vivid) => flags.vivid.as_str(),
        Some(Style::Natural) => flags.natural.as_str(),
        None => "",
    };
    let ratio = format!("--ar {}", ratio(picture.size));
    let version = format!("--v {}", settings.version);
    let parts = [&words, &ratio, quality.as_str(), style, &version, settings.speed.flag()];
    Some(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
}

const fn ratio(size: Size) -> &'static str {
    match size {
        Size::S256 | Size::S512 | Size::S1024 => "1:1",
        Size::Wide1792 => "7:4",
        Size::Tall1792 => "4:7",
        Size::Wide1024 => "16:9",
        Size::Tall1024 => "9:16",
    }
}

/// The user's words. Like Midjourney, it reads everything after the first flag as flags and their values:
/// the rest of `--no dogs` must not become a request for dogs.
fn without_commands(prompt: &str) -> String {
    let words = prompt
        .split_whitespace()
        .skip_while(|word| is_address(word))
        .take_while(|word| !is_flag(word))
        .map(neutralized);
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn is_address(word: &str) -> bool {
    let word = word.trim_start_matches(|character: char| !character.is_alphanumeric());
    ["http:", "https:", "s.mj.run"].iter().any(|beginning| {
        word.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    })
}

/// A long dash counts too: proxies and phones turn two hyphens into one, and back.
fn is_flag(word: &str) -> bool {
    let rest = word.strip_prefix("--").or_else(|| word.strip_prefix('—'));
    rest.is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
}

/// The word without the commands that work inside one.
fn neutralized(word: &str) -> String {
    let mut result = String::with_capacity(word.len());
    for character in word.chars() {
        match character {
            '{' => result.push('('),
            '}' => result.push(')'),
            '-' | '–' | '—' => {
                if !result.ends_with('-') {
                    result.push('-');
                }
            }
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_are_removed_and_words_kept() {
        for (prompt, expected) in [
            ("a red kite over dunes", "a red kite over dunes"),
            ("a kite --repeat 40", "a kite"),
            ("a kite --ar 2:1 --no dogs, cats --v 5", "a kite"),
            ("a kite\n--repeat\t40", "a kite"),
            ("a kite —repeat 40", "a kite"),
            ("a kite --R 40 over dunes", "a kite"),
            ("https://evil.example/a.png a kite", "a kite"),
            ("HTTP://a.example/1.png <https://b.example/2.png> a kite", "a kite"),
            ("s.mj.run/abc a kite", "a kite"),
            ("a kite from https://kites.example", "a kite from https://kites.example"),
            ("a {red, green, blue} kite", "a (red, green, blue) kite"),
            ("well-known --- a kite -- in the sky", "well-known - a kite - in the sky"),
            ("he said--and left—so did I 1990–95", "he said-and left-so did I 1990-95"),
            ("a kite \u{a0}--tile", "a kite"),
            ("--repeat 40 a kite", ""),
            ("https://evil.example/a.png", ""),
            ("https://evil.example/a.png --chaos 3", ""),
        ] {
            assert_eq!(without_commands(prompt), expected, "{prompt}");
        }
    }

    proptest! {
        #[test]
        fn no_flag_address_or_choice_remains(
            parts in prop::collection::vec(
                prop_oneof![
                    "[ \\t\\n]{0,2}(-{1,4}|—|–){0,3}[a-z0-9:{}]{0,6}",
                    "https?://[a-z]{1,5}\\.example[ ]",
                    "<?S\\.MJ\\.run/[a-z]{1,5}>? ",
                    ".{0,8}",
                ],
                0..12,
            ),
        ) {
            let left = without_commands(&parts.concat());
            prop_assert!(!left.contains("--") && !left.contains(['—', '–', '{', '}', '\n']), "{left}");
            prop_assert!(!left.split(' ').next().is_some_and(is_address), "{left}");
            prop_assert!(left.split(' ').all(|word| !is_flag(word)), "{left}");
            // A second pass changes nothing.
            prop_assert_eq!(without_commands(&left), left);
        }
    }
}
