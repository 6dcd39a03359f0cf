//! The words of `semantest keys`.

use clap::{Args, Subcommand};
use domain::access::{ApiKey, ClientId, Endpoint, KeyName, Scope};
use domain::primitives::Word as _;

use super::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make an API key. It is shown this once.
    Create(Box<KeysCreate>),
    /// List the API keys of a client, those that have ended included, without their secrets.
    List(KeysList),
    /// End an API key. It stops within 30 seconds; tokens made from it live out their hour.
    Revoke(KeysRevoke),
    /// Replace an API key by a new one with the same rights, which is shown this once.
    Rotate(KeysRotate),
    /// Make a key of the client `operator` in a deployment's own table, with your AWS credentials.
    ///
    /// That is how a new deployment gets its first key. The credentials are those that the environment
    /// or ~/.aws hold; of a single sign-on: eval "$(aws configure export-credentials --format env)".
    Bootstrap(KeysBootstrap),
}

#[derive(Debug, Args)]
pub(crate) struct KeysCreate {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Whose key it is, if not your own client's. Jobs, batches and sessions belong to a client, and no
    /// other sees them.
    #[arg(long)]
    pub(crate) client: Option<ClientId>,
    /// A name for people.
    #[arg(long, default_value = "made by `semantest keys create`")]
    pub(crate) name: KeyName,
    /// What it allows: chat, images:write, images:read, keys:admin, and for the client `operator`
    /// addons:admin and clients:admin. By default the first three.
    #[arg(long = "scope", value_name = "SCOPE", default_values = ["chat", "images:write", "images:read"])]
    pub(crate) scopes: Vec<Scope>,
    /// Let the client make so many requests a minute, such as /images/generate=100. It stays so for all
    /// of the client's keys and tokens.
    #[arg(long = "limit", value_name = "ENDPOINT=N", value_parser = limit)]
    pub(crate) limits: Vec<(Endpoint, u32)>,
    /// Store this key in the local cloud instead of a new one, such as that of the samples in events/.
    #[arg(long, value_name = "KEY", requires = "client", conflicts_with_all = ["url", "limits"])]
    pub(crate) key: Option<ApiKey>,
    /// Print the key and its record as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeysList {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Whose keys, if not your own client's.
    #[arg(long)]
    pub(crate) client: Option<ClientId>,
    /// Print them as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeysRevoke {
    /// The key's id, as `keys list` shows it.
    pub(crate) id: domain::KeyId,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct KeysRotate {
    /// The key's id, as `keys list` shows it.
    pub(crate) id: domain::KeyId,
    #[command(flatten)]
    pub(crate) target: Target,
    /// For how many seconds the old key goes on, at most a week.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) overlap: u32,
    /// Print the key and its record as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeysBootstrap {
    /// The deployment's CloudFormation stack, by which its table is found.
    #[arg(long, required_unless_present = "table", conflicts_with = "table")]
    pub(crate) stack: Option<String>,
    /// The deployment's access table, for one that was not made by a stack of that name.
    #[arg(long)]
    pub(crate) table: Option<String>,
    /// Print the key and its record as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn limit(text: &str) -> Result<(Endpoint, u32), String> {
    let (endpoint, limit) = text.rsplit_once('=').ok_or("must be ENDPOINT=N, as in /images/generate=100")?;
    let words = || Endpoint::ALL.iter().map(|endpoint| endpoint.as_str()).collect::<Vec<_>>().join(", ");
    let endpoint = Endpoint::from_word(endpoint).ok_or_else(|| format!("the endpoints are {}", words()))?;
    Ok((endpoint, limit.parse().map_err(|_| "N must be a whole number")?))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(words: &[&str]) -> Result<Keys, clap::Error> {
        let cli = Cli::try_parse_from(["semantest", "keys"].iter().chain(words))?;
        let Command::Keys(keys) = cli.command else { panic!("not keys") };
        Ok(keys)
    }

    #[test]
    fn a_limit_names_an_endpoint_and_a_number() {
        assert_eq!(limit("/images/generate=100"), Ok((Endpoint::ImagesGenerate, 100)));
        assert_eq!(limit("*=7"), Ok((Endpoint::Other, 7)));
        for bad in ["/images/generate", "/nope=1", "*=", "*=-1", "*=1.5"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_given_key_is_for_the_local_cloud_alone() {
        let key = ApiKey::generate();
        let with = |more: &[&str]| parse(&[&["create", "--key", key.expose()], more].concat());
        assert!(with(&["--client", "acme"]).is_ok());
        assert!(with(&[]).is_err());
        assert!(with(&["--client", "acme", "--url", "https://a", "--api-key", "k"]).is_err());
        assert!(with(&["--client", "acme", "--limit", "*=7"]).is_err());
    }

    #[test]
    fn bootstrap_is_told_where() {
        assert!(parse(&["bootstrap"]).is_err());
        assert!(parse(&["bootstrap", "--stack", "a", "--table", "b"]).is_err());
        assert!(parse(&["bootstrap", "--stack", "a", "--json"]).is_ok());
        assert!(parse(&["bootstrap", "--table", "b", "--json"]).is_ok());
    }
}
