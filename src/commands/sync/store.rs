//! Writes a new snapshot if it may replace the previous one, then copies it and removes old ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::archive::{Archive, New};
use super::crawled::Crawled;
use super::guard::{self, Objection, Refusal, RefusedCopy};
use super::lock::{self, Lock, Locked};
use super::settings::{Checksum, FileOutput, Rejected};
use super::target::{self, Template};
use crate::commands::World;
use crate::commands::archived::Archived;
use crate::crawl::posthog::Completeness;
use crate::files;
use crate::model::Timestamp;
use crate::progress::Event;
use crate::snapshot::{self, ContentDigest, Target, Written};

/// How long to wait for another run that is copying its snapshot to the same `--latest`.
const LATEST_WAIT: Duration = Duration::from_secs(60);

/// How long to wait for another run that is removing old snapshots from the same folder.
const PRUNING_WAIT: Duration = Duration::from_secs(60);

/// Writes one snapshot to its file.
pub(super) struct Store<'a, 'w> {
    file: &'a FileOutput,
    /// The folder for the database while it is built.
    temp_dir: Option<&'a Path>,
    crawled: &'a Crawled,
    world: &'a World<'w>,
    /// The file name with its placeholders filled in.
    path: PathBuf,
}

impl<'a, 'w> Store<'a, 'w> {
    /// Fills in the file name.
    ///
    /// # Errors
    /// When the organization's id cannot be part of it.
    pub(super) fn new(
        file: &'a FileOutput,
        temp_dir: Option<&'a Path>,
        crawled: &'a Crawled,
        world: &'a World<'w>,
    ) -> Result<Self> {
        let path = file
            .template
            .path(crawled.sync_run.started_at, crawled.organization())?;
        files::set_targets(file.targets(&path));
        Ok(Self {
            file,
            temp_dir,
            crawled,
            world,
            path,
        })
    }

    /// Writes the snapshot, copies it to `--latest`, and removes old ones.
    ///
    /// # Errors
    /// [`Refusal`] when it may not replace the previous one; when a file cannot be read or written.
    pub(super) fn run(self) -> Result<(PathBuf, Written, ContentDigest)> {
        self.check()?;
        let (written, digest) = self.write(&self.path)?;
        if let Some(latest) = &self.file.latest {
            self.update_latest(latest, &written)?;
        }
        self.prune()?;
        Ok((self.path, written, digest))
    }

    /// Refuses a snapshot that may be incomplete or has shrunk too much. It is saved under a marked name if the user wants.
    fn check(&self) -> Result<()> {
        if let Completeness::Doubtful(doubt) = &self.crawled.completeness {
            let kept = self.keep(target::INCOMPLETE)?;
            return Err(Refusal::incomplete(&self.path, doubt.clone(), kept).into());
        }
        match self.compare_with_baseline() {
            Err(Objection::Refusal(mut refusal)) if self.file.rejected == Rejected::Kept => {
                refusal.copy = self.keep(target::REJECTED)?;
                Err(refusal.into())
            }
            result => Ok(result?),
        }
    }

    fn compare_with_baseline(&self) -> Result<(), Objection> {
        let Crawled {
            inventory,
            evidence,
            ..
        } = self.crawled;
        let organization = self.crawled.organization();
        let Some((path, before)) =
            guard::find_baseline(self.file, &self.path, organization, self.now())?
        else {
            return Ok(());
        };
        let now = self.now();
        let message = guard::check_shrink(&path, &before, self.file, now, inventory, evidence)?;
        if let Some(message) = message {
            self.warn(message);
        }
        Ok(())
    }

    fn write(&self, path: &Path) -> Result<(Written, ContentDigest)> {
        let target = Target::File {
            path,
            mode: self.file.mode,
        };
        let contents = self.crawled.contents();
        let written = snapshot::write(target, &contents, self.temp_dir, self.world.reporter)?;
        self.write_checksum(path, &written.0)?;
        Ok(written)
    }

    /// Writes the SHA-256 of the snapshot beside it, or beside a copy.
    fn write_checksum(&self, path: &Path, written: &Written) -> Result<(), files::Error> {
        match self.file.checksum {
            Checksum::Omitted => Ok(()),
            Checksum::Written => files::write_checksum(path, &written.sha256, self.file.mode),
        }
    }

    /// Saves a refused snapshot next to its target, under a marked name, if a file of that name may be replaced.
    fn keep(&self, mark: &str) -> Result<RefusedCopy> {
        let path = Template::marked(&self.path, mark);
        let FileOutput { guard, read, .. } = self.file;
        let found = guard::check_unlinked(&path)
            .map_err(Objection::from)
            .and_then(|()| guard::identify(&path, self.crawled.organization(), *guard, read));
        match found {
            Ok(_) => {
                self.write(&path)?;
                Ok(RefusedCopy::Saved(path))
            }
            Err(Objection::Refusal(refusal)) => Ok(RefusedCopy::Blocked(Box::new(refusal))),
            Err(Objection::Failure(error)) => Err(error),
        }
    }

    /// Copies the snapshot to `latest`, unless another run has written a newer one there.
    fn update_latest(&self, latest: &Path, written: &Written) -> Result<()> {
        if files::is_same_file(latest, &self.path) {
            return Ok(());
        }
        let FileOutput { guard, read, .. } = self.file;
        let wait = LATEST_WAIT.max(self.file.wait);
        let _lock = Lock::take(&target::lock_path(latest)?, wait, self.now())?;
        let before = guard::identify(latest, self.crawled.organization(), *guard, read)?;
        if let Some(before) = before
            && Some(before.captured_at) > self.crawled.sync_run.ended_at
        {
            let latest = latest.display();
            if !before.captured_at.is_future(self.now()) {
                self.warn(format!(
                    "`{latest}` is newer than this snapshot and was not replaced"
                ));
                return Ok(());
            }
            self.warn(format!("`{latest}` is dated in the future and is replaced"));
        }
        snapshot::copy(&self.path, latest, self.file.mode)?;
        Ok(self.write_checksum(latest, written)?)
    }

    /// Removes the snapshots of the template that no rule keeps, except the one just written.
    fn prune(&self) -> Result<()> {
        let FileOutput {
            template,
            retention,
            read,
            wait,
            ..
        } = self.file;
        if retention.is_empty() {
            return Ok(());
        }
        let lock = lock::path_of_pruning(template.dir());
        let _lock = match Lock::take(&lock, PRUNING_WAIT.max(*wait), self.now()) {
            // The next run removes them, and the new snapshot is there.
            Err(error) if error.is::<Locked>() => {
                self.warn(format!("old snapshots were not removed: {error}"));
                return Ok(());
            }
            taken => taken?,
        };
        let run = &self.crawled.sync_run;
        let archive = Archive {
            template,
            organization: self.crawled.organization(),
            retention: *retention,
            now: self.now(),
            options: read,
        };
        let surplus = archive.surplus(New {
            path: &self.path,
            captured_at: run.ended_at.unwrap_or(run.started_at),
        })?;
        // A file that cannot be removed must not keep others.
        let results: Vec<_> = surplus.iter().map(Archived::remove).collect();
        results
            .into_iter()
            .try_for_each(|result| result.map(|_| ()))
    }

    fn warn(&self, message: String) {
        self.world.reporter.report(Event::Warned { message });
    }

    fn now(&self) -> Timestamp {
        (self.world.now)()
    }
}
