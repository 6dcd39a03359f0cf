//! `semantest generate`.

use anyhow::{Result, bail};

use crate::cli;

pub(crate) async fn run(_args: cli::Generate) -> Result<()> {
    bail!("not yet")
}
