//! The words of the verbs that talk to a deployment.

use std::path::PathBuf;

use clap::Args;
use domain::{JobId, SessionId, UserId};

use super::Place;

/// Which deployment a client verb talks to: by default this machine's local cloud.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// A deployment's address, such as https://abc.execute-api.eu-west-1.amazonaws.com
    #[arg(long, env = "SEMANTEST_URL", requires = "api_key")]
    pub(crate) url: Option<String>,
    /// The API key for it.
    #[arg(long, env = "SEMANTEST_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// How images should be.
#[derive(Debug, Clone, Args)]
pub(crate) struct Look {
    /// Who draws it: dalle3, dalle2, gpt_image, stable_diffusion, midjourney or automatic.
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Width and height, such as 1024x1024.
    #[arg(long)]
    pub(crate) size: Option<String>,
    /// How many images, 1 to 4.
    #[arg(long)]
    pub(crate) count: Option<u8>,
    /// standard or hd.
    #[arg(long)]
    pub(crate) quality: Option<String>,
    /// vivid or natural.
    #[arg(long)]
    pub(crate) style: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// What to draw.
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) look: Look,
    /// low, normal or high.
    #[arg(long)]
    pub(crate) priority: Option<String>,
    /// Where to save the images.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Print the ended job and its files as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// What to say.
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) target: Target,
    /// The session to go on with; its id is printed after each reply.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<SessionId>,
    /// How freely to reply, 0 to 2.
    #[arg(long)]
    pub(crate) temperature: Option<f64>,
    /// How long the reply may be, 1 to 4000 tokens.
    #[arg(long)]
    pub(crate) max_tokens: Option<u16>,
    /// Draw what is said, too. To say how the images should be is to want them.
    #[arg(long)]
    pub(crate) image: bool,
    #[command(flatten)]
    pub(crate) look: Look,
    /// Where to save the images.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Print the reply, and the ended job and its files, as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Jobs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only those of this user.
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<UserId>,
    /// Only those that stand so: pending, queued, processing, completed, failed or cancelled.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// How many at most.
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
    /// Save its images here.
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
    /// A file in which each line is a job, such as {"prompt": "a kite", "size": "1024x1024"}; - for
    /// the standard input.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Save the images here.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print each job, when it has ended, as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
