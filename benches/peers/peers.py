"""Times the operators of burn-argmax beside those of PyTorch, JAX, kornia, dsntnn and entmax.

    pip install -r requirements.txt
    python peers.py --csv peers.csv --svg peers.svg

Everybody takes turns, round after round, so that the noise of a shared machine hits all alike.
"""

import argparse
import csv
import itertools
import os
import sys
import time
from importlib import metadata
from pathlib import Path

# Freed memory stays with the process, for all: without this, clearing the pages of a large new
# result takes longer than most kernels do, and the comparison is one of page faults.
KEEP_MEMORY = (
    "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=34359738368:glibc.malloc.arena_max=1"
)
# Bytes of inputs that a ring of cold ones takes at least: more than caches hold.
RING_BYTES = 300 * 2**20
# Before the samples of each turn: seconds of rest, and calls that are not timed.
SETTLE, UNTIMED = 0.02, 2
DEFAULT_BINARY = Path(__file__).parents[2] / "target/release/burn-argmax-benches"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=DEFAULT_BINARY, help="the Rust benchmark")
    parser.add_argument("--backend", default="flex", help="of ours: flex or ndarray")
    parser.add_argument("--op", nargs="*", help="operators to run [default: all]")
    parser.add_argument("--rounds", type=int, default=4, help="turns of everybody")
    parser.add_argument("--samples", type=int, default=3, help="samples of each turn")
    parser.add_argument("--threads", type=int, default=2, help="for everybody")
    parser.add_argument("--allocator", choices=["keep", "default"], default="keep",
                        help="keep: a process keeps the memory that it freed")
    parser.add_argument("--csv", type=Path, default=Path("peers.csv"), help="all samples")
    parser.add_argument("--svg", type=Path, default=Path("peers.svg"), help="the picture")
    parser.add_argument("--from", dest="source", type=Path,
                        help="draw the samples of this CSV instead of measuring")
    return parser.parse_args()


def set_environment(args):
    """Starts this program again in the environment that all libraries are to find.

    They read it when they are loaded, and the C library's allocator before that.
    """
    threads = str(args.threads)
    wanted = {name: threads for name in ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "NPROC"]}
    wanted |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    wanted["GLIBC_TUNABLES"] = KEEP_MEMORY if args.allocator == "keep" else ""
    # JAX makes as many threads as the process may use processors.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)


def check_versions():
    """Times of other versions are other times."""
    for line in (Path(__file__).parent / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, pinned = line.split("==")
            found = metadata.version(name).split("+")[0]  # without the build's name
            if found != pinned:
                sys.exit(f"{name} is {found} here and {pinned} in requirements.txt")


class Ring:
    """Inputs that are larger together than the caches, one after the other for all peers."""

    def __init__(self, arrays):
        self.hot = arrays[0]
        self.cold = itertools.cycle(arrays[1:])

    def next(self, cache):
        return self.hot if cache == "hot" else next(self.cold)


def turn(peer, which, cache, ring, upstream, samples):
    """Seconds of each sample, after calls that are not timed."""
    # Threads of another library may still spin, waiting for work.
    time.sleep(SETTLE)
    times = []
    for sample in range(-UNTIMED, samples):
        x = ring.next(cache)
        start = time.perf_counter()
        result = peer.run(which, x, upstream)
        end = time.perf_counter()
        del result
        if sample >= 0:
            times.append(end - start)
    return times


def measure(args):
    """Yields samples as dictionaries."""
    from tqdm import tqdm

    import cases
    import ours
    import peers_jax
    import peers_torch

    peers_torch.set_threads(args.threads)
    libraries = {"torch": peers_torch, "jax": peers_jax}
    todo = [case for case in cases.CASES if not args.op or case.op in args.op]
    progress = tqdm(total=len(todo) * args.rounds, unit="round")
    for case in todo:
        progress.set_description(f"{case.name}, checks")
        arrays = cases.inputs(case, RING_BYTES // case.nbytes + 2)
        upstream = cases.upstream(case)
        rings = {n: Ring([lib.load(a) for a in arrays]) for n, lib in libraries.items()}
        upstreams = {n: lib.load(upstream) for n, lib in libraries.items()}
        all_peers = [peer for library in libraries.values() for peer in library.peers(case)]
        check(case, all_peers, libraries, arrays[0], upstream)

        for round_ in range(args.rounds):
            progress.set_description(case.name)
            # Nobody is always first, and neither are hot inputs.
            shift = round_ % len(all_peers)
            caches = ["hot", "cold"] if round_ % 2 == 0 else ["cold", "hot"]
            for peer in all_peers[shift:] + all_peers[:shift]:
                for which, cache in itertools.product(case.passes, caches):
                    n = peer.library
                    times = turn(peer, which, cache, rings[n], upstreams[n], args.samples)
                    for seconds in times:
                        yield sample(case, which, peer.name, cache, round_, 1e3 * seconds)
            records = ours.run(args.binary, case, args.backend, args.samples, args.threads)
            for which, record in records.items():
                for name, column in [("ours", "ours_ms"), ("limit", "limit_ms")]:
                    ms = float(record[column])
                    yield sample(case, which, name, "interleaved", round_, ms)
            progress.update()
    progress.close()


def check(case, all_peers, libraries, x, upstream):
    """Times of wrong results are worth nothing."""
    import cases

    is_random = case.op == "sampled-one-hot"
    x = cases.same_rows(case) if is_random else x
    exact = None if is_random else cases.expected(case, x, upstream)
    for peer in all_peers:
        library = libraries[peer.library]
        for which in case.passes:
            y, gradient = peer.run(which, library.load(x), library.load(upstream))
            y = library.to_numpy(y)
            if is_random:
                cases.check_draws(case, peer.name, y, x)
            else:
                gradient = None if gradient is None else library.to_numpy(gradient)
                cases.check(case, peer.name, y, gradient, exact)


def sample(case, which, name, cache, round_, ms):
    return {"op": case.op, "shape": case.shape_name, "pass": which, "who": name,
            "input": cache, "round": round_, "ms": ms}


def main():
    args = arguments()
    if args.source:
        with open(args.source, newline="") as file:
            samples = [row | {"ms": float(row["ms"])} for row in csv.DictReader(file)]
    else:
        set_environment(args)
        check_versions()
        samples = []
        with open(args.csv, "w", newline="") as file:
            for row in measure(args):
                if not samples:
                    writer = csv.DictWriter(file, row)
                    writer.writeheader()
                samples.append(row)
                writer.writerow(row)
                file.flush()
    import report

    results = report.results(samples)
    report.print_table(results)
    report.draw(results, args.svg)


if __name__ == "__main__":
    main()
