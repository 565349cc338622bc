use crate::{Received, Reply};
use std::{collections::VecDeque, fmt, sync::Arc};

/// Decides what a call gets: a [`Reply`] that is always the same, or a closure that looks at the
/// call.
///
/// A closure needs its argument's type written: `|call: &Received| …`.
pub trait Respond: Send + Sync + 'static {
    /// What this call gets.
    fn respond(&self, call: &Received) -> Reply;
}

impl Respond for Reply {
    fn respond(&self, _: &Received) -> Reply {
        self.clone()
    }
}

impl<F> Respond for F
where
    F: Fn(&Received) -> Reply + Send + Sync + 'static,
{
    fn respond(&self, call: &Received) -> Reply {
        self(call)
    }
}

/// What a provider does, call by call.
///
/// Its steps are taken in order, then one answers all further calls: a short text, unless
/// [`forever`](Self::forever) says otherwise.
///
/// ```
/// use buttress_testkit::{Received, Reply, Script};
///
/// let outage = Script::new()
///     .then(Reply::rate_limited().retry_after(1))
///     .times(2, Reply::overloaded())
///     .forever(|call: &Received| Reply::text(format!("you are call {}", call.index())));
///
/// // Every third call finds the service overloaded.
/// let flaky = Script::new().forever(|call: &Received| match call.index() % 3 {
///     0 => Reply::overloaded(),
///     _ => Reply::text("hello"),
/// });
/// # drop((outage, flaky));
/// ```
#[derive(Clone)]
pub struct Script {
    queue: VecDeque<Step>,
    /// Steps taken out of the queue already.
    taken: usize,
    last: Arc<dyn Respond>,
}

#[derive(Clone)]
struct Step {
    left: usize,
    respond: Arc<dyn Respond>,
}

impl Script {
    /// An empty script: every call gets a short text.
    #[must_use]
    pub fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            taken: 0,
            last: Arc::new(Reply::text("Hello from the testkit.")),
        }
    }

    /// One step for one call.
    #[must_use]
    pub fn then(self, respond: impl Respond) -> Self {
        self.times(1, respond)
    }

    /// One step for the next `calls` calls.
    #[must_use]
    pub fn times(mut self, calls: usize, respond: impl Respond) -> Self {
        if calls > 0 {
            self.queue.push_back(Step {
                left: calls,
                respond: Arc::new(respond),
            });
        }
        self
    }

    /// What all calls get when the steps are used up. The last one said holds.
    #[must_use]
    pub fn forever(mut self, respond: impl Respond) -> Self {
        self.last = Arc::new(respond);
        self
    }

    /// Takes the step for the next call, with its place in the script, counted from 0.
    pub(crate) fn next(&mut self) -> (usize, Arc<dyn Respond>) {
        let Some(step) = self.queue.front_mut() else {
            return (self.taken, Arc::clone(&self.last));
        };
        let next = (self.taken, Arc::clone(&step.respond));
        step.left -= 1;
        if step.left == 0 {
            self.queue.pop_front();
            self.taken += 1;
        }
        next
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left: usize = self.queue.iter().map(|step| step.left).sum();
        f.debug_struct("Script")
            .field("taken", &self.taken)
            .field("left", &left)
            .finish_non_exhaustive()
    }
}
