//! The file that a command makes from a snapshot: an export or a report.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::Checksum;
use crate::files;
use crate::report::{Medium, Outlet};

/// Where a product goes.
#[derive(Clone, Debug)]
pub struct Product {
    /// The file.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Whether to write its SHA-256 beside it.
    pub checksum: Checksum,
}

/// What a product is written to.
pub(super) type ProductFile<'f> = Outlet<BufWriter<&'f mut File>>;

impl Product {
    /// Replaces the file with what `write` writes. `medium` is asked with whether it goes to a terminal.
    pub(super) fn write(
        &self,
        snapshot: &Path,
        medium: impl Fn(bool) -> Medium,
        write: impl FnOnce(bool, &mut ProductFile<'_>) -> Result<()>,
    ) -> Result<()> {
        let path = &self.path;
        ensure!(
            !files::is_same_file(path, snapshot),
            "`{}` is the snapshot itself; write to another file",
            path.display()
        );
        ensure!(
            self.checksum == Checksum::Omitted || !files::is_stream(path)?,
            "--checksum needs a regular file, and `{}` is not one",
            path.display()
        );
        files::replace(path, self.mode, |file| {
            let is_terminal = file.is_terminal();
            let out = BufWriter::with_capacity(1 << 20, file);
            let mut out = Outlet::new(out, medium(is_terminal));
            write(is_terminal, &mut out)
                .and_then(|()| Ok(out.flush()?))
                // Errors about the snapshot already name it.
                .map_err(|error| {
                    if error.is::<io::Error>() {
                        error.context(format!("writing `{}`", path.display()))
                    } else {
                        error
                    }
                })
        })?;
        if self.checksum == Checksum::Written {
            let sha256 =
                files::sha256(path).with_context(|| format!("reading `{}`", path.display()))?;
            files::write_checksum(path, &sha256, self.mode)?;
        }
        Ok(())
    }
}
