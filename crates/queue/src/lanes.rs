use std::sync::Arc;

/// How many tasks of which [lane](crate::Entry::lane) are wanted.
///
/// ```
/// use buttress_queue::Lanes;
///
/// // Nothing of one, two of another, and one of all that are not named.
/// let lanes = Lanes::new(1).of("asleep", 0).of("awake", 2);
/// # let _ = lanes;
/// ```
#[derive(Clone, Debug)]
pub struct Lanes {
    named: Vec<(Arc<str>, usize)>,
    others: usize,
}

impl Lanes {
    /// Of all of them, whatever comes first.
    pub(crate) const ALL: &'static Self = {
        static ALL: Lanes = Lanes::new(usize::MAX);
        &ALL
    };

    /// At most so many of the lanes that are not named, in all.
    #[must_use]
    pub const fn new(others: usize) -> Self {
        let named = Vec::new();
        Self { named, others }
    }

    /// At most so many of this lane.
    #[must_use]
    pub fn of(mut self, lane: impl Into<Arc<str>>, most: usize) -> Self {
        self.named.push((lane.into(), most));
        self
    }

    /// The lanes that are named, and how many of each are wanted.
    pub fn named(&self) -> impl ExactSizeIterator<Item = (&str, usize)> {
        self.named.iter().map(|(lane, most)| (&**lane, *most))
    }

    /// How many are wanted of those that are not, in all.
    #[must_use]
    pub const fn others(&self) -> usize {
        self.others
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.others == 0 && self.named().all(|(_, most)| most == 0)
    }
}

/// What is still wanted, while tasks are given out.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    named: Vec<(&'a str, usize)>,
    others: usize,
    most: usize,
}

impl<'a> Wanted<'a> {
    /// Of these lanes, and at most so many in all.
    pub(crate) fn new(lanes: &'a Lanes, most: usize) -> Self {
        Self {
            named: lanes.named().collect(),
            others: lanes.others(),
            most,
        }
    }

    /// How many of this lane.
    pub(crate) fn of(&self, lane: &str) -> usize {
        let named = self.named.iter().find(|(name, _)| *name == lane);
        named.map_or(self.others, |(_, most)| *most).min(self.most)
    }

    /// How many lanes are named.
    #[cfg(feature = "sqlite")]
    pub(crate) const fn named(&self) -> usize {
        self.named.len()
    }

    /// One of this lane was given out.
    pub(crate) fn took(&mut self, lane: &str) {
        let named = self.named.iter_mut().find(|(name, _)| *name == lane);
        let of = named.map_or(&mut self.others, |(_, most)| most);
        *of = of.saturating_sub(1);
        self.most = self.most.saturating_sub(1);
    }

    /// Whether there is nothing that may still be given out.
    #[cfg(feature = "sqlite")]
    pub(crate) const fn is_over(&self) -> bool {
        self.most == 0
    }
}
