//! The layer that makes an image large.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LargestLayer {
    /// The image.
    pub image: String,
    /// Bytes of the layer, unpacked.
    pub bytes: u64,
    /// Bytes of all layers, unpacked.
    pub of: u64,
    /// The instruction that made the layer, as the engine tells it; its first line.
    pub made_by: String,
}

impl LargestLayer {
    /// Returns the largest layer in `history`: for each layer its bytes, a tab, and the instruction that made it.
    pub(crate) fn of_history(image: &str, history: &str) -> Option<LargestLayer> {
        let layers = history.lines().filter_map(|line| {
            let (bytes, made_by) = line.split_once('\t')?;
            Some((bytes.trim().parse::<u64>().ok()?, made_by.trim()))
        });
        let of = layers.clone().map(|(bytes, _)| bytes).sum();
        let (bytes, made_by) = layers.max_by_key(|(bytes, _)| *bytes)?;
        Some(LargestLayer { image: image.into(), bytes, of, made_by: made_by.into() })
    }
}

/// `180 of 215 MB of redis:7 are one layer: RUN apt-get install redis`
impl fmt::Display for LargestLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 60;
        let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
        let made_by: String = self.made_by.chars().take(LONGEST).collect();
        let cut = if made_by.len() < self.made_by.len() { "…" } else { "" };
        write!(
            f,
            "{} of {} MB of {} are one layer: {made_by}{cut}",
            megabytes(self.bytes),
            megabytes(self.of),
            self.image
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_layer_is_told_with_its_share() {
        let history =
            "0\tCMD [\"redis-server\"]\n80000000\tRUN apt-get install -y redis\nthree\tno size\n9000000\tCOPY\n";
        let layer = LargestLayer::of_history("redis:7", history).unwrap();
        assert_eq!(layer.to_string(), "80 of 89 MB of redis:7 are one layer: RUN apt-get install -y redis");
        assert_eq!(LargestLayer::of_history("redis:7", "Error: no such image"), None);
    }
}
