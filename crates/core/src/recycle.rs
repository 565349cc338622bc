//! Shared state that a call in flight can point to without counting references.
//!
//! A layer that keeps score hands each call a witness, and the witness has to reach the shared
//! state whenever the outcome comes, even after the last service is gone. An `Arc` in every
//! witness does that for two atomic read-modify-writes a call, which is more than all else that a
//! closed breaker has to do. So the state lives in blocks that are never freed: a witness holds a
//! plain `&'static` to one, and when the last owner of a block drops it, the block goes to a free
//! list for the next owner.
//!
//! What makes this sound in meaning, not only in memory: every outcome already carries the
//! *generation* in which its call began, because a straggler from before a trip must not decide
//! anything after it. A straggler from before a change of owner is ignored by the same check,
//! provided that a generation is never used twice in a block's life. [`Recycle::renew`] is where
//! a type begins a new one.
//!
//! Memory is bounded by the largest number of owners alive at the same time.

use std::{
    fmt,
    ops::Deref,
    sync::{Mutex, PoisonError},
};

/// A type whose values serve one owner after another.
pub trait Recycle: Send + Sync + Sized + 'static {
    /// What an owner asks of its block, for instance the size of a window.
    type Spec;

    /// The blocks of this type that nobody owns.
    fn free_list() -> &'static FreeList<Self>;

    /// A new block.
    fn create(spec: &Self::Spec) -> Self;

    /// Whether this block can serve such an owner.
    fn fits(&self, spec: &Self::Spec) -> bool;

    /// Makes the block as good as new for its next owner, in a generation never used before.
    fn renew(&self, spec: &Self::Spec);
}

/// Blocks without an owner.
pub struct FreeList<T: 'static>(Mutex<Vec<&'static T>>);

impl<T> FreeList<T> {
    /// An empty list, for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Default for FreeList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for FreeList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreeList")
    }
}

/// The ownership of one block. Dropping it gives the block to the free list.
///
/// Put it in an `Arc` to share it; give calls in flight the [`block`](Self::block).
#[derive(Debug)]
pub struct Owned<T: Recycle>(&'static T);

impl<T: Recycle> Owned<T> {
    /// Takes a fitting block from the free list, or makes one.
    #[must_use]
    pub fn claim(spec: &T::Spec) -> Self {
        let mut free = lock(T::free_list());
        let found = free.iter().position(|block| block.fits(spec));
        let found = found.map(|at| free.swap_remove(at));
        drop(free);
        if let Some(block) = found {
            block.renew(spec);
            return Self(block);
        }
        Self(Box::leak(Box::new(T::create(spec))))
    }

    /// The block, for a call whose outcome may come late.
    #[must_use]
    pub const fn block(&self) -> &'static T {
        self.0
    }
}

impl<T: Recycle> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

impl<T: Recycle> Drop for Owned<T> {
    fn drop(&mut self) {
        lock(T::free_list()).push(self.0);
    }
}

fn lock<T>(list: &FreeList<T>) -> std::sync::MutexGuard<'_, Vec<&'static T>> {
    list.0.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    struct Block {
        size: usize,
        generation: AtomicU64,
    }

    static FREE: FreeList<Block> = FreeList::new();

    impl Recycle for Block {
        type Spec = usize;
        fn free_list() -> &'static FreeList<Self> {
            &FREE
        }
        fn create(size: &usize) -> Self {
            Self {
                size: *size,
                generation: AtomicU64::new(0),
            }
        }
        fn fits(&self, size: &usize) -> bool {
            self.size == *size
        }
        fn renew(&self, _: &usize) {
            self.generation.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn a_block_serves_its_next_owner_in_a_new_generation() {
        let first = Owned::<Block>::claim(&8);
        let late = first.block();
        assert_eq!(late.generation.load(Relaxed), 0);
        drop(first);
        let other_size = Owned::<Block>::claim(&16);
        assert!(!std::ptr::eq(other_size.block(), late));
        let second = Owned::<Block>::claim(&8);
        assert!(std::ptr::eq(second.block(), late));
        assert_eq!(late.generation.load(Relaxed), 1);
    }
}
