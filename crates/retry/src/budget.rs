use crate::bucket::{Bucket, RETRY};
use std::{error, fmt, sync::Arc};

/// How many retries all callers together may make: a token bucket that successes fill.
///
/// A retry helps when few calls fail and does harm when all do: each caller then multiplies the
/// load of a service that is already down. So a success deposits a fraction of a retry and a
/// retry withdraws a whole one. While most calls succeed nobody notices; in an outage the
/// retries end after the first few, and come back as calls succeed again.
///
/// Clones share one bucket. [`RetryLayer`](crate::RetryLayer) makes one by default, which all
/// services that it makes share; give the same `Budget` to several layers to share it further.
/// It is one atomic word: no lock, no clock, and on a healthy path a single load, since a full
/// bucket takes no deposit.
///
/// | setting | default | source |
/// |---|---|---|
/// | [`percent`](BudgetBuilder::percent): retries funded by 100 successes | 20 | Finagle's `RetryBudget`, Linkerd's `retryRatio` |
/// | [`cap`](BudgetBuilder::cap): retries that can be saved up | 100 | the AWS SDKs' retry quota (500 tokens at 5 a retry) |
/// | [`reserve`](BudgetBuilder::reserve): retries to start with | 10 | Finagle's and Linkerd's minimum of 10 a second, for one second |
///
/// It starts nearly empty because capacity at the start counts once per process: a fleet that
/// restarts in the middle of an outage would bring a full bucket each. The reserve lets a fresh
/// process, or a program that makes only a few calls, get over its first failures.
///
/// Unlike Finagle's there is no trickle over time. What funds a retry is evidence that the
/// service answers, and time is none. Unlike gRPC's throttle (gRFC A6) a failure that is not
/// retried costs nothing.
///
/// ```
/// use buttress_retry::Budget;
///
/// let budget = Budget::builder().percent(50).reserve(1).build()?;
/// assert!(budget.withdraw());
/// assert!(!budget.withdraw());
/// budget.deposit();
/// budget.deposit();
/// assert!(budget.withdraw());
/// # Ok::<_, buttress_retry::InvalidBudget>(())
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bucket: Bucket,
    /// In hundredths of a retry.
    deposit: u64,
}

impl Budget {
    /// A budget with other numbers than the defaults.
    pub const fn builder() -> BudgetBuilder {
        BudgetBuilder::new()
    }

    /// A call succeeded.
    #[inline]
    pub fn deposit(&self) {
        self.0.bucket.put(self.0.deposit);
    }

    /// Pays for one retry; `false` when there is not enough for it.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        self.0.bucket.take()
    }

    /// Gives back what was paid for a retry that was not made.
    pub fn refund(&self) {
        self.0.bucket.put(RETRY);
    }

    /// How many retries there are at this moment.
    #[must_use]
    pub fn available(&self) -> u32 {
        u32::try_from(self.0.bucket.level() / RETRY).unwrap_or(u32::MAX)
    }

    /// Pays for one retry, with the money back if that is not made.
    pub(crate) fn pay(&self) -> Option<Payment> {
        self.withdraw().then(|| Payment(Some(self.clone())))
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::builder().make()
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}

/// A retry that was paid for and not made yet. Dropped before it is, it gives the money back:
/// a caller who leaves while waiting takes nothing from the others.
#[derive(Debug)]
pub(crate) struct Payment(Option<Budget>);

impl Payment {
    /// The retry is being made.
    pub(crate) fn settle(mut self) {
        self.0 = None;
    }
}

impl Drop for Payment {
    fn drop(&mut self) {
        if let Some(budget) = &self.0 {
            budget.refund();
        }
    }
}

/// Makes a [`Budget`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct BudgetBuilder {
    percent: u32,
    reserve: u32,
    cap: u32,
}

impl BudgetBuilder {
    const fn new() -> Self {
        Self {
            percent: 20,
            reserve: 10,
            cap: 100,
        }
    }

    /// Sets how many retries 100 successes pay for (default: 20). Above 100 a success pays for more
    /// than one.
    pub const fn percent(mut self, percent: u32) -> Self {
        self.percent = percent;
        self
    }

    /// Sets how many retries there are to start with (default: 10).
    pub const fn reserve(mut self, retries: u32) -> Self {
        self.reserve = retries;
        self
    }

    /// Sets how many retries can be saved up (default: 100).
    pub const fn cap(mut self, retries: u32) -> Self {
        self.cap = retries;
        self
    }

