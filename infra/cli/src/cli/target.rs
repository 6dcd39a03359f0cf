//! The arguments that select a deployment.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::local::LocalArgs;

/// Selects the deployment of a client command: by default the local cloud of this machine.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    #[allow(rustdoc::bare_urls, reason = "a help text, shown as it is")]
    /// The address of a deployment, such as https://abc.execute-api.eu-west-1.amazonaws.com
    #[arg(long, env = "SEMANTEST_URL", requires = "api_key", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) url: Option<String>,
    /// An API key of the deployment; by default the local cloud's own.
    #[arg(
        long,
        env = "SEMANTEST_API_KEY",
        hide_env_values = true,
        // An empty variable is a mistake: to act with another key instead would be worse.
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) api_key: Option<String>,
    #[command(flatten)]
    pub(crate) local: LocalArgs,
}
