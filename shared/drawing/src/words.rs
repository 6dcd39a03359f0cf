//! The vocabulary: the meaning of single words of a prompt.

/// The time of day or the weather, which determines the light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    Dawn,
    Day,
    Sunset,
    Dusk,
    Night,
    Storm,
    Mist,
}

/// The landscape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Sea,
    Lake,
    Dunes,
    Mountains,
    Forest,
    City,
    Field,
    Snow,
    Hills,
}

/// What stands, floats or flies in the landscape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Lighthouse,
    House,
    Boat,
    Kite,
    Tree,
    Birds,
    Balloon,
    Castle,
    Windmill,
    Cat,
    Moon,
    Sun,
    Flowers,
    Stars,
    Robot,
    Bridge,
}

impl Subject {
    /// Whether the subject is painted standing on the foreground.
    pub(super) fn needs_ground(self) -> bool {
        match self {
            Self::Lighthouse
            | Self::House
            | Self::Tree
            | Self::Castle
            | Self::Windmill
            | Self::Cat
            | Self::Flowers
            | Self::Robot => true,
            Self::Boat
            | Self::Kite
            | Self::Birds
            | Self::Balloon
            | Self::Moon
            | Self::Sun
            | Self::Stars
            | Self::Bridge => false,
        }
    }
}

/// A style of abstract image, without a landscape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Ribbons,
    Orbits,
}

/// The color of a color word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tint {
    /// In degrees.
    pub(super) hue: f32,
    pub(super) lightness: f32,
    pub(super) chroma: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    Time(Time),
    Place(Place),
    Subject(Subject),
    Tint(Tint),
    Pattern(Pattern),
}

/// The meaning of a lower-case word, singular or plural; none for an unknown word.
pub(super) fn meaning(word: &str) -> Option<Meaning> {
    exact(word).or_else(|| singulars(word).find_map(exact))
}

fn singulars(word: &str) -> impl Iterator<Item = &str> {
    ["es", "s"].into_iter().filter_map(|ending| word.strip_suffix(ending))
}

fn exact(word: &str) -> Option<Meaning> {
    time(word)
        .map(Meaning::Time)
        .or_else(|| place(word).map(Meaning::Place))
        .or_else(|| subject(word).map(Meaning::Subject))
        .or_else(|| tint(word).map(Meaning::Tint))
        .or_else(|| pattern(word).map(Meaning::Pattern))
}

fn time(word: &str) -> Option<Time> {
    Some(match word {
        "dawn" | "sunrise" | "morning" | "daybreak" | "spring" => Time::Dawn,
        "day" | "noon" | "midday" | "daylight" | "sunny" | "summer" | "afternoon" | "bright" => Time::Day,
        "sunset" | "golden" | "evening" | "autumn" | "fall" | "sundown" => Time::Sunset,
        "dusk" | "twilight" | "gloaming" | "nightfall" => Time::Dusk,
        "night" | "midnight" | "dark" | "moonlit" | "moonlight" | "starry" | "nocturne" => Time::Night,
        "storm" | "stormy" | "rain" | "rainy" | "thunder" | "tempest" | "lightning" => Time::Storm,
        "mist" | "misty" | "fog" | "foggy" | "haze" | "hazy" => Time::Mist,
        _ => return None,
    })
}

fn place(word: &str) -> Option<Place> {
    Some(match word {
        "sea" | "ocean" | "coast" | "beach" | "shore" | "harbour" | "harbor" | "island" | "wave" | "bay" => {
            Place::Sea
        }
        "lake" | "river" | "pond" | "reflection" | "fjord" | "lagoon" => Place::Lake,
        "dune" | "desert" | "sand" | "sahara" | "savanna" => Place::Dunes,
        "mountain" | "alp" | "peak" | "cliff" | "canyon" | "valley" | "volcano" => Place::Mountains,
        "forest" | "wood" | "woods" | "jungle" | "pine" | "grove" => Place::Forest,
        "city" | "citie" | "skyline" | "street" | "town" | "skyscraper" | "building" | "cyberpunk" => {
            Place::City
        }
        "field" | "meadow" | "prairie" | "farm" | "wheat" | "garden" | "lavender" => Place::Field,
        "snow" | "snowy" | "winter" | "ice" | "icy" | "arctic" | "frozen" | "glacier" => Place::Snow,
        "hill" | "hillside" | "countryside" | "landscape" | "village" => Place::Hills,
        _ => return None,
    })
}

fn subject(word: &str) -> Option<Subject> {
    Some(match word {
        "lighthouse" | "beacon" => Subject::Lighthouse,
        "house" | "cottage" | "cabin" | "hut" | "home" | "barn" => Subject::House,
        "boat" | "sailboat" | "ship" | "sail" | "yacht" | "sailing" => Subject::Boat,
        "kite" => Subject::Kite,
        "tree" | "oak" | "maple" | "willow" | "cherry" => Subject::Tree,
        "bird" | "gull" | "seagull" | "crow" | "swallow" | "flock" | "geese" => Subject::Birds,
        "balloon" | "airship" => Subject::Balloon,
        "castle" | "tower" | "fortress" | "palace" | "church" => Subject::Castle,
        "windmill" | "mill" => Subject::Windmill,
        "cat" | "kitten" | "kitty" => Subject::Cat,
        "moon" | "crescent" => Subject::Moon,
        "sun" => Subject::Sun,
        "flower" | "tulip" | "poppy" | "poppies" | "daisy" | "daisies" | "rose" | "sunflower"
        | "wildflower" => Subject::Flowers,
        "star" | "galaxy" | "space" | "cosmos" | "aurora" | "universe" => Subject::Stars,
        "robot" | "android" => Subject::Robot,
        "bridge" | "viaduct" => Subject::Bridge,
        _ => return None,
    })
}

fn pattern(word: &str) -> Option<Pattern> {
    Some(match word {
        "abstract" | "silk" | "ribbon" | "flow" | "flowing" | "fluid" | "music" | "dream" => Pattern::Ribbons,
        "geometric" | "geometry" | "circle" | "planet" | "orbit" | "bauhaus" | "shape" | "pattern" => {
            Pattern::Orbits
        }
        _ => return None,
    })
}

fn tint(word: &str) -> Option<Tint> {
    let (lightness, chroma, hue) = match word {
        "red" | "crimson" | "scarlet" | "ruby" => (0.56, 0.21, 25.0),
        "orange" | "amber" => (0.70, 0.18, 55.0),
        "yellow" | "lemon" => (0.86, 0.17, 98.0),
        "gold" => (0.78, 0.15, 85.0),
        "green" | "emerald" | "lime" => (0.62, 0.17, 148.0),
        "teal" | "turquoise" | "cyan" | "aqua" => (0.70, 0.12, 195.0),
        "blue" | "azure" | "navy" | "cobalt" | "sapphire" => (0.54, 0.18, 258.0),
        "purple" | "violet" | "indigo" | "lilac" => (0.52, 0.19, 300.0),
        "pink" | "magenta" | "fuchsia" => (0.72, 0.17, 350.0),
        "brown" | "sepia" | "copper" => (0.48, 0.09, 55.0),
        "white" | "silver" | "pale" => (0.93, 0.01, 90.0),
        "grey" | "gray" | "monochrome" => (0.62, 0.005, 250.0),
        "black" => (0.18, 0.01, 270.0),
        _ => return None,
    };
    Some(Tint { hue, lightness, chroma })
}
