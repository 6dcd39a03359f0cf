//! The arguments of `semantest webhooks`.

use clap::{Args, Subcommand};
use domain::{JobId, Timestamp, WebhookId};
use url::Url;

use super::target::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// Receive webhooks on this machine: verify, print and answer them.
    Listen(WebhooksListen),
    /// List the delivery attempts of a job's webhooks.
    List(WebhooksList),
    /// Redeliver one webhook, or all webhooks of a period.
    Redeliver(WebhooksRedeliver),
    /// List the disabled URLs. A URL is disabled after every attempt has failed for five days.
    Disabled(WebhooksDisabled),
    /// Enable a URL again. The webhooks that were held for it are sent within a minute.
    Enable(WebhooksEnable),
    /// Show or rotate the secret that signs the client's webhooks.
    #[command(subcommand)]
    Secret(WebhookSecret),
}

#[derive(Debug, Args)]
pub(crate) struct WebhooksListen {
    /// The port to listen on, on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 9000)]
    pub(crate) port: u16,
    /// The HTTP status to answer with. A webhook is retried unless the status is 2xx.
    #[arg(long, default_value_t = 204, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub(crate) status: u16,
    /// Forward each verified webhook, unchanged, to this URL, and answer with its status; 502 if it does
    /// not answer within 15 seconds.
    #[arg(long, value_name = "URL", conflicts_with = "status")]
    pub(crate) forward_to: Option<Url>,
    /// The secret to verify with, whsec_…. A webhook that fails verification is answered with 401.
    ///
    /// By default the secret of the client whose key is given by --api-key, which needs the scope keys:admin,
    /// or else of the local cloud's own client.
    #[arg(long, env = "SEMANTEST_WEBHOOK_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
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
    /// Redeliver all webhooks whose event happened at or after this time, such as 2026-10-01T12:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "job")]
    pub(crate) since: Option<Timestamp>,
    /// Only webhooks whose event happened before this time; by default now.
    #[arg(long, value_name = "TIME", requires = "since")]
    pub(crate) until: Option<Timestamp>,
    /// Only webhooks in this state: pending, delivered or failed.
    #[arg(long, requires = "since")]
    pub(crate) status: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct WebhooksDisabled {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print each URL as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WebhooksEnable {
    /// The URL, exactly as in `webhookUrl`.
    #[arg(value_name = "URL")]
    pub(crate) endpoint: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookSecret {
    /// Print the secret. Requires a key with the scope keys:admin.
    Show(WebhookSecretShow),
    /// Replace the secret, and print the new one. Both sign until the overlap ends.
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
    /// How many seconds the old secret signs as well, at most 604800 (a week).
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub(crate) overlap: u32,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn redeliver_accepts_one_webhook_or_a_period() {
        let id = "0190b8a0-0000-7000-8000-000000000001";
        let parses = |arguments: &[&str]| {
            Cli::try_parse_from(["semantest", "webhooks", "redeliver"].iter().chain(arguments)).is_ok()
        };
        assert!(parses(&[id, id]));
        assert!(parses(&["--since", "2026-10-01T12:00:00Z"]));
        assert!(parses(&[
            "--since",
            "2026-10-01T12:00:00Z",
            "--until",
            "2026-10-01T13:00:00Z",
            "--status",
            "failed"
        ]));
        assert!(!parses(&[]) && !parses(&[id]) && !parses(&[id, id, "--since", "2026-10-01T12:00:00Z"]));
        assert!(!parses(&["--since", "yesterday"]) && !parses(&["--until", "2026-10-01T12:00:00Z"]));
    }
}
