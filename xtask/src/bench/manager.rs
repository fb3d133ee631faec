//! The release `kudo-manager` as a process, and what can be seen of it from outside.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use kudo_simcluster::control_plane::ReservedPort;
use kudo_simcluster::supervised::Supervised;

use super::BenchError;

const POLL: Duration = Duration::from_millis(10);
const START_PATIENCE: Duration = Duration::from_secs(30);

/// A running manager.
pub(super) struct Manager {
    process: Supervised,
    metrics: ReservedPort,
}

/// Requests of the manager so far, by verb.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    by_verb: BTreeMap<String, u64>,
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Resident memory in KiB.
    pub(super) resident: u64,
    /// The most there has been, in KiB.
    pub(super) peak: u64,
    /// Time on a processor.
    pub(super) cpu: Duration,
}

impl Manager {
    pub(super) fn start(
        program: &Path,
        kubeconfig: &Path,
        folder: &Path,
    ) -> Result<Self, BenchError> {
        let [metrics] = ReservedPort::reserve::<1>()?;
        let arguments = [
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--metrics-address=127.0.0.1:{}", metrics.number()),
            "--probe-address=0".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        let process = Supervised::start("kudo-manager", program, arguments, folder)
            .map_err(BenchError::io("cannot start kudo-manager"))?;
        let mut manager = Self { process, metrics };
        let begun = Instant::now();
        while manager.metrics().is_err() {
            manager.check("the manager serves its metrics", begun, START_PATIENCE)?;
            std::thread::sleep(POLL);
        }
        Ok(manager)
    }

    /// Fails if the manager has ended or the time is over.
    pub(super) fn check(
        &mut self,
        what: &str,
        begun: Instant,
        within: Duration,
    ) -> Result<(), BenchError> {
        if let Some(ended) = self.process.ended() {
            let (status, log_tail) = (ended.status, ended.log_tail);
            return Err(BenchError::ManagerEnded { status, log_tail });
        }
        if begun.elapsed() > within {
            let log_tail = self.process.log_tail();
            return Err(BenchError::TimedOut {
                what: what.to_owned(),
                within,
                log_tail,
            });
        }
        Ok(())
    }

    /// Waits until so many plans have ended since the manager started.
    pub(super) async fn wait_for_plans(
        &mut self,
        number: usize,
        within: Duration,
    ) -> Result<(), BenchError> {
        let begun = Instant::now();
        let wanted = u64::try_from(number).unwrap_or(u64::MAX);
        while sum(&self.metrics()?, "kudo_plans_total", |_| true) < wanted {
            self.check(&format!("{number} plans have ended"), begun, within)?;
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Requests so far, those excepted that carried no answer.
    pub(super) fn requests(&self) -> Result<Requests, BenchError> {
        Ok(Requests::read(&self.metrics()?))
    }

    pub(super) fn usage(&self) -> Result<Usage, BenchError> {
        let pid = self
            .process
            .pid()
            .ok_or(BenchError::Unreadable("the manager's process id"))?;
        usage_of(pid)
    }

    fn metrics(&self) -> Result<String, BenchError> {
        let failed = BenchError::io("cannot read the manager's metrics");
        let address = (Ipv4Addr::LOCALHOST, self.metrics.number());
        let mut stream = TcpStream::connect(address).map_err(&failed)?;
        stream
            .write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
            .map_err(&failed)?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map_err(&failed)?;
        Ok(text)
    }
}

impl Requests {
    fn read(metrics: &str) -> Self {
        let mut by_verb = BTreeMap::new();
        for line in metrics.lines() {
            if let Some((labels, value)) = sample(line, "kudo_api_requests_total") {
                let verb = label(labels, "verb").unwrap_or_default();
                *by_verb.entry(verb.to_owned()).or_default() += value;
            }
        }
        Self { by_verb }
    }

    /// What was added since an earlier reading.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let difference = |(verb, count): (&String, &u64)| {
            let before = earlier.by_verb.get(verb).copied().unwrap_or(0);
            (verb.clone(), count.saturating_sub(before))
        };
        Self {
            by_verb: self.by_verb.iter().map(difference).collect(),
        }
    }

    pub(super) fn of(&self, verb: &str) -> u64 {
        self.by_verb.get(verb).copied().unwrap_or(0)
    }

    /// Requests that change something.
    pub(super) fn writes(&self) -> u64 {
        self.by_verb
            .iter()
            .filter(|(verb, _)| !is_read(verb))
            .map(|(_, count)| count)
            .sum()
    }

    /// Requests that read, watches excepted.
    pub(super) fn reads(&self) -> u64 {
        self.of("get") + self.of("list")
    }

    /// The verbs with their numbers, those without a request left out.
    pub(super) fn verbs(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_verb
            .iter()
            .map(|(verb, count)| (verb.as_str(), *count))
            .filter(|(_, n)| *n > 0)
    }
}

fn is_read(verb: &str) -> bool {
    matches!(verb, "get" | "list" | "watch")
}

fn sum(metrics: &str, name: &str, wanted: impl Fn(&str) -> bool) -> u64 {
    let samples = metrics.lines().filter_map(|line| sample(line, name));
    samples
        .filter(|(labels, _)| wanted(labels))
        .map(|(_, value)| value)
        .sum()
}

/// Labels and value of a line `name{labels} value`.
fn sample<'a>(line: &'a str, name: &str) -> Option<(&'a str, u64)> {
    let rest = line.strip_prefix(name)?;
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once("} ")?,
        None => ("", rest.strip_prefix(' ')?),
    };
    Some((labels, value.trim().parse().ok()?))
}

fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = labels.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// Linux counts in hundredths of a second, whatever the kernel's own clock.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used.
pub(super) fn usage_of(pid: u32) -> Result<Usage, BenchError> {
    let folder = Path::new("/proc").join(pid.to_string());
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    usage(&read("status"), &read("stat")).ok_or(BenchError::Unreadable("the process's /proc"))
}

fn usage(status: &str, stat: &str) -> Option<Usage> {
    let kibibytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    };
    // The name in parentheses may hold anything; user and system time are the 12th and 13th after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<u32>);
    let ticks: u32 = ticks.sum::<Result<u32, _>>().ok()?;
    Some(Usage {
        resident: kibibytes("VmRSS:")?,
        peak: kibibytes("VmHWM:")?,
        cpu: TICK * ticks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "\
# TYPE kudo_api_requests counter
kudo_api_requests_total{verb=\"apply\",code=\"200\"} 10
kudo_api_requests_total{verb=\"apply\",code=\"201\"} 5
kudo_api_requests_total{verb=\"get\",code=\"404\"} 2
kudo_api_requests_total{verb=\"watch\",code=\"200\"} 7
kudo_plans_total{plan=\"deploy\",outcome=\"COMPLETE\"} 3
kudo_plans_total{plan=\"deploy\",outcome=\"FATAL_ERROR\"} 1
kudo_queue_depth 4
";

    #[test]
    fn requests_are_summed_by_verb() {
        let requests = Requests::read(METRICS);
        assert_eq!(
            (requests.writes(), requests.reads(), requests.of("watch")),
            (15, 2, 7)
        );
        let later = Requests::read(&METRICS.replace(" 10\n", " 12\n"));
        let added = later.since(&requests);
        assert_eq!(added.verbs().collect::<Vec<_>>(), [("apply", 2)]);
        assert_eq!(sum(METRICS, "kudo_plans_total", |_| true), 4);
        assert_eq!(sum(METRICS, "kudo_queue_depth", |_| true), 4);
    }

    #[test]
    fn usage_is_read_from_proc() {
        let status = "Name:\tkudo\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        let stat = "7 (a) b) S 1 1 1 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 1 0 1 1 1";
        let usage = usage(status, stat).unwrap();
        assert_eq!((usage.resident, usage.peak), (10_240, 20_480));
        assert_eq!(usage.cpu, Duration::from_secs(2));
    }
}
