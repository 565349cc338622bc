use tokio::time::Instant;

/// What a gate has to tell those that calls with the same key pass elsewhere: in another process,
/// say. One [gives](super::GateHandle::notice) it, and the other one [heeds](super::GateHandle::heed)
/// it.
///
/// The same for as long as nothing changes, so who looks now and then sees by it that something
/// has. A time that is over stays what it was until a call comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Nothing shuts it. Said elsewhere: the key works.
    Open,
    /// It is closed, because of a limit or by hand.
    Limited {
        /// Until when.
        until: Instant,
    },
    /// It is parked, because what the key may use here is used up. Then a call tries it.
    Spent {
        /// Until when.
        until: Instant,
    },
    /// It is parked, and with it all gates of the key, which does not work anywhere.
    Unusable {
        /// Until when; none if somebody parked it until further notice.
        until: Option<Instant>,
    },
    /// A call is out to try the key: what comes of it will be known soon.
    Trying,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GateHandle, GateLayer, GateSettings, GateState, SharedKey};
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);

    fn gates<const N: usize>() -> [(GateHandle, GateLayer); N] {
        let key = SharedKey::new();
        [(); N].map(|()| {
            let settings = GateSettings::standard().max_closed(4 * MINUTE);
            let layer = GateLayer::new(settings).unwrap().of_key(&key);
            (layer.handle(), layer)
        })
    }

    fn parked(minutes: u32) -> GateState {
        let wait = Some(minutes * MINUTE);
        GateState::Parked { wait }
    }

    fn closed(minutes: u32) -> GateState {
        let wait = minutes * MINUTE;
        GateState::Closed { wait }
    }

    fn at(minutes: u32) -> Instant {
        Instant::now() + minutes * MINUTE
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_gate_tells_another_one_does() {
        let [(one, _one)] = gates();
        let [(other, _other), (sibling, _sibling)] = gates();
        assert_eq!(one.notice(), Notice::Open);
        one.close_for(2 * MINUTE);
        assert_eq!(one.notice(), Notice::Limited { until: at(2) });
        other.heed(one.notice());
        assert_eq!(other.state(), closed(2));
        assert_eq!(other.notice(), one.notice());
        assert_eq!(
            sibling.state(),
            GateState::Open,
            "a limit is one gate's own"
        );

        one.park(Some(3 * MINUTE));
        assert_eq!(one.notice(), Notice::Unusable { until: Some(at(3)) });
        other.heed(one.notice());
        assert_eq!((other.state(), sibling.state()), (parked(3), parked(3)));
        assert_eq!(sibling.notice(), one.notice());

        one.park(None);
        other.heed(one.notice());
        let further = GateState::Parked { wait: None };
        assert_eq!((other.state(), sibling.state()), (further, further));
        // That it works ends no word of a hand.
        other.heed(Notice::Open);
        assert_eq!(sibling.state(), further);
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_never_shortens_a_wait_and_is_bounded() {
        let [(gate, _gate)] = gates();
        gate.heed(Notice::Limited { until: at(3) });
        gate.heed(Notice::Limited { until: at(1) });
        assert_eq!(gate.state(), closed(3));
        gate.heed(Notice::Limited { until: at(1000) });
        assert_eq!(gate.state(), closed(4));
        gate.open();
        gate.heed(Notice::Limited { until: at(0) });
        assert_eq!(gate.state(), GateState::Open, "it is over");
        gate.heed(Notice::Spent { until: at(2) });
        assert_eq!(gate.state(), parked(2));
        assert_eq!(gate.notice(), Notice::Spent { until: at(2) });
        gate.heed(Notice::Unusable {
            until: Some(at(1000)),
        });
        assert_eq!(gate.state(), parked(4));
        gate.heed(Notice::Unusable { until: Some(at(1)) });
        assert_eq!(gate.state(), parked(4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_works_elsewhere_leaves_what_is_a_gates_own() {
        let [(gate, _gate), (sibling, _sibling)] = gates();
        gate.heed(Notice::Limited { until: at(2) });
        sibling.heed(Notice::Unusable { until: Some(at(1)) });
        // It is shut for the longer of the two, and tells of the key.
        assert_eq!(gate.state(), parked(2));
        assert_eq!(gate.notice(), Notice::Unusable { until: Some(at(1)) });
        gate.heed(Notice::Open);
        assert_eq!(gate.state(), closed(2));
        assert!(matches!(sibling.state(), GateState::Reopening { .. }));
        assert_eq!(sibling.notice(), Notice::Open);
        // A gate that is closed is not opened by it.
        gate.heed(Notice::Open);
        assert_eq!(gate.state(), closed(2));
    }
}
