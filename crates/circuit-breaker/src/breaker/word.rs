use crate::State;

/// The state of a breaker in one word, so that whatever belongs together changes together.
///
/// From the low bits up:
///
/// | bits | |
/// |---|---|
/// | 2 | state |
/// | 8 | probes that succeeded, while half-open |
/// | 12 | probes in flight, while half-open |
/// | 42 | generation: one more at every change of state |
///
/// A generation stands for one stay in one state. At one change a microsecond the generations
/// last for 50 days, and a breaker changes its state a few times a minute when it is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

const STATE_BITS: u32 = 2;
const SUCCESS_BITS: u32 = 8;
const PROBE_BITS: u32 = 12;

const SUCCESSES_AT: u32 = STATE_BITS;
const PROBES_AT: u32 = SUCCESSES_AT + SUCCESS_BITS;
const GENERATION_AT: u32 = PROBES_AT + PROBE_BITS;

impl Word {
    pub(crate) const MAX_SUCCESSES: u32 = mask(SUCCESS_BITS) as u32;
    pub(crate) const MAX_PROBES: u32 = mask(PROBE_BITS) as u32;

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) const fn state(self) -> State {
        match self.0 & mask(STATE_BITS) {
            0 => State::Closed,
            1 => State::Open,
            2 => State::HalfOpen,
            _ => State::Isolated,
        }
    }

    pub(crate) const fn generation(self) -> u64 {
        self.0 >> GENERATION_AT
    }

    pub(crate) const fn successes(self) -> u32 {
        ((self.0 >> SUCCESSES_AT) & mask(SUCCESS_BITS)) as u32
    }

    pub(crate) const fn probes(self) -> u32 {
        ((self.0 >> PROBES_AT) & mask(PROBE_BITS)) as u32
    }

    /// Another state, in the next generation. No probes are out.
    pub(crate) const fn next(self, state: State) -> Self {
        let state = match state {
            State::Closed => 0,
            State::Open => 1,
            State::HalfOpen => 2,
            State::Isolated => 3,
        };
        Self((self.generation() + 1) << GENERATION_AT | state)
    }

    /// One more probe is out. The caller has seen that there is room.
    pub(crate) const fn lend(self) -> Self {
        Self(self.0 + (1 << PROBES_AT))
    }

    /// A probe has come back.
    pub(crate) const fn give_back(self) -> Self {
        match self.probes() {
            0 => self,
            _ => Self(self.0 - (1 << PROBES_AT)),
        }
    }

    /// One more success. The caller has seen that this is not the last one wanted.
    pub(crate) const fn succeed(self) -> Self {
        Self(self.0 + (1 << SUCCESSES_AT))
    }
}

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_parts_do_not_run_into_each_other() {
        let mut word = Word::from_bits(0).next(State::HalfOpen);
        for _ in 0..Word::MAX_PROBES {
            word = word.lend();
        }
        for _ in 0..Word::MAX_SUCCESSES {
            word = word.succeed();
        }
        assert_eq!(word.state(), State::HalfOpen);
        assert_eq!(word.probes(), Word::MAX_PROBES);
        assert_eq!(word.successes(), Word::MAX_SUCCESSES);
        assert_eq!(word.generation(), 1);
        let word = word.give_back();
        assert_eq!(word.probes(), Word::MAX_PROBES - 1);
        assert_eq!(word.generation(), 1);
    }

    #[test]
    fn a_change_of_state_begins_a_generation_and_forgets_the_probes() {
        let half_open = Word::from_bits(0).next(State::HalfOpen).lend().succeed();
        for state in State::ALL {
            let word = half_open.next(state);
            assert_eq!(word.state(), state);
            assert_eq!(word.generation(), 2);
            assert_eq!((word.probes(), word.successes()), (0, 0));
        }
    }

    #[test]
    fn a_probe_that_comes_back_twice_takes_no_other_s_place() {
        let word = Word::from_bits(0).next(State::HalfOpen);
        assert_eq!(word.give_back(), word);
    }
}
