//! The arguments of `semantest addons`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::local::LocalArgs;
use super::target::Target;

const STATUSES: [&str; 4] = ["active", "inactive", "deprecated", "beta"];
const TYPES: [&str; 4] = ["content_script", "background_script", "injected_script", "style_sheet"];
const RUN_AT: [&str; 3] = ["document_start", "document_end", "document_idle"];

#[derive(Debug, Subcommand)]
pub(crate) enum Addons {
    /// Publish a version of an addon.
    ///
    /// A new version has everything that is not given from the newest version; a new addon has the file's name.
    /// To publish the same again does no harm.
    Publish(Box<AddonsPublish>),
    /// List the addons, each with its newest version.
    List(AddonsList),
    /// Show an addon with its versions, or one version.
    Show(AddonsShow),
    /// Change the status of an addon or of one version.
    ///
    /// An active version is served and chosen for pages. A deprecated one is chosen only where no active one fits,
    /// a beta only by its exact number, and an inactive one is not served.
    Status(AddonsStatus),
    /// Delete an addon with all its versions. Their numbers cannot be published again.
    Delete(AddonsDelete),
    /// Manage the keys that sign addons, with your AWS credentials.
    #[command(subcommand)]
    Keys(AddonKeys),
}

#[derive(Debug, Args)]
pub(crate) struct AddonsPublish {
    /// The JavaScript or CSS; - reads the standard input.
    pub(crate) file: PathBuf,
    /// The addon's id, such as my-addon. A new addon has a random one by default.
    #[arg(long, value_parser = addon_id)]
    pub(crate) id: Option<String>,
    /// The version, such as 1.2.3. It is immutable once it is published.
    #[arg(long, value_name = "X.Y.Z")]
    pub(crate) version: Option<String>,
    /// The name that people read.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The type of a new addon; by default style_sheet for a file that ends in .css, and content_script for others.
    #[arg(long = "type", value_name = "TYPE", value_parser = TYPES)]
    pub(crate) kind: Option<String>,
    /// What the addon does.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Who wrote it.
    #[arg(long)]
    pub(crate) author: Option<String>,
    /// The status of the version; by default active.
    #[arg(long, value_parser = STATUSES)]
    pub(crate) status: Option<String>,
    /// Where the addon may run: a host such as example.com or *.example.com, or a match pattern.
    #[arg(long = "domain", value_name = "PATTERN")]
    pub(crate) domains: Vec<String>,
    /// An addon that this one needs, with a range of versions, such as base@^1.2; a ? at the end makes it optional.
    #[arg(long = "dependency", value_name = "ID@RANGE", value_parser = dependency)]
    pub(crate) dependencies: Vec<Dependency>,
    /// When the addon runs in a page.
    #[arg(long, value_parser = RUN_AT)]
    pub(crate) run_at: Option<String>,
    /// Run in the frames of a page too.
    #[arg(long)]
    pub(crate) all_frames: bool,
    /// Of addons that do not need each other, the one with the higher number runs first.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i64>,
    /// A match pattern of the pages to run in, within the domains.
    #[arg(long = "url-pattern", value_name = "PATTERN")]
    pub(crate) url_patterns: Vec<String>,
    /// A match pattern of pages not to run in.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// A JSON file with the fields of the request, such as version, dependencies and injectionRules. Options win.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print the version's metadata as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// An addon that another one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) addon: String,
    pub(crate) range: String,
    pub(crate) optional: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddonsList {
    #[command(flatten)]
    pub(crate) target: Target,
    /// List only addons with this status.
    #[arg(long, value_parser = STATUSES)]
    pub(crate) status: Option<String>,
    /// List only addons of this type.
    #[arg(long = "type", value_name = "TYPE", value_parser = TYPES)]
    pub(crate) kind: Option<String>,
    /// List only addons that may run on this domain.
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// Print each addon's metadata as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddonsShow {
    /// The addon's id.
    #[arg(value_parser = addon_id)]
    pub(crate) id: String,
    /// A version or a range, such as 1.2.3 or ^1.2; by default the newest version.
    #[arg(long, value_name = "RANGE")]
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print the metadata as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddonsStatus {
    /// The addon's id.
    #[arg(value_parser = addon_id)]
    pub(crate) id: String,
    /// The new status.
    #[arg(value_parser = STATUSES)]
    pub(crate) status: String,
    /// The version to change, such as 1.2.3; by default all versions.
    #[arg(long, value_name = "X.Y.Z")]
    pub(crate) version: Option<String>,
    /// Why it is changed.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// What users of a deprecated version are told.
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print the metadata as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddonsDelete {
    /// The addon's id.
    #[arg(value_parser = addon_id)]
    pub(crate) id: String,
    /// Do not ask. Without a terminal nothing is asked either.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AddonKeys {
    /// Create a key, and print its public half, a JSON Web Key to build into the extension.
    ///
    /// The older keys sign too until the overlap ends. By then, users need an extension that has the new key.
    Create(AddonKeysCreate),
    /// List the keys, without their private halves.
    List(AddonKeysList),
}

/// Selects the deployment whose keys to use: by default the local cloud of this machine.
#[derive(Debug, Args)]
pub(crate) struct AddonKeysDeployment {
    /// The CloudFormation stack of a deployment, found with your AWS credentials. By default the local
    /// cloud is used.
    #[arg(long, conflicts_with = "secret")]
    pub(crate) stack: Option<String>,
    /// The name or ARN of a deployment's secret, which is the stack's output AddonKeysSecret.
    #[arg(long)]
    pub(crate) secret: Option<String>,
    #[command(flatten)]
    pub(crate) local: LocalArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddonKeysCreate {
    /// How many hours the older keys sign as well, at most 87600 (ten years); 0 removes them at once.
    #[arg(
        long,
        value_name = "HOURS",
        default_value_t = 720,
        value_parser = clap::value_parser!(u32).range(0..=87_600)
    )]
    pub(crate) overlap_hours: u32,
    #[command(flatten)]
    pub(crate) deployment: AddonKeysDeployment,
}

#[derive(Debug, Args)]
pub(crate) struct AddonKeysList {
    #[command(flatten)]
    pub(crate) deployment: AddonKeysDeployment,
    /// Print the keys as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// An addon's id, which needs no escaping in a path.
pub(crate) fn addon_id(text: &str) -> Result<String, String> {
    let is_first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid = text.len() <= 64
        && text.starts_with(is_first)
        && text.chars().all(|c| is_first(c) || matches!(c, '.' | '_' | '-'));
    if valid {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 lower-case letters, digits, `.`, `_` or `-`, beginning with a letter or digit"
            .to_owned())
    }
}

fn dependency(text: &str) -> Result<Dependency, String> {
    let (text, optional) = match text.strip_suffix('?') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (addon, range) = text.split_once('@').ok_or("must be ID@RANGE, as in base@^1.2")?;
    if range.trim().is_empty() {
        return Err("the range is missing, as in base@^1.2".to_owned());
    }
    Ok(Dependency { addon: addon_id(addon)?, range: range.to_owned(), optional })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(arguments: &[&str]) -> Result<Addons, clap::Error> {
        let cli = Cli::try_parse_from(["semantest", "addons"].iter().chain(arguments))?;
        let Command::Addons(addons) = cli.command else { panic!("not addons") };
        Ok(addons)
    }

    #[test]
    fn publish_takes_lists_and_the_version_of_the_addon() {
        let arguments =
            ["publish", "a.js", "--version", "1.2.3", "--domain", "a.example", "--domain", "b.example"];
        let more = ["--priority", "-5", "--dependency", "base@>=1.2 <2 || 3", "--dependency", "extra@1.x?"];
        let Addons::Publish(args) = parse(&[&arguments[..], &more].concat()).unwrap() else {
            panic!("not publish")
        };
        assert_eq!((args.version.as_deref(), args.priority), (Some("1.2.3"), Some(-5)));
        assert_eq!(args.domains, ["a.example", "b.example"]);
        let needed = |addon: &str, range: &str, optional| Dependency {
            addon: addon.to_owned(),
            range: range.to_owned(),
            optional,
        };
        assert_eq!(args.dependencies, [needed("base", ">=1.2 <2 || 3", false), needed("extra", "1.x", true)]);
    }

    #[test]
    fn values_that_the_api_does_not_know_are_refused() {
        assert!(parse(&["publish"]).is_err());
        for bad in [
            ["--id", "My-Addon"],
            ["--id", ""],
            ["--id", "../keys"],
            ["--type", "script"],
            ["--status", "on"],
            ["--run-at", "document_load"],
            ["--dependency", "base"],
            ["--dependency", "base@?"],
            ["--dependency", "@1"],
        ] {
            assert!(parse(&[&["publish", "a.js"], &bad[..]].concat()).is_err(), "{bad:?}");
        }
        assert!(parse(&["status", "a", "on"]).is_err());
        assert!(parse(&["status", "a", "beta", "--version", "1.0.0"]).is_ok());
    }

    #[test]
    fn id_is_as_long_as_the_api_allows() {
        assert!(addon_id(&"a".repeat(64)).is_ok() && addon_id("0.a_b-c").is_ok());
        for bad in ["", "-a", ".a", "a/b", "a b", "é", &"a".repeat(65)] {
            assert!(addon_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_of_one_deployment() {
        assert!(parse(&["keys", "create"]).is_ok());
        assert!(parse(&["keys", "create", "--stack", "a", "--overlap-hours", "0"]).is_ok());
        assert!(parse(&["keys", "create", "--overlap-hours", "87601"]).is_err());
        assert!(parse(&["keys", "list", "--stack", "a", "--secret", "b"]).is_err());
    }
}
