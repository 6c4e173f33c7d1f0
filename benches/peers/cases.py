"""What is timed, and the exact results in f64 that every peer has to give before it is."""

from dataclasses import dataclass

import numpy as np

# Those of the Rust benchmark: inverse temperature of every softmax, and the alpha of the entmax.
BETA = 5.0
ALPHA = 1.5

FORWARD = "forward"
BOTH = "forward+backward"


@dataclass(frozen=True)
class Case:
    """An operator on inputs of one shape."""

    op: str
    shape: tuple
    dim: int
    passes: tuple = (FORWARD, BOTH)

    @property
    def shape_name(self):
        return "x".join(map(str, self.shape))

    @property
    def name(self):
        return f"{self.op} {self.shape_name}"

    @property
    def nbytes(self):
        return 4 * int(np.prod(self.shape))

    def seed_shape(self):
        """The shape of the output, and so of the gradient that arrives there."""
        if self.op == "soft-argmax":
            return tuple(1 if d == self.dim else n for d, n in enumerate(self.shape))
        if self.op == "spatial-soft-argmax":
            return (*self.shape[:2], 2)
        return self.shape


CASES = [
    Case("soft-argmax", (4096, 1024), 1),
    Case("soft-argmax", (1024, 4096), 0),
    Case("soft-argmax", (65536, 64), 1),
    Case("spatial-soft-argmax", (16, 17, 64, 64), -1),
    Case("straight-through-one-hot", (4096, 1024), 1),
    Case("entmax", (4096, 1024), 1),
    Case("sampled-one-hot", (4096, 1024), 1, (FORWARD,)),
]


def inputs(case, count):
    """Scores of a normal distribution, as the Rust benchmark has them, in `count` arrays."""
    random = np.random.default_rng(0)
    return [random.standard_normal(case.shape, dtype=np.float32) for _ in range(count)]


def upstream(case):
    """A gradient of the output, without structure that a compiler could use."""
    return np.random.default_rng(1).standard_normal(case.seed_shape(), dtype=np.float32)


def softmax(x, dim):
    weights = np.exp(x - x.max(dim, keepdims=True))
    return weights / weights.sum(dim, keepdims=True)


def softmax_gradient(p, upstream, dim):
    return BETA * p * (upstream - (p * upstream).sum(dim, keepdims=True))


def expected(case, x, v):
    """The output for `x`, and the gradient of `x` for the gradient `v` of the output."""
    x, v, dim = x.astype(np.float64), v.astype(np.float64), case.dim
    if case.op == "soft-argmax":
        p = softmax(BETA * x, dim)
        index = np.arange(x.shape[dim]).reshape([-1 if d == dim else 1 for d in range(x.ndim)])
        y = (p * index).sum(dim, keepdims=True)
        return y, BETA * v * p * (index - y)
    if case.op == "spatial-soft-argmax":
        height, width = x.shape[2:]
        p = softmax(BETA * x.reshape(*x.shape[:2], -1), -1)
        at = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 2)
        y = p @ at
        along = np.einsum("bcpk,bck->bcp", at - y[:, :, None], v)
        return y, (BETA * p * along).reshape(x.shape)
    if case.op == "straight-through-one-hot":
        y = np.zeros_like(x)
        np.put_along_axis(y, x.argmax(dim, keepdims=True), 1.0, dim)
        return y, softmax_gradient(softmax(BETA * x, dim), v, dim)
    assert case.op == "entmax", case.op
    half = x / 2
    low = half.max(dim, keepdims=True) - 1
    width = 1.0
    for _ in range(40):  # bisection: by another way than the peers find the threshold
        width /= 2
        total = np.square(np.maximum(half - low - width, 0)).sum(dim, keepdims=True)
        low = np.where(total >= 1, low + width, low)
    p = np.square(np.maximum(half - low, 0))
    root = np.sqrt(p)
    return p, root * (v - (root * v).sum(dim, keepdims=True) / root.sum(dim, keepdims=True))


def check(case, name, y, gradient, exact):
    """Fails where a peer's result is another than the exact one."""
    exact_y, exact_gradient = exact
    # A position is off by the rounding of a sum of products of up to the index.
    scale = exact_y.max() if case.op.endswith("soft-argmax") else 1.0
    error = np.abs(np.reshape(y, exact_y.shape) - exact_y).max() / scale
    assert error < 2e-5, f"{name}: {case.name} is off by {error:.1e} of its scale"
    if gradient is not None:
        error = np.abs(gradient - exact_gradient).max() / np.abs(exact_gradient).max()
        assert error < 1e-4, f"{name}: the gradient of {case.name} is off by {error:.1e}"


def same_rows(case):
    """Scores that are the same in every row, so that the draws of all rows can be counted."""
    row = np.random.default_rng(2).standard_normal(case.shape[1], dtype=np.float32)
    return np.broadcast_to(row, case.shape).copy()


def check_draws(case, name, y, x):
    """Draws are one-hot, and as frequent as the softmax says."""
    rows = x.shape[0]
    near_one = np.abs(y.max(1) - 1).max()
    rest = np.abs(y.sum(1) - y.max(1)).max()
    assert max(near_one, rest) < 1e-3, f"{name}: no one-hot"
    p = softmax(x[0].astype(np.float64), 0)
    # Bins of many classes, for each of which a count of thousands of rows says something.
    bins = np.array_split(np.argsort(p), 16)
    drawn = np.bincount(y.argmax(1), minlength=p.size)
    for classes in bins:
        mean = rows * p[classes].sum()
        deviation = np.sqrt(mean * (1 - mean / rows))
        assert abs(drawn[classes].sum() - mean) < 5 * deviation + 1, f"{name}: draws are biased"
