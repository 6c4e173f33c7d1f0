//! Images of one's own, made on the spot, and the program to run on them.

pub mod shapes;

use std::process::{Command, Output};

/// The program, on the CPU backend that it was compiled with.
pub fn keypoints() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keypoints"));
    command.env_remove("BURN_DEVICE");
    command
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
