use super::{
    FromRateLimit, Gate, GateHandle, GateHandles, KeyedGates, OneGate, block::Anchor,
    settings::Settings,
};
use buttress_core::{AtOnce, ByError, http::HttpStatus};
use std::time::Duration;
use tower_layer::Layer;

/// Lets calls wait, or turns them away, while their key is rate limited or unusable.
///
/// It hears of a verdict from its judge: [`AtOnce`] for whole answers, or
/// [`AtEnd`](buttress_core::http::AtEnd) for HTTP bodies. All services that it makes, and all
/// clones, share the gate, or the gates with [`keyed`](Self::keyed).
///
/// The setters begin with a fresh gate: set first, and then make services and handles.
/// See the [crate's docs](crate) for what a gate does and for all settings.
#[derive(Clone, Debug)]
pub struct GateLayer<J, P = (), O = (), G = OneGate> {
    judge: J,
    pace: P,
    observe: O,
    settings: Settings,
    max_gates: usize,
    gates: G,
}

impl GateLayer<AtOnce<ByError>> {
    /// A gate for a service whose errors know their verdict, and that gives whole answers.
    #[must_use]
    pub fn by_error() -> Self {
        Self::new(AtOnce::new(ByError::new()))
    }
}

impl GateLayer<AtOnce<HttpStatus>, FromRateLimit> {
    /// A gate for HTTP: judges answers by their head, and learns the pace from what
    /// [`RetryAfterLayer`](crate::RetryAfterLayer), which belongs inside, read of their headers.
    ///
    /// ```
    /// use buttress_retry_after::{GateLayer, GateState, RetryAfterLayer};
    /// use http::{Request, Response};
    /// use std::time::Duration;
    /// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), BoxError> {
    /// let gate = GateLayer::http();
    /// let handle = gate.handle();
    /// let client = ServiceBuilder::new()
    ///     .layer(gate)
    ///     .layer(RetryAfterLayer::new())
    ///     .service(service_fn(async |_: Request<()>| {
    ///         let answer = Response::builder().status(429).header("retry-after", "20");
    ///         Ok::<_, BoxError>(answer.body(())?)
    ///     }));
    /// client.oneshot(Request::new(())).await?;
    /// assert_eq!(handle.state(), GateState::Closed { wait: Duration::from_secs(20) });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where a body may end in a limit, as streams do, judge by
    /// [`AtEnd`](buttress_core::http::AtEnd) instead.
    #[must_use]
    pub fn http() -> Self {
        GateLayer::new(AtOnce::new(HttpStatus::new())).pace_hint(FromRateLimit::new())
    }
}

impl<J> GateLayer<J> {
    /// A gate that hears of verdicts from this judge.
    #[must_use]
    pub fn new(judge: J) -> Self {
        let settings = Settings::DEFAULT;
        Self {
            judge,
            pace: (),
            observe: (),
            max_gates: 1024,
            gates: OneGate(Anchor::claim(&settings)),
            settings,
        }
    }
}

impl<J, P, O> GateLayer<J, P, O> {
    /// Sets how long a call may stand in line \[30 s\]. It is turned away at once when it would
    /// have to wait longer, also than until its deadline or than its patience allows.
    #[must_use]
    pub fn max_wait(self, wait: Duration) -> Self {
        self.set(|settings| settings.max_wait = wait)
    }

    /// Sets how many calls may stand in line at one gate \[1,000\].
    #[must_use]
    pub fn max_waiting(self, calls: usize) -> Self {
        self.set(|settings| settings.max_waiting = calls)
    }

    /// Sets for how long the gate closes when a limit was hit and no wait was told \[1 s\],
    /// doubled each time that this happens without a success in between, up to `max` \[30 s\].
    /// A `first` above `max` counts as `max`.
    #[must_use]
    pub fn backoff(self, first: Duration, max: Duration) -> Self {
        self.set(|settings| (settings.backoff, settings.max_backoff) = (first.min(max), max))
    }

    /// Sets for how long an unusable key is parked when no wait was told \[60 s\].
    #[must_use]
    pub fn park_for(self, wait: Duration) -> Self {
        self.set(|settings| settings.park = wait)
    }

