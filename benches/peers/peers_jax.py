"""The operators in JAX, compiled by `jit`."""

import jax
import jax.numpy as jnp
import numpy as np

from cases import BETA, FORWARD


class JaxPeer:
    """`train` with a gradient, and `infer` without one where that has less to do."""

    library = "jax"
    name = "JAX"

    def __init__(self, train, infer=None, is_random=False):
        self.infer = jax.jit(infer or train)
        self.train = jax.jit(lambda x, upstream: with_gradient(train, x, upstream))
        self.key = jax.random.key(0) if is_random else None

    def run(self, which, x, upstream):
        if self.key is not None:
            self.key, key = jax.random.split(self.key)
            return jax.block_until_ready((self.infer(x, key), None))
        if which == FORWARD:
            return jax.block_until_ready((self.infer(x), None))
        return jax.block_until_ready(self.train(x, upstream))


def with_gradient(function, x, upstream):
    y, pull = jax.vjp(function, x)
    return y, pull(upstream)[0]


def load(array):
    return jax.device_put(array)


def to_numpy(array):
    return np.asarray(array)


def peers(case):
    dim = case.dim
    if case.op == "soft-argmax":
        shape = [-1 if d == dim else 1 for d in range(len(case.shape))]

        def soft_argmax(x):
            index = jnp.arange(x.shape[dim], dtype=x.dtype).reshape(shape)
            return (jax.nn.softmax(x * BETA, dim) * index).sum(dim, keepdims=True)

        return [JaxPeer(soft_argmax)]
    if case.op == "spatial-soft-argmax":
        height, width = case.shape[2:]

        def spatial_soft_argmax(x):
            p = jax.nn.softmax(x * BETA, (2, 3))
            columns = jnp.arange(width, dtype=x.dtype)
            rows = jnp.arange(height, dtype=x.dtype)[:, None]
            return jnp.stack([(p * columns).sum((2, 3)), (p * rows).sum((2, 3))], -1)

        return [JaxPeer(spatial_soft_argmax)]

    def hard(x):
        return jax.nn.one_hot(x.argmax(dim), x.shape[dim], axis=dim, dtype=x.dtype)

    if case.op == "straight-through-one-hot":

        def straight_through(x):
            soft = jax.nn.softmax(x * BETA, dim)
            return soft + jax.lax.stop_gradient(hard(soft) - soft)

        return [JaxPeer(straight_through, infer=hard)]
    if case.op == "sampled-one-hot":

        def draw(x, key):
            return hard(x + jax.random.gumbel(key, x.shape, x.dtype))

        return [JaxPeer(draw, is_random=True)]
    return []  # no entmax in JAX
