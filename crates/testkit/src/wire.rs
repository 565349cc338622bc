//! A plan, played over whichever protocol the client speaks.

use crate::{
    plan::{Act, Head, Plan},
    reply::End,
};
use bytes::Bytes;
use std::{io, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// How far the provider still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// No new calls; answers under way may end.
    Draining,
    Down,
}

/// Told of each [`Phase`].
#[derive(Clone, Debug)]
pub(crate) struct Closing(pub(crate) watch::Receiver<Phase>);

impl Closing {
    /// Resolves when no new calls are taken.
    pub(crate) async fn draining(&mut self) {
        // Nobody left who could say it: the same.
        let _ = self.0.wait_for(|phase| *phase >= Phase::Draining).await;
    }
}

/// One answer's way to the client.
pub(crate) trait Wire {
    /// May be held back until the first of the others.
    fn head(&mut self, head: &Head) -> impl Future<Output = io::Result<()>> + Send;
    fn data(&mut self, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;
    /// All that was given so far goes out.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send;
    /// The body ends as the protocol wants it.
    fn finish(&mut self) -> impl Future<Output = io::Result<()>> + Send;
    /// Resolves when the client is gone.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;
}

/// How playing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Played {
    /// To its end; what [`End`] asks of the connection is left to do.
    Through(End),
    /// The client left before.
    Left,
    /// A stall was cut short because the provider stops.
    Stopped,
}

/// Plays a plan. `finished` is told before the last bytes go out, so that whoever has read them
/// finds it done.
pub(crate) async fn play<W: Wire>(
    plan: Plan,
    wire: &mut W,
    closing: &mut Closing,
    finished: impl FnOnce(),
) -> Played {
    match perform(plan, wire, closing, finished).await {
        Ok(played) => played,
        Err(_) => Played::Left,
    }
}

async fn perform<W: Wire>(
    plan: Plan,
    wire: &mut W,
    closing: &mut Closing,
    finished: impl FnOnce(),
) -> io::Result<Played> {
    if !plan.delay.is_zero() && !stays(wire, Some(plan.delay), None).await? {
        return Ok(Played::Left);
    }
    if let Some(head) = &plan.head {
        wire.head(head).await?;
    }
    let keep_alive = plan.keep_alive.as_ref();
    for act in plan.acts {
        match act {
            Act::Send(bytes) => wire.data(bytes).await?,
            Act::Wait(wait) => {
                wire.flush().await?;
                if !stays(wire, Some(wait), keep_alive).await? {
                    return Ok(Played::Left);
                }
            }
        }
    }
    match plan.end {
        End::Clean => {
            finished();
            wire.finish().await?;
        }
        End::Stall => {
            wire.flush().await?;
            return tokio::select! {
                biased;
                stayed = stays(wire, None, keep_alive) => stayed.map(|_| Played::Left),
                () = closing.draining() => Ok(Played::Stopped),
            };
        }
        End::Close | End::Garbage | End::RefuseStream | End::GoAway => {
            finished();
            wire.flush().await?;
        }
        End::Reset => {
            finished();
            wire.flush().await?;
            if plan.head.is_some() {
                // Some systems drop what was received but not yet read when an RST comes.
                stays(wire, Some(Duration::from_millis(5)), None).await?;
            }
        }
    }
    Ok(Played::Through(plan.end))
}

/// Waits (for ever when no time is given), with signs of life. Says whether the client stayed.
async fn stays<W: Wire>(
    wire: &mut W,
    wait: Option<Duration>,
    keep_alive: Option<&(Duration, Bytes)>,
) -> io::Result<bool> {
    // A wait that the clock cannot hold is one for ever.
    let until = wait.and_then(|wait| Instant::now().checked_add(wait));
    let mut breath = keep_alive.and_then(|(every, bytes)| {
        let every = (*every).max(Duration::from_millis(1));
        Some((Instant::now().checked_add(every)?, every, bytes))
    });
    loop {
        let next = match (&breath, until) {
            (Some((at, ..)), Some(until)) => Some(until.min(*at)),
            (Some((at, ..)), None) => Some(*at),
            (None, until) => until,
        };
        tokio::select! {
            biased;
            () = wire.gone() => return Ok(false),
            () = at(next) => {}
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            return Ok(true);
        }
        if let Some((at, every, bytes)) = &mut breath {
            wire.data(bytes.clone()).await?;
            *at += *every;
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
