"""The operators in PyTorch, and in the libraries on it."""

import dsntnn
import entmax
import torch
from kornia.geometry.subpix import spatial_soft_argmax2d
from torch.nn.functional import gumbel_softmax

from cases import ALPHA, BETA, FORWARD


def set_threads(threads):
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)


class TorchPeer:
    """`train` with a graph, and `infer` without one where that has less to do."""

    library = "torch"

    def __init__(self, name, train, infer=None, compiled=False):
        self.name = name
        self.train, self.infer = train, infer or train
        if compiled:
            self.train = torch.compile(self.train, dynamic=False)
            self.infer = torch.compile(self.infer, dynamic=False)

    def run(self, which, x, upstream):
        if which == FORWARD:
            with torch.inference_mode():
                return self.infer(x), None
        x = x.detach().requires_grad_()
        y = self.train(x)
        return y, torch.autograd.grad(y, x, upstream)[0]


def load(array):
    return torch.from_numpy(array)


def to_numpy(tensor):
    return tensor.detach().numpy()


def both(name, train, infer=None):
    """The function as it is, and compiled."""
    return [TorchPeer(name, train, infer), TorchPeer(f"{name} compiled", train, infer, True)]


def peers(case):
    dim = case.dim
    if case.op == "soft-argmax":
        index = torch.arange(case.shape[dim], dtype=torch.float32)
        shaped = index.reshape([-1 if d == dim else 1 for d in range(len(case.shape))])

        def summed(x):
            return (torch.softmax(x * BETA, dim) * shaped).sum(dim, keepdim=True)

        def product(x):
            p = torch.softmax(x * BETA, dim)
            return (p @ index if dim == 1 else index @ p).unsqueeze(dim)

        return both("PyTorch", summed) + [TorchPeer("PyTorch, matmul", product)]
    if case.op == "spatial-soft-argmax":
        height, width = case.shape[2:]
        columns, rows = torch.arange(width).float(), torch.arange(height).float()[:, None]
        temperature = torch.tensor(1 / BETA)  # kornia before 0.9 multiplied by it

        def plain(x):
            p = torch.softmax(x.flatten(2) * BETA, 2).reshape(x.shape)
            return torch.stack([(p * columns).sum((2, 3)), (p * rows).sum((2, 3))], -1)

        def kornia(x):
            return spatial_soft_argmax2d(x, temperature, normalized_coordinates=False)

        def dsnt(x):
            return dsntnn.soft_argmax(dsntnn.flat_softmax(x * BETA), normalized_coordinates=False)

        return both("PyTorch", plain) + [TorchPeer("kornia", kornia), TorchPeer("dsntnn", dsnt)]
    if case.op == "straight-through-one-hot":

        def hard(x):
            return torch.zeros_like(x).scatter_(dim, x.argmax(dim, keepdim=True), 1.0)

        def straight_through(x):
            soft = torch.softmax(x * BETA, dim)
            return hard(soft) - soft.detach() + soft

        return both("PyTorch", straight_through, infer=hard)
    if case.op == "sampled-one-hot":
        return both("PyTorch", lambda x: gumbel_softmax(x, 1 / BETA, hard=True, dim=dim))
    assert case.op == "entmax" and ALPHA == 1.5, case.op
    # entmax_bisect takes several times as long as both.
    return [
        TorchPeer("entmax15, sort", lambda x: entmax.entmax15(x, dim)),
        TorchPeer("entmax15, k=100", lambda x: entmax.entmax15(x, dim, 100)),
    ]
