//! The options of `prune`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{ArgAction, ArgGroup, Args};

use super::global::GlobalOptions;
use super::heading;
use super::retention::RetentionOptions;
use super::values::flag;
use crate::commands::{PruneArgs, Pruning};

#[derive(Args)]
#[command(group(
    ArgGroup::new("rules")
        .args(["keep_last", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly"])
        .required(true)
        .multiple(true)
))]
pub(super) struct PruneOptions {
    /// Folder whose *.c1z files to prune; subfolders are not read
    #[arg(value_name = "PATH")]
    folder: PathBuf,
    #[command(flatten)]
    retention: RetentionOptions,
    /// Remove nothing; print what would be kept by which rule, and removed
    #[arg(
        long,
        help_heading = heading::RETENTION,
        action = ArgAction::SetTrue,
        value_parser = flag(Pruning::Remove, Pruning::DryRun)
    )]
    dry_run: Pruning,
}

impl PruneOptions {
    /// Resolves which folder to prune, and how.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<PruneArgs> {
        Ok(PruneArgs {
            retention: self.retention.rules(),
            folder: self.folder,
            pruning: self.dry_run,
            format: global.format()?,
            options: global.read_options(),
        })
    }
}
