"""Writes `coming_from.json`: what the lines of `coming_from` give in the libraries that they come from.

Needs torch 2.15.0, kornia 0.9.0 and dsntnn 0.5.3.
"""

import json
from importlib.metadata import version
from pathlib import Path

import dsntnn
import torch
from kornia.geometry import conversions, subpix

torch.set_default_dtype(torch.float64)
torch.manual_seed(20)
CASES = []


def case(library, op, x, function, **args):
    """`function` of `x`, whose other arguments are `args`."""
    x = x.clone().requires_grad_()
    tensors = {name: torch.as_tensor(value) for name, value in args.items()}
    y = function(x, **tensors)
    up = torch.randn_like(y)
    (g,) = torch.autograd.grad((y * up).sum(), x)
    flat = lambda tensor: [float(f"{value:.12g}") for value in tensor.detach().flatten()]
    CASES.append(
        {
            "source": f"{library} {version(library)}",
            "op": op,
            "args": {
                name: flat(value) if value.ndim else value.item() for name, value in tensors.items()
            },
            "shape": list(x.shape),
            "x": flat(x),
            "up": flat(up),
            "y_shape": list(y.shape),
            "y": flat(y),
            "g": flat(g),
        }
    )


HEIGHT, WIDTH = SIZE = (9, 7)
MAPS = 2 * torch.randn(2, 3, HEIGHT, WIDTH)
CENTERS = torch.rand(2, 3, 2) - 0.5
PIXELS = 6 * torch.rand(2, 3, 2)
TARGETS = torch.rand(2, 3, 2) - 0.5
VOLUMES = (5, 9, 7)

softmax2d = dsntnn.flat_softmax
case(
    "kornia",
    "spatial_softmax2d",
    MAPS,
    lambda x, temperature: subpix.spatial_softmax2d(x, temperature),
    temperature=0.4,
)
for normalized, centers in [(True, CENTERS), (False, PIXELS)]:
    case(
        "kornia",
        "render_gaussian2d",
        centers,
        lambda x, std, normalized: subpix.render_gaussian2d(x, std, SIZE, bool(normalized)),
        std=[0.3, 0.2] if normalized else [1.65, 1.5],
        normalized=normalized,
    )
    case(
        "kornia",
        "spatial_expectation2d(spatial_softmax2d)",
        MAPS,
        lambda x, normalized: subpix.spatial_expectation2d(
            subpix.spatial_softmax2d(x), bool(normalized)
        ),
        normalized=normalized,
    )
case(
    "kornia",
    "normalize_pixel_coordinates",
    PIXELS,
    lambda x: conversions.normalize_pixel_coordinates(x, HEIGHT, WIDTH),
)
case(
    "kornia",
    "denormalize_pixel_coordinates",
    CENTERS,
    lambda x: conversions.denormalize_pixel_coordinates(x, HEIGHT, WIDTH),
)
case("dsntnn", "dsnt(given)", MAPS, lambda x: dsntnn.dsnt(softmax2d(x)))
case("dsntnn", "flat_softmax", MAPS, softmax2d)
case(
    "dsntnn",
    "soft_argmax",
    MAPS,
    lambda x: dsntnn.soft_argmax(softmax2d(x), normalized_coordinates=False),
)
case(
    "dsntnn",
    "make_gauss",
    CENTERS,
    lambda x, sigma: dsntnn.make_gauss(x, SIZE, sigma),
    sigma=1.5,
)
case(
    "dsntnn",
    "make_gauss",
    torch.rand(1, 2, 3) - 0.5,
    lambda x, sigma: dsntnn.make_gauss(x, VOLUMES, sigma),
    sigma=0.8,
)
for name in ["euclidean_losses", "l1_losses", "mse_losses"]:
    case("dsntnn", name, CENTERS, lambda x, target: getattr(dsntnn, name)(x, target), target=TARGETS)
case(
    "dsntnn",
    "average_loss",
    torch.rand(2, 3),
    lambda x, mask: dsntnn.average_loss(x, mask).reshape(1),
    mask=[[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]],
)
case("dsntnn", "average_loss", torch.rand(2, 3), lambda x: dsntnn.average_loss(x).reshape(1))

LOGITS = 2 * torch.randn(2, 7, 5)
INDEX = torch.arange(7.0)[:, None]


def mean(weights, bins):
    return (weights * bins).sum(1, keepdim=True)


case(
    "torch",
    "soft_argmax(beta)",
    LOGITS,
    lambda x, beta: mean(torch.softmax(x * beta, 1), INDEX),
    beta=3.0,
)
case(
    "torch",
    "soft_argmax over bins",
    LOGITS,
    lambda x, bins: mean(torch.softmax(x, 1), bins[:, None]),
    bins=torch.randn(7),
)
case("torch", "soft_argmin", LOGITS, lambda x: mean(torch.softmax(-x, 1), INDEX))
case(
    "torch",
    "soft_argmin over bins",
    LOGITS,
    lambda x, bins: mean(torch.softmax(-x, 1), bins),
    bins=torch.rand(2, 7, 5),
)
case("torch", "softmax", LOGITS, lambda x, beta: torch.softmax(x * beta, 1), beta=1.7)


def one_hot(x):
    chosen = torch.nn.functional.one_hot(x.argmax(1), x.shape[1]).movedim(-1, 1)
    return chosen + x - x.detach()


case("torch", "one_hot", LOGITS, one_hot)

path = Path(__file__).with_suffix(".json")
lines = ",\n".join(json.dumps(case) for case in CASES)
path.write_text(f"[\n{lines}\n]\n")
print(len(CASES), "cases")