    /// Sets for how long a key stays shut at most on the word of its service \[1 h\]. When a
    /// longer wait was told, one call tries the key after this much time, as it would a parked
    /// one, and callers who are turned away are told no more than this.
    ///
    /// What a [handle](GateHandle) does and the times that are set here hold as they are.
    #[must_use]
    pub fn max_closed(self, wait: Duration) -> Self {
        self.set(|settings| settings.max_closed = wait)
    }

    /// Sets the time between two calls when the gate begins to reopen, unless the headers told
    /// one \[200 ms\]. Zero is no pacing: all who wait go at once, unless the headers told a pace.
    /// Where they told a faster one, the gate begins at no more than ten times its own, grows
    /// from there, and takes what it was told when the key has done well for
    /// [`well_after`](Self::well_after).
    #[must_use]
    pub fn spacing(self, spacing: Duration) -> Self {
        self.set(|settings| settings.spacing = spacing)
    }

    /// Sets for how long a reopening gate must do well before it lets everybody through
    /// \[10 s\].
    #[must_use]
    pub fn well_after(self, time: Duration) -> Self {
        self.set(|settings| settings.well_after = time)
    }

    /// Sets the most gates that there are at a time \[1,024\], before [`keyed`](Self::keyed).
    /// Zero counts as one.
    #[must_use]
    pub const fn max_gates(mut self, max: usize) -> Self {
        self.max_gates = if max == 0 { 1 } else { max };
        self
    }

    /// Has a gate for each key that this draws from a request, instead of one for all.
    #[must_use]
    pub fn keyed<Req, K, F>(self, key: F) -> GateLayer<J, P, O, KeyedGates<K, F>>
    where
        F: Fn(&Req) -> K,
    {
        GateLayer {
            gates: KeyedGates::new(key, self.settings.clone(), self.max_gates),
            judge: self.judge,
            pace: self.pace,
            observe: self.observe,
            settings: self.settings,
            max_gates: self.max_gates,
        }
    }

    /// The handle of the gate.
    #[must_use]
    pub fn handle(&self) -> GateHandle {
        GateHandle::new(self.gates.0.clone())
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self.gates = OneGate(Anchor::claim(&self.settings));
        self
    }
}

impl<J, P, O, K, F: Clone> GateLayer<J, P, O, KeyedGates<K, F>> {
    /// The handles of the gates.
    #[must_use]
    pub fn handles(&self) -> GateHandles<K, F> {
        GateHandles::new(self.gates.clone())
    }
}

impl<J, P, O, G> GateLayer<J, P, O, G> {
    /// Judges whole answers by this classifier: short for a judge that is [`AtOnce`].
    #[must_use]
    pub fn classify<C>(self, classify: C) -> GateLayer<AtOnce<C>, P, O, G> {
        GateLayer {
            judge: AtOnce::new(classify),
            pace: self.pace,
            observe: self.observe,
            settings: self.settings,
            max_gates: self.max_gates,
            gates: self.gates,
        }
    }

    /// Learns the pace of reopening from what this draws from answers, for instance
    /// [`FromRateLimit`](super::FromRateLimit).
    #[must_use]
    pub fn pace_hint<Q>(self, pace: Q) -> GateLayer<J, Q, O, G> {
        GateLayer {
            pace,
            judge: self.judge,
            observe: self.observe,
            settings: self.settings,
            max_gates: self.max_gates,
            gates: self.gates,
        }
    }

    /// Looks into requests, and reports, through this observer.
    #[must_use]
    pub fn observe<Q>(self, observe: Q) -> GateLayer<J, P, Q, G> {
        GateLayer {
            observe,
            judge: self.judge,
            pace: self.pace,
            settings: self.settings,
            max_gates: self.max_gates,
            gates: self.gates,
        }
    }
}

impl<S, J, P, O, G> Layer<S> for GateLayer<J, P, O, G>
where
    J: Clone,
    P: Clone,
    O: Clone,
    G: Clone,
{
    type Service = Gate<S, J, P, O, G>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(
            inner,
            self.judge.clone(),
            self.pace.clone(),
            self.observe.clone(),
            self.gates.clone(),
        )
    }
}
