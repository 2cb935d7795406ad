//! Where metrics are counted: a series is made once and then is an atomic number. Only what stands in the table is counted,
//! and no series is made past what the table allows, so that what mail says can never fill the memory.

use super::{ALL, Kind, MAX_NAMES, Metric, Values};
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString, Unit,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What counts for a value that the table does not allow.
const OTHER: &str = "other";
/// The longest value of a label.
const MAX_VALUE: usize = 64;

/// All metrics of this process.
#[derive(Clone)]
pub struct Registry(Arc<Families>);

struct Families {
    by_name: HashMap<&'static str, usize>,
    families: Vec<Family>,
}

struct Family {
    metric: &'static Metric,
    series: RwLock<BTreeMap<Vec<String>, Series>>,
}

#[derive(Clone)]
enum Series {
    Counter(Arc<AtomicU64>),
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

impl Registry {
    /// A registry of every metric of the table. Series whose labels are known are there from the start, at 0: the first
    /// fault is then a rise that an alert can see.
    pub fn new() -> Self {
        let families: Vec<Family> = ALL.iter().map(|metric| Family::new(metric)).collect();
        let by_name = ALL.iter().enumerate().map(|(index, metric)| (metric.name, index)).collect();
        Self(Arc::new(Families { by_name, families }))
    }

    /// Counts from now on what this process does.
    ///
    /// # Errors
    /// Another registry does so already.
    pub fn install(&self) -> Result<(), SetRecorderError<Self>> {
        metrics::set_global_recorder(self.clone())
    }

    /// All series in Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(8 << 10);
        self.0.families.iter().for_each(|family| family.render(&mut text));
        text
    }

    fn series(&self, key: &Key) -> Option<Series> {
        let family = self.0.by_name.get(key.name()).and_then(|index| self.0.families.get(*index))?;
        Some(family.series(key))
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder for Registry {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.series(key) {
            Some(Series::Counter(number)) => Counter::from_arc(number),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.series(key) {
            Some(Series::Gauge(number)) => Gauge::from_arc(number),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.series(key) {
            Some(Series::Histogram(buckets)) => Histogram::from_arc(buckets),
            _ => Histogram::noop(),
        }
    }
}

impl Family {
    fn new(metric: &'static Metric) -> Self {
        let mut series: Vec<Vec<String>> = vec![Vec::new()];
        for label in metric.labels {
            let Values::Of(values) = label.values else {
                series.clear();
                break;
            };
            let each = |begun: &Vec<String>| {
                let begun = begun.clone();
                values.iter().map(move |value| [begun.as_slice(), &[(*value).to_owned()]].concat())
            };
            series = series.iter().flat_map(each).collect();
        }
        let series = series.into_iter().map(|labels| (labels, Series::new(metric.kind))).collect();
        Self { metric, series: RwLock::new(series) }
    }

    /// The series of these labels: that which is there, a new one, or that of all others.
    fn series(&self, key: &Key) -> Series {
        let mut labels: Vec<String> = Vec::with_capacity(self.metric.labels.len());
        for label in self.metric.labels {
            let value = key.labels().find(|given| given.key() == label.name).map_or(OTHER, |given| given.value());
            let known = match label.values {
                Values::Of(values) => values.contains(&value),
                Values::Names => value.len() <= MAX_VALUE,
            };
            labels.push(if known { value } else { OTHER }.to_owned());
        }
        if let Some(series) = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&labels) {
            return series.clone();
        }
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if series.len() >= MAX_NAMES && !series.contains_key(&labels) {
            labels.fill(OTHER.to_owned());
        }
        series.entry(labels).or_insert_with(|| Series::new(self.metric.kind)).clone()
    }

    fn render(&self, text: &mut String) {
        let Metric { name, help, kind, labels } = self.metric;
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        // Writing to a text cannot fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.name());
        for (values, series) in series.iter() {
            let pairs: Vec<String> = labels
                .iter()
                .zip(values)
                .map(|(label, value)| format!("{}=\"{}\"", label.name, escaped(value)))
                .collect();
            let line = |suffix: &str, more: Option<String>, number: String| {
                let pairs: Vec<&str> = pairs.iter().map(String::as_str).chain(more.as_deref()).collect();
                let braced = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
                format!("{name}{suffix}{braced} {number}\n")
            };
            match series {
                Series::Counter(number) => {
                    text.push_str(&line("", None, number.load(Ordering::Relaxed).to_string()));
                }
                Series::Gauge(bits) => {
                    text.push_str(&line("", None, f64::from_bits(bits.load(Ordering::Relaxed)).to_string()));
                }
                Series::Histogram(buckets) => {
                    let (below, sum) = buckets.read();
                    for (bound, count) in
                        buckets.bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]).zip(&below)
                    {
                        text.push_str(&line("_bucket", Some(format!("le=\"{bound}\"")), count.to_string()));
                    }
                    text.push_str(&line("_sum", None, sum.to_string()));
                    text.push_str(&line("_count", None, below.last().copied().unwrap_or_default().to_string()));
                }
            }
        }
    }
}

