//! The arguments of the commands that run the local cloud.

use std::path::PathBuf;

use clap::Args;

/// Selects a local cloud.
#[derive(Debug, Clone, Args)]
pub(crate) struct LocalArgs {
    /// The data folder of the local cloud. Clouds with different folders and ports are independent.
    #[arg(long, value_name = "DIR", env = "SEMANTEST_DATA", default_value = ".semantest")]
    pub(crate) data: PathBuf,
    /// The Python environment of the emulator, for clouds that share one.
    #[arg(long, value_name = "DIR", env = "SEMANTEST_VENV", hide = true)]
    pub(crate) venv: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) local: LocalArgs,
    /// The port of the API, the images and the AWS endpoint; 0 picks a free one.
    ///
    /// Defaults to the port that the cloud had last, and to 4600 for a new cloud.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Return once the cloud is up, instead of running it until Ctrl-C.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Print the cloud's address, keys and stack outputs as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Use this providers document instead of the sandbox, which draws images without a network. It is
    /// used until another document is set.
    #[arg(long, value_name = "FILE")]
    pub(crate) providers: Option<PathBuf>,
    /// Set a parameter of template.yaml. Later starts keep the value.
    #[arg(long = "set", value_name = "PARAMETER=VALUE", value_parser = parameter)]
    pub(crate) set: Vec<(String, String)>,
}

impl Up {
    /// The arguments with which a client command starts the local cloud.
    pub(crate) const fn detached(local: LocalArgs) -> Self {
        Self { local, port: None, detach: true, json: false, providers: None, set: Vec::new() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) local: LocalArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) local: LocalArgs,
    /// Also show the keys and the webhook secret.
    #[arg(long)]
    pub(crate) secrets: bool,
    /// Print the status as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The function, such as image-worker. By default all functions.
    pub(crate) function: Option<String>,
    #[command(flatten)]
    pub(crate) local: LocalArgs,
    /// Keep printing new lines until Ctrl-C.
    #[arg(long)]
    pub(crate) follow: bool,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be Parameter=Value, as in LogLevel=debug".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_splits_at_the_first_equals_sign() {
        assert_eq!(parameter("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(parameter("A="), Ok(("A".to_owned(), String::new())));
        assert!(parameter("A").is_err());
        assert!(parameter("=b").is_err());
    }
}
