use sha2::{Digest as _, Sha256};

use super::*;

fn brief(prompt: &str) -> Brief<'_> {
    Brief { prompt, width: 96, height: 64, seed: 1, mood: Mood::Plain, detailed: false }
}

fn pixels(brief: &Brief<'_>) -> image::RgbImage {
    image::load_from_memory(&draw(brief).unwrap()).unwrap().into_rgb8()
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The mean difference of two images, in steps of 8 bits.
fn distance(one: &image::RgbImage, other: &image::RgbImage) -> f64 {
    let sum: u64 = one.iter().zip(other.iter()).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    sum as f64 / one.len() as f64
}

/// Hashes the pixels and not the bytes, because a later encoder may compress the same pixels differently.
#[test]
fn pixels_of_known_prompts_have_pinned_hashes() {
    let pinned = [
        ("a lighthouse at dusk", "53d0f7999bd83ded46a53f5ca3e79972b02542dfd4dfe81c863a849edf1d255a"),
        (
            "a cottage in the snowy mountains at night",
            "1831e316e4884c81cdc230384b7b248e4f6686bfb78f2e111286a41ae1602559",
        ),
        ("city in the rain", "00c3d007ff0d36ec3f6c77e1566e598f89e5374174d8e8ca5bd05be5cdba9e93"),
        ("a red kite over dunes", "0d7b1c61eba40eead00513507d154691823d2c2115cc131873fa2c7fbca85898"),
        ("the sound of rainbows", "0b3994a2bf97e81b84f7fe18fde0a21641d114845db33ea7aeb34004492c4063"),
        ("geometric harmony in teal", "8b7df55c04091d1c2e79aecc8493fd887f808aa2423107a6f613f40a2870620b"),
    ];
    let found = pinned.map(|(prompt, _)| (prompt, sha256_hex(&pixels(&brief(prompt)))));
    for ((prompt, pin), (_, hash)) in pinned.iter().zip(&found) {
        assert_eq!(pin, hash, "{prompt}; all: {found:#?}");
    }
}

#[test]
fn same_brief_gives_the_same_bytes() {
    for prompt in ["a lighthouse at dusk", "", "漢字 и 🎈", "!!!"] {
        let brief = brief(prompt);
        assert_eq!(Sha256::digest(draw(&brief).unwrap()), Sha256::digest(draw(&brief).unwrap()), "{prompt}");
    }
}

#[test]
fn prompt_seed_mood_and_detail_change_the_image() {
    let base = pixels(&brief("a lighthouse at dusk"));
    for prompt in
        ["a lighthouse at noon", "a castle at dusk", "a forest at dusk", "seven ideas", "eight ideas"]
    {
        assert!(distance(&base, &pixels(&brief(prompt))) > 6.0, "{prompt}");
    }
    assert!(distance(&pixels(&brief("seven ideas")), &pixels(&brief("eight ideas"))) > 6.0);
    let lighthouse = brief("a lighthouse at dusk");
    assert!(distance(&base, &pixels(&Brief { seed: 2, ..lighthouse.clone() })) > 2.0);
    assert!(distance(&base, &pixels(&Brief { mood: Mood::Vivid, ..lighthouse.clone() })) > 2.0);
    assert!(distance(&base, &pixels(&Brief { mood: Mood::Natural, ..lighthouse.clone() })) > 2.0);
    assert!(distance(&base, &pixels(&Brief { detailed: true, ..lighthouse })) > 0.1);
}

#[test]
fn every_combination_of_words_is_drawn_in_its_size() {
    let times = ["dawn", "noon", "sunset", "dusk", "night", "storm", "fog"];
    let places = ["sea", "lake", "dunes", "mountains", "forest", "city", "field", "snow", "hills"];
    let subjects = [
        "lighthouse",
        "cottage",
        "boat",
        "kite",
        "tree",
        "birds",
        "balloon",
        "castle",
        "windmill",
        "cat",
        "moon",
        "sun",
        "flowers",
        "stars",
        "robot",
        "bridge",
        "teal house",
        "",
    ];
    let shapes = [(32, 32), (56, 32), (32, 56), (32, 18), (18, 32)];
    let mut turn = 0;
    for time in times {
        for place in places {
            for subject in subjects {
                let (width, height) = shapes[turn % shapes.len()];
                turn += 1;
                let prompt = format!("{subject} {place} {time}");
                let picture = pixels(&Brief { width, height, detailed: turn % 2 == 0, ..brief(&prompt) });
                assert_eq!(picture.dimensions(), (width, height), "{prompt}");
            }
        }
    }
}
