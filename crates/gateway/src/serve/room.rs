//! How much of callers' requests is kept at a time.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Room for so many bytes of requests, which all callers share.
///
/// Calls are many and mostly small, and those that wait at a gate keep their requests; counted in
/// calls alone, a few large ones would be too much, or many small ones too few.
#[derive(Debug)]
pub(super) struct Room {
    left: AtomicUsize,
}

/// The part of it that one request takes, which grows as more of it is read: what is only
/// announced takes none from the others.
///
/// # Cancellation
/// Dropped, it gives all of it back.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Room {
    pub(super) const fn new(bytes: usize) -> Self {
        Self {
            left: AtomicUsize::new(bytes),
        }
    }

    pub(super) const fn enter(&self) -> Taken<'_> {
        Taken {
            room: self,
            bytes: 0,
        }
    }
}

impl Taken<'_> {
    /// Whether there is room for this many more just now.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        bytes <= self.room.left.load(Relaxed) as u64
    }

    /// Takes this many more, if there is room for them.
    #[must_use]
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        let fits = self.room.left.fetch_update(Relaxed, Relaxed, less).is_ok();
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.room.left.fetch_add(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let room = Room::new(10);
        let mut first = room.enter();
        assert!(first.grow(4) && first.grow(3));
        let mut second = room.enter();
        assert!(second.fits(3) && !second.fits(4));
        assert!(!second.grow(4));
        assert!(second.grow(3));
        assert!(!first.grow(1));
        drop(first);
        assert!(second.grow(7));
        drop(second);
        assert!(room.enter().fits(10));
    }
}
