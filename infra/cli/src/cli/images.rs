//! The arguments of the commands for images and chat.

use std::path::PathBuf;

use clap::Args;
use domain::images::{ProviderChoice, Quality, Style};
use domain::jobs::WebhookEvent;
use domain::primitives::Priority;
use domain::{JobId, SessionId, UserId};

use super::target::Target;
use super::values::{job_statuses, names};

/// The options of a request for images.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageOptions {
    #[arg(long, help = format!("The image provider: {}", names::<ProviderChoice>()))]
    pub(crate) provider: Option<String>,
    /// The width and height in pixels, such as 1024x1024.
    #[arg(long)]
    pub(crate) size: Option<String>,
    /// The number of images, 1 to 4.
    #[arg(long)]
    pub(crate) count: Option<u8>,
    #[arg(long, help = format!("The quality: {}", names::<Quality>()))]
    pub(crate) quality: Option<String>,
    #[arg(long, help = format!("The style: {}", names::<Style>()))]
    pub(crate) style: Option<String>,
    /// Report the job's events to this URL by signed webhooks.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    #[arg(
        long = "webhook-event",
        value_name = "EVENT",
        requires = "webhook",
        help = format!(
            "An event to report, by default the three that end a job: {}",
            names::<WebhookEvent>()
        )
    )]
    pub(crate) webhook_events: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// A description of the images.
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) options: ImageOptions,
    #[arg(long, help = format!("The priority of the job: {}", names::<Priority>()))]
    pub(crate) priority: Option<String>,
    /// The folder to save the images in.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Print the ended job and its files as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// The message to send.
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) target: Target,
    /// The chat session to continue. Each reply prints its id.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<SessionId>,
    /// The sampling temperature, 0 to 2. Higher values give more varied replies.
    #[arg(long)]
    pub(crate) temperature: Option<f64>,
    /// The maximum length of the reply, 1 to 4000 tokens.
    #[arg(long)]
    pub(crate) max_tokens: Option<u16>,
    /// Also generate images from the message. Any image option implies this.
    #[arg(long)]
    pub(crate) image: bool,
    #[command(flatten)]
    pub(crate) options: ImageOptions,
    /// The folder to save the images in.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Print the reply, the ended job and its files as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Jobs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// List only jobs of this user.
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<UserId>,
    #[arg(long, help = format!("List only jobs with this status: {}", job_statuses()))]
    pub(crate) status: Option<String>,
    /// The maximum number of jobs to list.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
    /// Print each job as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The job's id.
    pub(crate) job: JobId,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Save the images in this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print the ended job as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The job's id.
    pub(crate) job: JobId,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Batch {
    /// A file with one job per line, such as {"prompt": "a kite", "size": "1024x1024"}; - reads the
    /// standard input.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Report the events of all jobs to this URL by signed webhooks.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    /// Save the images in this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print each job, once it has ended, as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
