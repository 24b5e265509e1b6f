//! Timing, and what is printed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One measurement.
struct Row {
    name: String,
    per_second: f64,
    median: Duration,
    p99: Duration,
    baseline: Option<&'static str>,
}

/// What was measured on one database.
#[derive(Default)]
pub(crate) struct Report(Vec<Row>);

impl Report {
    /// Runs `operation` `count` times from `callers` tasks at once, after a tenth of that to warm up.
    #[allow(clippy::disallowed_methods, reason = "a bench measures the time of the machine")]
    pub(crate) async fn measure<F: Future<Output = ()> + Send>(
        &mut self,
        name: impl Into<String>,
        baseline: Option<&'static str>,
        (callers, count): (usize, usize),
        operation: impl Fn(usize) -> F + Send + Sync + 'static,
    ) {
        let operation = Arc::new(operation);
        for number in 0..count / 10 {
            operation(number).await;
        }
        let next = Arc::new(AtomicUsize::new(count / 10));
        let last = count / 10 + count;
        let begin = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (operation, next) = (Arc::clone(&operation), Arc::clone(&next));
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= last {
                            return times;
                        }
                        let begin = Instant::now();
                        operation(number).await;
                        times.push(begin.elapsed());
                    }
                })
            })
            .collect();
        let mut times = Vec::with_capacity(count);
        for task in tasks {
            times.extend(task.await.unwrap());
        }
        self.add(name, baseline, times, begin.elapsed());
    }

    /// Adds a measurement that was made otherwise: how long each operation took, and all of them together.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        baseline: Option<&'static str>,
        mut times: Vec<Duration>,
        together: Duration,
    ) {
        let per_second = times.len() as f64 / together.as_secs_f64();
        times.sort_unstable();
        let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        self.0.push(Row { name: name.into(), per_second, median, p99, baseline });
    }

    /// Prints all measurements, those with a baseline as a ratio to it.
    pub(crate) fn print(&self) {
        println!("{:<44} {:>10} {:>10} {:>10}  ratio", "", "per s", "median", "p99");
        for row in &self.0 {
            let baseline = row.baseline.and_then(|name| self.0.iter().find(|known| known.name == name));
            let ratio = baseline
                .map(|baseline| format!("{:.2} of {}", row.per_second / baseline.per_second, baseline.name))
                .unwrap_or_default();
            let (median, p99) = (format!("{:.0?}", row.median), format!("{:.0?}", row.p99));
            println!("{:<44} {:>10.0} {median:>10} {p99:>10}  {ratio}", row.name, row.per_second);
        }
    }
}

/// The machine, as a benchmark must name it.
pub(crate) fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(" unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "debug build: figures mean nothing" } else { "release build" };
    format!("{cores} cores, {}, authpi {}, {build}", model.trim_matches([' ', '\t', ':']), env!("CARGO_PKG_VERSION"))
}
