//! Entmax: weights `[w + r * (x - max)]_+^k` with `k = 1 / (alpha - 1)` and `r = beta / k`, where `w`, which
//! is the root of the largest weight, is such that they sum to 1 (`roots`, `forward`). The gradient is
//! `beta * s * (grad - sum(s * grad) / sum(s))`, where `s` is the weight to the power `2 - alpha` (`backward`).

mod backward;
mod forward;
mod roots;

pub(crate) use backward::entmax_backward;
pub(crate) use forward::entmax_forward;
