//! The arguments of `semantest keys`.

use clap::{Args, Subcommand};
use domain::access::{ApiKey, ClientId, DEFAULT_SCOPES, Endpoint, KeyName, Scope};
use domain::primitives::NamedValue as _;

use super::target::Target;
use super::values::{names, scopes};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Create an API key. The key is shown only once.
    Create(Box<KeysCreate>),
    /// List the API keys of a client, including revoked and expired ones, without their secrets.
    List(KeysList),
    /// Revoke an API key. It stops working within 30 seconds; tokens issued with it stay valid until they
    /// expire, after at most an hour.
    Revoke(KeysRevoke),
    /// Replace an API key by a new one with the same rights. The new key is shown only once.
    Rotate(KeysRotate),
    /// Create a key of the client `operator` directly in a deployment's table, with your AWS credentials.
    ///
    /// This creates the first key of a new deployment. The credentials come from the environment or from
    /// ~/.aws; for single sign-on, first run: eval "$(aws configure export-credentials --format env)".
    Bootstrap(KeysBootstrap),
}

#[derive(Debug, Args)]
pub(crate) struct KeysCreate {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The client that owns the key; by default your own client. Jobs, batches and sessions belong to a
    /// client, and other clients cannot see them.
    #[arg(long)]
    pub(crate) client: Option<ClientId>,
    /// A name that helps people to recognize the key.
    #[arg(long, default_value = "made by `semantest keys create`")]
    pub(crate) name: KeyName,
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        default_values = DEFAULT_SCOPES.map(Scope::as_str),
        help = format!(
            "A scope of the key: {}; for the client `{}` also {}",
            scopes(false),
            ClientId::OPERATOR,
            scopes(true)
        )
    )]
    pub(crate) scopes: Vec<Scope>,
    /// Set the client's limit of requests per minute to an endpoint, such as /images/generate=100. It
    /// applies to all keys and tokens of the client, and stays set.
    #[arg(long = "limit", value_name = "ENDPOINT=N", value_parser = limit)]
    pub(crate) limits: Vec<(Endpoint, u32)>,
    /// Store this key in the local cloud instead of a new one, such as the key of the samples in events/.
    #[arg(long, value_name = "KEY", requires = "client", conflicts_with_all = ["url", "api_key", "limits"])]
    pub(crate) key: Option<ApiKey>,
    /// Print the key and its record as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeysList {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The client whose keys to list; by default your own client.
    #[arg(long)]
    pub(crate) client: Option<ClientId>,
    /// Print the keys as one line of JSON.
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
    /// How many seconds the old key stays valid, at most 604800 (a week).
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) overlap: u32,
    /// Print the key and its record as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeysBootstrap {
    /// The CloudFormation stack of the deployment, by which its access table is found.
    #[arg(long, required_unless_present = "table", conflicts_with = "table")]
    pub(crate) stack: Option<String>,
    /// The access table of the deployment, if it cannot be found by a stack.
    #[arg(long)]
    pub(crate) table: Option<String>,
    /// Print the key and its record as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn limit(text: &str) -> Result<(Endpoint, u32), String> {
    let (endpoint, limit) = text.rsplit_once('=').ok_or("must be ENDPOINT=N, as in /images/generate=100")?;
    let endpoint = Endpoint::from_name(endpoint)
        .ok_or_else(|| format!("the endpoint must be {}", names::<Endpoint>()))?;
    Ok((endpoint, limit.parse().map_err(|_| "N must be a whole number")?))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(arguments: &[&str]) -> Result<Keys, clap::Error> {
        let cli = Cli::try_parse_from(["semantest", "keys"].iter().chain(arguments))?;
        let Command::Keys(keys) = cli.command else { panic!("not keys") };
        Ok(keys)
    }

    #[test]
    fn limit_parses_endpoint_and_number() {
        assert_eq!(limit("/images/generate=100"), Ok((Endpoint::ImagesGenerate, 100)));
        assert_eq!(limit("*=7"), Ok((Endpoint::Other, 7)));
        for bad in ["/images/generate", "/nope=1", "*=", "*=-1", "*=1.5"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn create_with_given_key_is_local_only() {
        let key = ApiKey::generate();
        let with = |more: &[&str]| parse(&[&["create", "--key", key.expose()], more].concat());
        assert!(with(&["--client", "acme"]).is_ok());
        assert!(with(&[]).is_err());
        assert!(with(&["--client", "acme", "--url", "https://a", "--api-key", "k"]).is_err());
        assert!(with(&["--client", "acme", "--api-key", "k"]).is_err(), "it is stored without any key");
        assert!(with(&["--client", "acme", "--limit", "*=7"]).is_err());
    }

    #[test]
    fn bootstrap_requires_stack_or_table() {
        assert!(parse(&["bootstrap"]).is_err());
        assert!(parse(&["bootstrap", "--stack", "a", "--table", "b"]).is_err());
        assert!(parse(&["bootstrap", "--stack", "a", "--json"]).is_ok());
        assert!(parse(&["bootstrap", "--table", "b", "--json"]).is_ok());
    }
}
