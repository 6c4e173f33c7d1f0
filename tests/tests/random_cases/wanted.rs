//! What weights make of a row, and of what comes upstream to it.

use burn_argmax_tests::check::largest;

use crate::{
    compare::{Precision, Wanted},
    judge::Row,
    weighed::{Scheme, Weighed},
};

/// A row with its weights.
pub struct Line<'a> {
    pub scores: &'a [f64],
    sizes: &'a [usize],
    scheme: Scheme,
    precision: &'a Precision,
    /// None where nothing has a weight.
    pub weighed: Option<Weighed>,
    is_silent: bool,
}

impl<'a> Line<'a> {
    pub fn new(
        row: &Row<'a>,
        sizes: &'a [usize],
        scheme: Scheme,
        precision: &'a Precision,
        has_one_for_each: bool,
    ) -> Self {
        Self {
            scores: row.scores,
            sizes,
            scheme,
            precision,
            weighed: scheme.of(row.scores, sizes),
            is_silent: row.is_silent(has_one_for_each),
        }
    }

    /// A number that the weights give, or NaN.
    pub fn number(&self, number: impl Fn(&Weighed) -> f64) -> f64 {
        self.weighed.as_ref().map_or(f64::NAN, number)
    }

    /// Slopes of the mean of values, each of which comes with its part of the upstream gradient.
    pub fn slopes(&self, value: impl Fn(usize) -> f64) -> Wanted {
        let n = self.scores.len();
        if self.is_silent {
            return Wanted::exact(vec![0.0; n]);
        }
        let Some(weighed) = &self.weighed else {
            return self.broken();
        };
        let of = |weighed: &Weighed| weighed.slopes(&value);
        let slopes = of(weighed);
        let mut within = self.precision.slopes(n) * largest(&slopes);
        if self.scheme.is_entmax() {
            // As the suite has it.
            within = match self.precision.is_wide() {
                true => {
                    let rounding = f64::EPSILON * weighed.steepest();
                    1e-10 * largest(&slopes) + rounding * weighed.spread(&value, self.scores)
                }
                false => 5e-4 * largest(&slopes) + 1e-7,
            };
        }
        within += weighed.lost(&value, self.scores);
        if weighed.faint {
            // As the suite has it, of an upstream gradient of any size.
            within += 1e-6 * self.precision.slopes(n) * weighed.spread(&value, self.scores);
        }
        let wanted = Wanted::within(slopes, |_| within);
        let threshold = if self.precision.is_wide() {
            1e-15
        } else {
            2.5e-7
        };
        let moved = self
            .scheme
            .beside_the_threshold(self.scores, self.sizes, threshold);
        match &moved[..] {
            [down, up] => wanted.or_between(&of(down), &of(up)),
            _ => wanted,
        }
    }

    /// The same of sums of so many terms about their means, of which each is rounded and may cancel.
    pub fn slopes_of_terms(&self, count: usize, term: impl Fn(usize, usize) -> f64) -> Wanted {
        let mut wanted = self.slopes(|i| (0..count).map(|which| term(which, i)).sum());
        if let Some(weighed) = self.weighed.as_ref().filter(|_| !self.is_silent) {
            let sizes = (0..count).map(|which| weighed.size(|i| term(which, i)));
            let unit = if self.precision.is_wide() {
                1e-15
            } else {
                2.5e-7
            };
            let rounding = unit * sizes.sum::<f64>();
            wanted
                .within
                .iter_mut()
                .for_each(|within| *within += rounding);
        }
        wanted
    }

    /// A row without weights: NaN, but nothing at a mask.
    fn broken(&self) -> Wanted {
        let is_broken = |x: &f64| x.is_nan() || *x == f64::INFINITY;
        let has_masses = !self.scores.iter().any(is_broken)
            && self.scores.iter().any(|&x| x != f64::NEG_INFINITY);
        let slope = |&x: &f64| {
            if x == f64::NEG_INFINITY {
                0.0
            } else {
                f64::NAN
            }
        };
        let mut wanted = Wanted::exact(self.scores.iter().map(slope).collect());
        // Of masses that sum to 0 within a window, those outside have no part.
        if has_masses && self.scheme.radius.is_some() {
            let open = wanted.within.iter_mut().zip(&wanted.values);
            let open = open.filter(|(_, value)| value.is_nan());
            open.for_each(|(within, _)| *within = f64::INFINITY);
        }
        wanted
    }
}
