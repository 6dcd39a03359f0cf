//! The switches in a prompt for the sandbox.

use std::time::Duration;

/// The longest time that a switch makes the sandbox wait.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// What the sandbox is to do besides drawing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Switches {
    /// How long to wait before the first image.
    pub slow: Duration,
    /// How long to wait after the last image, before the answer.
    pub linger: Duration,
    pub failure: Option<Failure>,
    /// How long to ask the first attempt to wait.
    pub limit: Option<Duration>,
    /// Refuse because of what the prompt is about.
    pub refuse: bool,
}

/// How the sandbox is to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// So many attempts fail with a transient error, and later ones do not.
    First(u32),
    /// Every attempt fails with a transient error.
    Forever,
    /// As if the operator's account had no money.
    Operator,
}

/// Separates a prompt into its switches and the rest.
///
/// A switch that is unknown or invalid has no effect, and is not drawn either.
#[must_use]
pub fn parse(prompt: &str) -> (Switches, String) {
    let mut switches = Switches::default();
    let mut rest = prompt;
    let mut words = Vec::new();
    while let Some((before, after)) = rest.split_once("[[") {
        let Some((switch, following)) = after.split_once("]]") else { break };
        words.extend(before.split_whitespace());
        switches.read(switch);
        rest = following;
    }
    words.extend(rest.split_whitespace());
    (switches, words.join(" "))
}

impl Switches {
    fn read(&mut self, switch: &str) {
        let (name, value) = switch.split_once(':').unwrap_or((switch, ""));
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "slow" => self.slow = seconds(value).unwrap_or(self.slow),
            "linger" => self.linger = seconds(value).unwrap_or(self.linger),
            "limit" => self.limit = seconds(value).or(self.limit),
            "refuse" => self.refuse = true,
            "fail" => {
                self.failure = match value.to_ascii_lowercase().as_str() {
                    "forever" => Some(Failure::Forever),
                    "operator" => Some(Failure::Operator),
                    count => count.parse().ok().map(Failure::First).or(self.failure),
                };
            }
            _ => {}
        }
    }
}

fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.parse().ok()?;
    // NaN, infinite and negative values are invalid; others are limited.
    (seconds.is_finite() && seconds >= 0.0)
        .then(|| Duration::from_secs_f64(seconds.min(MAX_WAIT.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_and_removes_each_switch() {
        let none = Switches::default;
        let waits = |seconds| Duration::from_secs_f64(seconds);
        let cases = [
            ("a lighthouse at dusk", none(), "a lighthouse at dusk"),
            ("[[slow:10]] a boat", Switches { slow: waits(10.0), ..none() }, "a boat"),
            ("a [[slow:0.25]] boat", Switches { slow: waits(0.25), ..none() }, "a boat"),
            ("a boat[[slow:9999]]", Switches { slow: MAX_WAIT, ..none() }, "a boat"),
            ("[[linger:2]]x", Switches { linger: waits(2.0), ..none() }, "x"),
            ("[[fail:2]] x", Switches { failure: Some(Failure::First(2)), ..none() }, "x"),
            ("[[fail:forever]] x", Switches { failure: Some(Failure::Forever), ..none() }, "x"),
            ("[[ FAIL : Operator ]] x", Switches { failure: Some(Failure::Operator), ..none() }, "x"),
            ("[[limit:5]] x", Switches { limit: Some(waits(5.0)), ..none() }, "x"),
            ("[[refuse]]", Switches { refuse: true, ..none() }, ""),
            (
                "[[slow:1]] a [[fail:1]] red [[limit:3]]  kite",
                Switches {
                    slow: waits(1.0),
                    failure: Some(Failure::First(1)),
                    limit: Some(waits(3.0)),
                    ..none()
                },
                "a red kite",
            ),
        ];
        for (prompt, switches, rest) in cases {
            assert_eq!(parse(prompt), (switches, rest.to_owned()), "{prompt}");
        }
    }

    #[test]
    fn parse_ignores_invalid_switches() {
        for prompt in [
            "[[explode]] x",
            "[[slow:soon]] x",
            "[[slow:-1]] x",
            "[[slow:NaN]] x",
            "[[slow:inf]] x",
            "[[slow]] x",
            "[[fail:-2]] x",
            "[[fail:99999999999]] x",
            "[[fail]] x",
            "[[]] x",
        ] {
            assert_eq!(parse(prompt), (Switches::default(), "x".to_owned()), "{prompt}");
        }
    }

    #[test]
    fn parse_keeps_unclosed_brackets() {
        for prompt in ["a [[ b", "a ]] b", "[slow:1] b", "[["] {
            assert_eq!(parse(prompt), (Switches::default(), prompt.to_owned()), "{prompt}");
        }
    }
}
