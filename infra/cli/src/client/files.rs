//! What downloaded images are called.

/// Longer names are cut at a word.
const LONGEST: usize = 48;

/// `a-lighthouse-at-dusk-0f3a9c21.png`: the prompt for people, the job's id for uniqueness.
pub(crate) fn name(prompt: &str, job: &str, number: usize, of: usize, format: &str) -> String {
    let mut words = String::new();
    for word in prompt.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        if !words.is_empty() && words.len() + 1 + word.len() > LONGEST {
            break;
        }
        if !words.is_empty() {
            words.push('-');
        }
        words.extend(word.chars().take(LONGEST));
    }
    if words.is_empty() {
        words.push_str("image");
    }
    // The front of a UUIDv7 is its time, the same for jobs made together; its end is random.
    let id: String = job.chars().filter(char::is_ascii_alphanumeric).collect();
    let id = &id[id.len().saturating_sub(8)..];
    let count = if of > 1 { format!("-{number}") } else { String::new() };
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
    fn a_name_says_what_it_is() {
        assert_eq!(name("A lighthouse, at dusk!", JOB, 1, 1, "png"), "a-lighthouse-at-dusk-0f3a9c21.png");
        assert_eq!(name("cat", JOB, 2, 3, "jpeg"), "cat-0f3a9c21-2.jpg");
    }

    #[test]
    fn no_prompt_leaves_the_folder_or_the_file_systems_limits() {
        assert_eq!(name("../../etc/passwd", JOB, 1, 1, "png"), "etc-passwd-0f3a9c21.png");
        assert_eq!(name("?!", JOB, 1, 1, "../x"), "image-0f3a9c21.png");
        assert!(name(&"long ".repeat(1000), JOB, 1, 1, "png").len() < 80);
        // A character of a name may take four bytes, and a name at most 255.
        assert!(name(&"語".repeat(4000), JOB, 1, 1, "png").len() < 255);
    }
}
