//! The rules of retention, which `sync` and `prune` have.

use std::num::NonZeroUsize;

use clap::Args;

use super::heading;
use crate::model::Retention;

/// Its name, for options that need at least one of these.
pub(super) const GROUP: &str = "retention";

#[derive(Args)]
#[command(next_help_heading = heading::RETENTION)]
#[group(id = GROUP, multiple = true)]
pub(super) struct RetentionOptions {
    /// Keep the newest N snapshots; one that several rules concern stays if any of them keeps it
    #[arg(long, value_name = "N")]
    keep_last: Option<NonZeroUsize>,
    /// Keep the newest snapshot of each of the last N days that have one, in UTC
    #[arg(long, value_name = "N")]
    keep_daily: Option<NonZeroUsize>,
    /// The same for weeks, from Monday to Sunday
    #[arg(long, value_name = "N")]
    keep_weekly: Option<NonZeroUsize>,
    /// The same for months
    #[arg(long, value_name = "N")]
    keep_monthly: Option<NonZeroUsize>,
    /// The same for years
    #[arg(long, value_name = "N")]
    keep_yearly: Option<NonZeroUsize>,
}

impl RetentionOptions {
    /// Returns the rules.
    pub(super) fn rules(&self) -> Retention {
        Retention {
            last: self.keep_last,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
        }
    }
}
