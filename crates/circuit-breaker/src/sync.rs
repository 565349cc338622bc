//! Atomics and locks: the standard ones, or loom's in its models.

#[cfg(all(test, loom))]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicI64, AtomicU64},
};
#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicI64, AtomicU64},
};

use std::sync::{
    PoisonError,
    atomic::Ordering::{AcqRel, Acquire},
};

/// Locks, poisoned or not: nothing behind these locks can be left half done by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces a word by what `f` makes of it, unless that is nothing. Gives the word before.
///
/// The same as `try_update`, which loom's atomics do not have.
#[inline]
pub(crate) fn update(cell: &AtomicU64, mut f: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
    let mut seen = cell.load(Acquire);
    loop {
        match cell.compare_exchange_weak(seen, f(seen)?, AcqRel, Acquire) {
            Ok(before) => return Some(before),
            Err(now) => seen = now,
        }
    }
}