/// A label's value as it stands between quotation marks.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Series {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter(Arc::default()),
            Kind::Gauge | Kind::Sum => Self::Gauge(Arc::default()),
            Kind::Histogram(bounds) => Self::Histogram(Arc::new(Buckets::new(bounds))),
        }
    }
}

/// A histogram: how many values fell under each bound and above the one before, and their sum.
struct Buckets {
    bounds: &'static [f64],
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    /// How many values are not above each bound, the last of which is infinite; and the sum of all.
    fn read(&self) -> (Vec<u64>, f64) {
        let mut below = 0;
        let counts = self.counts.iter().map(|count| {
            below += count.load(Ordering::Relaxed);
            below
        });
        (counts.collect(), f64::from_bits(self.sum.load(Ordering::Relaxed)))
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let index = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DURATION, FAULTS, IN_PROGRESS, MESSAGES, VERDICTS};
    use super::*;

    fn counted(count: impl FnOnce()) -> String {
        let registry = Registry::new();
        metrics::with_local_recorder(&registry, count);
        registry.render()
    }

    #[test]
    fn what_is_known_is_there_from_the_start() {
        let text = counted(|| ());
        assert!(text.contains("forwarden_verdicts_total{verdict=\"bounce\"} 0\n"), "{text}");
        assert!(text.contains("# TYPE forwarden_message_duration_seconds histogram\n"), "{text}");
        assert!(!text.contains("forwarden_messages_total{"), "no listener is known: {text}");
    }

    #[test]
    fn what_is_counted_is_rendered() {
        let text = counted(|| {
            metrics::counter!(MESSAGES.name, "listener" => "out").increment(2);
            metrics::counter!(FAULTS.name, "stage" => "judging", "listener" => "out").increment(1);
            metrics::gauge!(IN_PROGRESS.name).set(2.5);
            for seconds in [0.0004, 0.0005, 0.3, 9.0] {
                metrics::histogram!(DURATION.name, "listener" => "out").record(seconds);
            }
        });
        for line in [
            "forwarden_messages_total{listener=\"out\"} 2",
            "forwarden_faults_total{listener=\"out\",stage=\"judging\"} 1",
            "forwarden_messages_in_progress 2.5",
            "forwarden_message_duration_seconds_bucket{listener=\"out\",le=\"0.0005\"} 2",
            "forwarden_message_duration_seconds_bucket{listener=\"out\",le=\"0.5\"} 3",
            "forwarden_message_duration_seconds_bucket{listener=\"out\",le=\"+Inf\"} 4",
            "forwarden_message_duration_seconds_count{listener=\"out\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn no_value_makes_series_without_bound() {
        let text = counted(|| {
            metrics::counter!(VERDICTS.name, "verdict" => "hostile\"} 1\nx").increment(1);
            metrics::counter!(VERDICTS.name).increment(1);
            metrics::counter!("forwarden_no_row_total").increment(1);
            for number in 0..1000 {
                metrics::counter!(MESSAGES.name, "listener" => format!("l{number}\"\\\n")).increment(1);
            }
            metrics::counter!(MESSAGES.name, "listener" => "x".repeat(65)).increment(1);
        });
        assert!(text.contains("forwarden_verdicts_total{verdict=\"other\"} 2\n"), "{text}");
        assert!(!text.contains("no_row") && !text.contains("hostile"), "{text}");
        let series: Vec<&str> = text.lines().filter(|line| line.starts_with("forwarden_messages_total{")).collect();
        assert_eq!(series.len(), MAX_NAMES + 1);
        assert!(series.contains(&"forwarden_messages_total{listener=\"l7\\\"\\\\\\n\"} 1"), "{series:?}");
        assert!(series.contains(&"forwarden_messages_total{listener=\"other\"} 801"), "{series:?}");
    }
}
