//! Training on the devices of two servers of this machine.

mod support;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use serde_json::Value;
use support::{peak_index, stderr, write_record};

/// A server, for as long as it is held.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut process = peak_index()
            .args(["serve", "--addr", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (_, url) = line.trim().split_once(" at ").expect("its address");
        let url = url.to_owned();
        Self { process, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn two_servers_train_a_network() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let servers = [Server::start(), Server::start()];
    let train = |name: &str, devices: [&str; 2]| {
        let out = directory.path().join(name);
        let output = peak_index()
            .args([
                "--op",
                "soft",
                "--epochs",
                "3",
                "--channels",
                "4",
                "--batch-size",
                "4",
            ])
            .args(devices)
            .arg("--record")
            .arg(&record)
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let report = std::fs::read(out.join("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        ["untrained", "trained"].map(|when| {
            report["networks"][0][when]["mean_absolute"]
                .as_f64()
                .unwrap()
        })
    };
    let urls = servers
        .each_ref()
        .map(|server| server.url.as_str())
        .join(",");
    let [before, after] = train("remote", ["--remote", &urls]);
    assert!(after < before, "{before} before, {after} after");
    let [_, local] = train("local", ["--devices", "2"]);
    // The same batches and weights; only the order of a sum of two may differ.
    assert!((after - local).abs() < 0.05 * before, "{after} {local}");
}

#[test]
fn a_server_that_is_not_there() {
    let output = peak_index()
        .args(["--remote", "ws://127.0.0.1:9"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("cannot connect to ws://127.0.0.1:9"),
        "{message}"
    );
}
