//! What a bench measured: the table, the picture, the JSON.

use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;
use kind_harness::host::folders::write_output;
use kind_harness::report::{HostClass, StartupUsage};
use kind_harness::suite::plan::Plan;

use super::{Sample, Way, outputs, usage};
use crate::statistics::{Estimate, median_estimate, noise, ratio_estimate};

/// Every measurement, by way.
pub(super) struct Measured {
    suite: String,
    components: usize,
    host: HostClass,
    is_fresh: bool,
    began: Timestamp,
    ways: Vec<Measurements>,
}

struct Measurements {
    way: Way,
    seconds: Vec<f64>,
    answered: usize,
    failed: Vec<String>,
    usage: Vec<StartupUsage>,
}

impl Measured {
    pub(super) fn new(plan: &Plan, host: HostClass, is_fresh: bool, ways: &[Way]) -> Measured {
        let none = |way: &Way| Measurements {
            way: *way,
            seconds: Vec::new(),
            answered: 0,
            failed: Vec::new(),
            usage: Vec::new(),
        };
        Measured {
            suite: plan.suite().suite.clone(),
            components: plan.suite().components.len(),
            host,
            is_fresh,
            began: Timestamp::now(),
            ways: ways.iter().map(none).collect(),
        }
    }

    /// Adds a measurement. One that failed is counted, and has no time.
    pub(super) fn add(&mut self, way: Way, sample: Result<Sample, String>) {
        let Some(measurements) = self.ways.iter_mut().find(|it| it.way == way) else { return };
        match sample {
            Ok(sample) => {
                measurements.seconds.push(sample.seconds);
                measurements.usage.extend(sample.usage);
                measurements.answered += usize::from(sample.answered);
            }
            Err(why) => measurements.failed.push(why),
        }
    }

    pub(super) fn told(&self) -> outputs::Bench {
        let first = self.ways.first();
        let way = |it: &Measurements| outputs::BenchWay {
            way: it.way.name(),
            seconds: it.seconds.clone(),
            median: median_estimate(&it.seconds),
            ratio: first
                .filter(|first| first.way != it.way)
                .and_then(|first| ratio_estimate(&first.seconds, &it.seconds)),
            answered: it.answered,
            failed: it.failed.clone(),
            noise: noise(&it.seconds),
            usage: usage::medians(&it.usage),
        };
        outputs::Bench {
            suite: self.suite.clone(),
            components: self.components,
            host: self.host.clone(),
            began: self.began,
            fresh: self.is_fresh,
            ways: self.ways.iter().map(way).collect(),
        }
    }

    /// Returns the measurements as a table in Markdown, and what they are of.
    pub(super) fn markdown(&self) -> String {
        let told = self.told();
        let first = told.ways.first().map_or("the first", |way| way.way);
        let mut text = format!(
            "| | n | median | 95 % interval | ÷ {first} | 95 % interval | every port answered | failed |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        );
        for way in &told.ways {
            let figure = |estimate: Option<Estimate>, unit: &str| {
                let value = estimate.map(|it| format!("{:.2}{unit}", it.value)).unwrap_or_default();
                let interval =
                    estimate.and_then(|it| it.interval).map(|(low, high)| format!("{low:.2} to {high:.2}{unit}"));
                format!("{value} | {}", interval.unwrap_or_default())
            };
            let n = way.seconds.len();
            let _ = writeln!(
                text,
                "| {} | {n} | {} | {} | {} of {n} | {} |",
                way.way,
                figure(way.median, " s"),
                figure(way.ratio, ""),
                way.answered,
                way.failed.len()
            );
        }
        let used: Vec<_> = told.ways.iter().filter_map(|way| Some((way.way, way.usage?))).collect();
        text.push_str(&usage::markdown(&used));
        let what = if self.is_fresh {
            "from no cluster to all ready, a new cluster each"
        } else {
            "from applied to ready, on one cluster"
        };
        let noise = told
            .ways
            .first()
            .and_then(|way| way.noise)
            .map(|noise| format!(". Noise of {first}: {:.0} %", 100.0 * noise));
        let noise = noise.unwrap_or_default();
        let _ = write!(
            text,
            "\n{}, {} components, {what}; kind-harness {}, {}, {}{noise}.",
            told.suite,
            told.components,
            env!("CARGO_PKG_VERSION"),
            told.host,
            told.began.strftime("%Y-%m-%d")
        );
        text
    }

    /// Writes the table: between its marks in the file, if it has them, else as the whole file.
    pub(super) fn write_table(&self, file: &Path) -> std::io::Result<()> {
        let name = if self.is_fresh { "bench --fresh" } else { "bench" };
        let known = fs_err::read_to_string(file).unwrap_or_default();
        write_output(file, &between(&known, name, &self.markdown()).unwrap_or_else(|| format!("{}\n", self.markdown())))
    }

    /// Returns every measurement as a dot, and the median of each way as a line.
    pub(super) fn plot(&self) -> String {
        const ROW: f64 = 40.0;
        const LEFT: f64 = 170.0;
        const WIDTH: f64 = 600.0;
        let longest = self.ways.iter().flat_map(|way| &way.seconds).copied().fold(1.0, f64::max);
        let x = |seconds: f64| LEFT + seconds / longest * WIDTH;
        let height = ROW * (self.ways.len() as f64 + 1.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <title>{}: seconds to ready</title>\n",
            LEFT + WIDTH + 60.0,
            self.suite
        );
        for (way, row) in self.ways.iter().zip(0_u32..) {
            let y = ROW * (f64::from(row) + 0.6);
            let _ = writeln!(svg, "<text x=\"0\" y=\"{:.1}\" fill=\"gray\">{}</text>", y + 4.0, way.way.name());
            for seconds in &way.seconds {
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#3f74b8\" fill-opacity=\"0.5\"/>",
                    x(*seconds)
                );
            }
            if let Some(median) = median_estimate(&way.seconds) {
                let at = x(median.value);
                let _ = writeln!(
                    svg,
                    "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#d1601f\" stroke-width=\"2\"/>\
                     <text x=\"{:.1}\" y=\"{:.1}\" fill=\"gray\">{:.2} s</text>",
                    y - 12.0,
                    y + 12.0,
                    at + 4.0,
                    y - 9.0,
                    median.value
                );
            }
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Returns `text` with what stands between the marks of `name` replaced; `None` when it has no such marks.
fn between(text: &str, name: &str, new: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("\n<!-- /{name} -->"));
    let start = text.find(&begin)? + begin.len();
    let stop = start + text[start..].find(&end)?;
    Some(format!("{}{new}{}", &text[..start], &text[stop..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_between_its_marks_and_nowhere_else() {
        let text =
            "a\n<!-- bench -->\nold\nolder\n<!-- /bench -->\nb <!-- bench --fresh -->\n\n<!-- /bench --fresh -->\n";
        let new = between(text, "bench", "new").unwrap();
        assert_eq!(
            new,
            "a\n<!-- bench -->\nnew\n<!-- /bench -->\nb <!-- bench --fresh -->\n\n<!-- /bench --fresh -->\n"
        );
        assert_eq!(between(&new, "bench", "new").unwrap(), new);
        assert_eq!(between("nothing", "bench", "new"), None);
        assert_eq!(between("<!-- bench -->\nno end", "bench", "new"), None);
    }
}