    /// Makes the budget.
    ///
    /// # Errors
    /// When it could never grant a retry, nothing would ever fill it, or the reserve does not
    /// fit it.
    pub fn build(self) -> Result<Budget, InvalidBudget> {
        if self.cap == 0 {
            return Err(InvalidBudget::ZeroCap);
        }
        if self.percent == 0 {
            return Err(InvalidBudget::ZeroPercent);
        }
        if self.reserve > self.cap {
            return Err(InvalidBudget::ReserveAboveCap);
        }
        Ok(self.make())
    }

    fn make(self) -> Budget {
        let [reserve, cap] = [self.reserve, self.cap].map(|retries| u64::from(retries) * RETRY);
        Budget(Arc::new(Shared {
            bucket: Bucket::new(reserve, cap),
            // One per cent of a success's worth is one hundredth of a retry: exact, whatever the
            // ratio. Rounding its reciprocal instead is how a ratio of 0.6 becomes 1 (tower #857).
            deposit: u64::from(self.percent),
        }))
    }
}

/// Numbers that make no budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBudget {
    /// A budget that can hold no retry never grants one.
    ZeroCap,
    /// A budget that successes do not fill runs dry for good.
    ZeroPercent,
    /// There is more to start with than can be held.
    ReserveAboveCap,
}

impl fmt::Display for InvalidBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroCap => "the cap of a retry budget must be above zero",
            Self::ZeroPercent => "the percentage of a retry budget must be above zero",
            Self::ReserveAboveCap => "the reserve of a retry budget must not be above its cap",
        })
    }
}

impl error::Error for InvalidBudget {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn budget(percent: u32, reserve: u32, cap: u32) -> Budget {
        let builder = Budget::builder().percent(percent).reserve(reserve);
        builder.cap(cap).build().unwrap()
    }

    proptest! {
        /// Against a plain sum: never negative, never above the cap, never more than funded.
        #[test]
        fn behaves_as_a_sum_within_bounds(
            percent in 1..400u32,
            reserve in 0..5u32,
            room in 0..20u32,
            steps in vec(0..3u8, 0..400),
        ) {
            let cap = reserve + room + 1;
            let budget = budget(percent, reserve, cap);
            let mut hundredths = i64::from(reserve) * 100;
            for step in steps {
                match step {
                    0 => {
                        budget.deposit();
                        hundredths += i64::from(percent);
                    }
                    1 => {
                        budget.refund();
                        hundredths += 100;
                    }
                    _ => {
                        let enough = hundredths >= 100;
                        prop_assert_eq!(budget.withdraw(), enough);
                        hundredths -= if enough { 100 } else { 0 };
                    }
                }
                hundredths = hundredths.min(i64::from(cap) * 100);
                prop_assert!(hundredths >= 0);
                prop_assert_eq!(i64::from(budget.available()), hundredths / 100);
            }
        }
    }

    #[test]
    fn a_fraction_grants_that_fraction() {
        for percent in [1, 7, 20, 60, 99] {
            let budget = budget(percent, 0, 1000);
            (0..100).for_each(|_| budget.deposit());
            let granted = (0..100).filter(|_| budget.withdraw()).count();
            assert_eq!(granted, percent as usize);
        }
    }

    #[test]
    fn callers_at_once_get_no_more_than_there_is() {
        let budget = budget(20, 7, 100);
        let granted = std::thread::scope(|scope| {
            let withdraw = || (0..50).filter(|_| budget.withdraw()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(withdraw)).collect();
            let granted = threads.into_iter().map(|thread| thread.join().unwrap());
            granted.sum::<usize>()
        });
        assert_eq!(granted, 7);
    }

    #[test]
    fn a_payment_comes_back_unless_the_retry_is_made() {
        let budget = budget(20, 1, 100);
        drop(budget.pay().unwrap());
        let payment = budget.pay().unwrap();
        assert!(budget.pay().is_none());
        payment.settle();
        assert_eq!(budget.available(), 0);
        assert_eq!(Arc::strong_count(&budget.0), 1);
    }

    #[test]
    fn bad_numbers_are_refused() {
        let refused = |builder: BudgetBuilder| builder.build().err();
        assert_eq!(
            refused(Budget::builder().cap(0)),
            Some(InvalidBudget::ZeroCap)
        );
        let unfunded = Budget::builder().percent(0);
        assert_eq!(refused(unfunded), Some(InvalidBudget::ZeroPercent));
        let overfull = Budget::builder().cap(9);
        assert_eq!(refused(overfull), Some(InvalidBudget::ReserveAboveCap));
        assert_eq!(refused(Budget::builder().cap(u32::MAX)), None);
    }
}
