"""The Rust benchmark, run as a process."""

import csv
import subprocess
import tempfile
from pathlib import Path


def run(binary, case, backend, samples, threads):
    """The records of each pass: medians of `samples`, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ours.csv"
        command = [binary.resolve(), "--device", backend, "--op", case.op, "--shape", case.shape_name]
        command += ["--samples", str(samples), "--csv", path]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{case.name}: {done.stderr}")
        with open(path, newline="") as file:
            records = {record["pass"]: record for record in csv.DictReader(file)}
    for record in records.values():
        assert int(record["threads"]) == threads, "ours runs on another number of threads"
    return {which: records[which] for which in case.passes}
