//! What NVIDIA's own compilers make of CUDA C++.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use cudarc::nvrtc::{CompileError, CompileOptions, compile_ptx_with_opts};
use tempfile::NamedTempFile;

/// Of the H100 and the H200, spelled as CubeCL does.
const ARCHITECTURE: &str = "sm_90a";

/// NVRTC, which the loader finds by `LD_LIBRARY_PATH`, and what belongs to it.
pub struct Toolkit {
    headers: PathBuf,
    ptxas: PathBuf,
}

/// A kernel for one architecture.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Of a thread.
    pub registers: u32,
    /// Bytes that are stored to memory and loaded again for want of registers.
    pub spilled: u32,
    /// Bits of the widest load from global memory.
    pub load_bits: u32,
}

impl Toolkit {
    /// The folder `nvidia` of the Python packages, if `CUDA_PACKAGES` names it.
    pub fn from_env() -> Option<Self> {
        let packages = PathBuf::from(env::var_os("CUDA_PACKAGES")?);
        Some(Self {
            headers: packages.join("cuda_runtime/include"),
            ptxas: packages.join("cuda_nvcc/bin/ptxas"),
        })
    }

    /// Compiles as CubeCL does, and assembles as the driver does.
    ///
    /// # Errors
    ///
    /// What the compiler or the assembler said.
    pub fn compile(&self, source: &str) -> Result<Machine, String> {
        let options = CompileOptions {
            arch: Some(ARCHITECTURE),
            include_paths: vec![self.headers.display().to_string()],
            ..CompileOptions::default()
        };
        let ptx = compile_ptx_with_opts(source, options).map_err(|error| match error {
            CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
            error => error.to_string(),
        })?;
        let ptx = ptx.to_src();
        let report = assemble(&self.ptxas, &ptx)?;
        let number = |before: &str| number(&report, before).ok_or_else(|| report.clone());
        Ok(Machine {
            registers: number(" registers")?,
            spilled: number(" bytes spill stores")? + number(" bytes spill loads")?,
            load_bits: ptx.lines().filter_map(load_bits).max().unwrap_or(0),
        })
    }
}

/// What `ptxas -v` prints.
fn assemble(ptxas: &Path, ptx: &str) -> Result<String, String> {
    let run = || {
        let mut file = NamedTempFile::new()?;
        file.write_all(ptx.as_bytes())?;
        Command::new(ptxas)
            .args(["-v", "-arch", ARCHITECTURE, "-o", "/dev/null"])
            .arg(file.path())
            .output()
    };
    let output = run().map_err(|error| format!("{}: {error}", ptxas.display()))?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok(report),
        false => Err(report),
    }
}

/// The number that stands before some words.
fn number(report: &str, words: &str) -> Option<u32> {
    let before = &report[..report.find(words)?];
    let digits = before.rfind(|character: char| !character.is_ascii_digit())? + 1;
    before[digits..].parse().ok()
}

/// Of a load from global memory, such as `ld.global.nc.v4.f32`.
fn load_bits(line: &str) -> Option<u32> {
    let instruction = line
        .split_whitespace()
        .find(|word| word.starts_with("ld.global"))?;
    let mut parts = instruction.rsplit('.');
    let entry: u32 = parts.next()?.get(1..)?.parse().ok()?;
    let entries = parts.next().and_then(|part| part.strip_prefix('v'));
    let entries: u32 = entries.and_then(|count| count.parse().ok()).unwrap_or(1);
    Some(entry * entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let report = "ptxas info    : Function properties for kernel\n    \
                      16 bytes stack frame, 12 bytes spill stores, 8 bytes spill loads\n\
                      ptxas info    : Used 48 registers, used 1 barriers, 16 bytes smem\n";
        assert_eq!(number(report, " registers"), Some(48));
        assert_eq!(number(report, " bytes spill stores"), Some(12));
        assert_eq!(number(report, " bytes spill loads"), Some(8));
        assert_eq!(number(report, " bytes lmem"), None);
    }

    #[test]
    fn loads_are_read() {
        let bits = |line| load_bits(line);
        assert_eq!(
            bits("\tld.global.v4.f32 \t{%f1, %f2, %f3, %f4}, [%rd1];"),
            Some(128)
        );
        assert_eq!(bits("\t@%p1 ld.global.nc.u16 \t%rs1, [%rd1];"), Some(16));
        assert_eq!(
            bits("\tst.global.v4.f32 \t[%rd1], {%f1, %f2, %f3, %f4};"),
            None
        );
        assert_eq!(bits("\tld.shared.u32 \t%r1, [%r2];"), None);
    }
}
