use metrics::{Counter, Gauge, Histogram, SharedString, with_local_recorder};
use std::{fmt, sync::Arc};

/// Where metrics are written to: the recorder that is installed for the whole process, or one that
/// is given.
#[derive(Clone, Default)]
pub struct Recorder(Option<Arc<dyn metrics::Recorder + Send + Sync>>);

type Label = (&'static str, SharedString);

impl Recorder {
    /// The one that is installed for the whole process at the moment when something is resolved.
    #[must_use]
    pub const fn installed() -> Self {
        Self(None)
    }

    /// This one.
    #[must_use]
    pub fn new(recorder: impl metrics::Recorder + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(recorder)))
    }

    /// Resolves a counter.
    pub fn counter<const N: usize>(&self, name: &'static str, labels: [Label; N]) -> Counter {
        self.with(|| metrics::counter!(name, &labels))
    }

    /// Resolves a gauge.
    pub fn gauge<const N: usize>(&self, name: &'static str, labels: [Label; N]) -> Gauge {
        self.with(|| metrics::gauge!(name, &labels))
    }

    /// Resolves a histogram.
    pub fn histogram<const N: usize>(&self, name: &'static str, labels: [Label; N]) -> Histogram {
        self.with(|| metrics::histogram!(name, &labels))
    }

    /// Whether this is surely the same one. Which one is installed changes.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// What is resolved meanwhile, by the macros of [`metrics`], is written here.
    pub fn with<T>(&self, resolve: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(recorder) => with_local_recorder(&**recorder, resolve),
            None => resolve(),
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Recorder(given)",
            None => "Recorder(installed)",
        })
    }
}
