//! Prior, threshold, and an administrator's own weights.

use std::collections::HashMap;

/// What turns evidence into confidence. A unit is one bit of log-odds.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Log-odds, in bits, that a message to an outside recipient is an automatic forward before anything is seen.
    pub prior: f64,
    /// The confidence from which the verdict is a forward.
    pub threshold: f64,
    /// Weights that replace those of the catalogue, by evidence id.
    pub overrides: HashMap<String, f64>,
}

impl Default for Weights {
    fn default() -> Self {
        Self { prior: -5.0, threshold: 0.5, overrides: HashMap::new() }
    }
}

impl Weights {
    /// Confidence of a sum of bits, the prior included: 1 / (1 + 2^-bits).
    pub fn confidence(bits: f64) -> f64 {
        1.0 / (1.0 + (-bits).exp2())
    }
}
