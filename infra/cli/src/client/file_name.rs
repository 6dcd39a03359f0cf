//! The file names of downloaded images.

/// The maximum length of the part that comes from the prompt, which is cut at a word.
const MAX_PROMPT_LEN: usize = 48;

/// Returns a name such as `a-lighthouse-at-dusk-0f3a9c21.png`: the prompt makes it readable, the end of the
/// job's id makes it unique.
pub(crate) fn image_file_name(prompt: &str, job: &str, number: usize, total: usize, format: &str) -> String {
    let mut words = String::new();
    for word in prompt.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        if !words.is_empty() && words.len() + 1 + word.len() > MAX_PROMPT_LEN {
            break;
        }
        if !words.is_empty() {
            words.push('-');
        }
        words.extend(word.chars().take(MAX_PROMPT_LEN));
    }
    if words.is_empty() {
        words.push_str("image");
    }
    // A UUIDv7 begins with its time, which jobs of the same moment share. Its end is random.
    let id: String = job.chars().filter(char::is_ascii_alphanumeric).collect();
    let id = &id[id.len().saturating_sub(8)..];
    let count = if total > 1 { format!("-{number}") } else { String::new() };
    let extension = match format {
        "jpeg" => "jpg",
        "webp" => "webp",
        _ => "png",
    };
    format!("{words}-{id}{count}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "0199c0de-0000-7000-8000-00000f3a9c21";

    #[test]
    fn file_name_holds_prompt_id_and_number() {
        assert_eq!(
            image_file_name("A lighthouse, at dusk!", JOB, 1, 1, "png"),
            "a-lighthouse-at-dusk-0f3a9c21.png"
        );
        assert_eq!(image_file_name("cat", JOB, 2, 3, "jpeg"), "cat-0f3a9c21-2.jpg");
    }

    #[test]
    fn file_name_is_safe_for_any_prompt() {
        assert_eq!(image_file_name("../../etc/passwd", JOB, 1, 1, "png"), "etc-passwd-0f3a9c21.png");
        assert_eq!(image_file_name("?!", JOB, 1, 1, "../x"), "image-0f3a9c21.png");
        assert!(image_file_name(&"long ".repeat(1000), JOB, 1, 1, "png").len() < 80);
        // A character can take four bytes, and file systems allow 255 bytes.
        assert!(image_file_name(&"語".repeat(4000), JOB, 1, 1, "png").len() < 255);
    }
}
