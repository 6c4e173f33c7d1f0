//! Where a run leaves its files, and what it says.

use std::{
    fmt::Display,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

/// Makes the directory of a run, the first free number under `runs` where it has no name; one that has
/// something in it is left alone.
pub fn directory(out: Option<&Path>, runs: &Path) -> Result<PathBuf> {
    let out = match out {
        Some(out) => out.to_path_buf(),
        None => (1u32..)
            .map(|run| runs.join(run.to_string()))
            .find(|path| !path.exists())
            .context("no free directory for the run")?,
    };
    let taken = out.exists()
        && out
            .read_dir()
            .map_or(true, |mut files| files.next().is_some());
    ensure!(
        !taken,
        "{} already exists and is not an empty directory; nothing was overwritten",
        out.display()
    );
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    Ok(out)
}

/// Writes a line for people.
pub fn say(line: impl Display) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("cannot write to standard output")
}
