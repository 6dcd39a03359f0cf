//! Derives from a prompt what to paint.

use crate::random::{Random, hash_of};
use crate::words::{Meaning, Pattern, Place, Subject, Time, Tint, meaning};

/// Everything that prompt and seed determine, independent of the size of the image.
pub(super) struct Plan {
    pub(super) time: Time,
    pub(super) place: Place,
    pub(super) subjects: Vec<Subject>,
    /// Set if the image is abstract.
    pub(super) pattern: Option<Pattern>,
    /// A color for the whole image.
    pub(super) tint: Option<Tint>,
    /// A color for the land, as in "green hills".
    pub(super) soil: Option<Tint>,
    /// A color for the subject, as in "a red kite".
    pub(super) accent: Option<Tint>,
    /// Rotation of all hues in degrees. Unknown words of the prompt determine it.
    pub(super) drift: f32,
    pub(super) random: Random,
}

impl Plan {
    pub(super) fn of(prompt: &str, seed: u64) -> Self {
        let words: Vec<String> = prompt
            .split(|character: char| !character.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let meanings: Vec<Option<Meaning>> = words.iter().map(|word| meaning(word)).collect();
        // The theme depends on the prompt only, so that all seeds give the same kind of image.
        let text = hash_of(&words.join(" "));
        let mut theme = Random::new(text);
        let unknown = words
            .iter()
            .zip(&meanings)
            .filter(|(word, meaning)| meaning.is_none() && word.chars().count() > 3)
            .fold(0_u64, |sum, (word, _)| sum.wrapping_add(hash_of(word)));
        let drift = if unknown == 0 { 0.0 } else { Random::new(unknown).between(-24.0, 24.0) };

        let mut plan = Self {
            time: Time::Day,
            place: Place::Hills,
            subjects: Vec::new(),
            pattern: None,
            tint: None,
            soil: None,
            accent: None,
            drift,
            random: Random::new(text ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        };
        plan.read(&meanings, &mut theme);
        plan
    }

    fn read(&mut self, meanings: &[Option<Meaning>], theme: &mut Random) {
        let (mut time, mut place) = (None, None);
        for (index, meaning) in meanings.iter().enumerate() {
            match *meaning {
                Some(Meaning::Time(named)) => time = time.or(Some(named)),
                Some(Meaning::Place(named)) => place = place.or(Some(named)),
                Some(Meaning::Pattern(named)) => self.pattern = Some(named),
                Some(Meaning::Tint(tint)) => {
                    let next = meanings[index + 1..].iter().take(2).flatten().next();
                    match next {
                        Some(Meaning::Subject(_)) => self.accent = Some(tint),
                        Some(Meaning::Place(_)) => self.soil = Some(tint),
                        Some(Meaning::Time(_) | Meaning::Tint(_) | Meaning::Pattern(_)) | None => {
                            self.tint = self.tint.or(Some(tint));
                        }
                    }
                }
                Some(Meaning::Subject(subject)) if !self.subjects.contains(&subject) => {
                    self.subjects.push(subject)
                }
                Some(Meaning::Subject(_)) | None => {}
            }
        }
        if time.is_none() && place.is_none() && self.subjects.is_empty() && self.pattern.is_none() {
            self.pattern = match theme.below(5) {
                0 | 1 => Some(Pattern::Ribbons),
                2 | 3 => Some(Pattern::Orbits),
                _ => None,
            };
        } else if place.is_some() || !self.subjects.is_empty() {
            self.pattern = None;
        }
        self.place = place.unwrap_or_else(|| self.usual_place(theme));
        self.time = time.unwrap_or_else(|| self.usual_time(theme));
    }

    fn has(&self, subject: Subject) -> bool {
        self.subjects.contains(&subject)
    }

    fn usual_place(&self, theme: &mut Random) -> Place {
        if self.has(Subject::Lighthouse) || self.has(Subject::Boat) {
            Place::Sea
        } else if self.has(Subject::Windmill) || self.has(Subject::Flowers) {
            Place::Field
        } else if self.has(Subject::Bridge) {
            Place::Lake
        } else if self.has(Subject::Castle) || self.has(Subject::Stars) {
            Place::Mountains
        } else if self.subjects.is_empty() {
            let places = [
                Place::Sea,
                Place::Lake,
                Place::Dunes,
                Place::Mountains,
                Place::Forest,
                Place::Field,
                Place::Hills,
            ];
            places[theme.below(places.len())]
        } else {
            Place::Hills
        }
    }

    fn usual_time(&self, theme: &mut Random) -> Time {
        if self.has(Subject::Moon) || self.has(Subject::Stars) {
            return Time::Night;
        }
        let times = [Time::Dawn, Time::Day, Time::Sunset, Time::Dusk, Time::Day, Time::Sunset];
        times[theme.below(times.len())]
    }
}
