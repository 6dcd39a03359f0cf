//! The words of `semantest webhooks`.

use clap::{Args, Subcommand};
use domain::{JobId, Timestamp, WebhookId};

use super::{Place, Target};

#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// Receive webhooks on this machine: verify, print and answer them.
    Listen(WebhooksListen),
    /// List the attempts at a job's webhooks.
    List(WebhooksList),
    /// Send a webhook again, or all of some time.
    Redeliver(WebhooksRedeliver),
    /// List the URLs that are switched off, because for five days every attempt has failed.
    Disabled(WebhooksDisabled),
    /// Switch a URL on again. The webhooks that were kept for it go out within a minute.
    Enable(WebhooksEnable),
    /// See or replace the secret that a client's webhooks are signed with.
    #[command(subcommand)]
    Secret(WebhookSecret),
}

#[derive(Debug, Args)]
pub(crate) struct WebhooksListen {
    /// Where to listen, on 127.0.0.1; 0 picks a free port.
    #[arg(long, default_value_t = 9000)]
    pub(crate) port: u16,
    /// The status to answer with: other than 2xx makes a webhook come again.
    #[arg(long, default_value_t = 204, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub(crate) status: u16,
    /// The secret to verify with, whsec_…; by default that of the local cloud's own client. What it does
    /// not verify is answered with 401.
    #[arg(long, env = "SEMANTEST_WEBHOOK_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print each webhook as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WebhooksList {
    /// The job's id.
    pub(crate) job: JobId,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print each attempt as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WebhooksRedeliver {
    /// The job's id.
    #[arg(requires = "webhook", required_unless_present = "since")]
    pub(crate) job: Option<JobId>,
    /// The webhook's id, as `webhooks list` shows it.
    pub(crate) webhook: Option<WebhookId>,
    /// Send all whose event happened then or later, such as 2026-10-01T12:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "job")]
    pub(crate) since: Option<Timestamp>,
    /// And before then; by default until now.
    #[arg(long, value_name = "TIME", requires = "since")]
    pub(crate) until: Option<Timestamp>,
    /// And only those that stand so: pending, delivered or failed.
    #[arg(long, requires = "since")]
    pub(crate) status: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct WebhooksDisabled {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print each as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WebhooksEnable {
    /// The URL, as it stood in `webhookUrl`.
    #[arg(value_name = "URL")]
    pub(crate) receiver: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookSecret {
    /// Print it. It takes a key with the scope keys:admin.
    Show(WebhookSecretShow),
    /// Replace it, and print the new one. For a while both sign.
    Rotate(WebhookSecretRotate),
}

#[derive(Debug, Args)]
pub(crate) struct WebhookSecretShow {
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct WebhookSecretRotate {
    #[command(flatten)]
    pub(crate) target: Target,
    /// For how many seconds the old one signs too, at most a week.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub(crate) overlap: u32,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn one_webhook_is_sent_again_or_those_of_some_time() {
        let id = "0190b8a0-0000-7000-8000-000000000001";
        let taken = |words: &[&str]| {
            Cli::try_parse_from(["semantest", "webhooks", "redeliver"].iter().chain(words)).is_ok()
        };
        assert!(taken(&[id, id]));
        assert!(taken(&["--since", "2026-10-01T12:00:00Z"]));
        assert!(taken(&[
            "--since",
            "2026-10-01T12:00:00Z",
            "--until",
            "2026-10-01T13:00:00Z",
            "--status",
            "failed"
        ]));
        assert!(!taken(&[]) && !taken(&[id]) && !taken(&[id, id, "--since", "2026-10-01T12:00:00Z"]));
        assert!(!taken(&["--since", "yesterday"]) && !taken(&["--until", "2026-10-01T12:00:00Z"]));
    }
}
