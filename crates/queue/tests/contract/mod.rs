//! What every engine of a queue has to do, as tests that run over any of them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(unreachable_pub, reason = "a module of several test programs")]

mod keys;
mod lanes;
mod leases;
mod life;
mod limits;
mod look;
mod model;
mod sessions;
mod sweep;

pub use self::{
    keys::*, lanes::*, leases::*, life::*, limits::*, look::*, model::*, sessions::*, sweep::*,
};

use buttress_queue::{Claimed, Entry, Settings, State, Store, StoreError, TaskId};
use std::{sync::Arc, time::Duration};

pub const MINUTE: Duration = Duration::from_secs(60);
/// A lease that has run out when [`ran_out`] returns.
pub const SHORT: Duration = Duration::from_millis(40);

/// One queue in some engine, which is empty at first.
pub trait Engine {
    /// So many sequences of operations are tried over it.
    const SEQUENCES: u32;

    async fn new() -> Self;

    /// Opens the queue, once more if it is open already.
    async fn open(&self, settings: Settings) -> Arc<dyn Store>;
}

/// Runs all of them over an [`Engine`].
#[macro_export]
macro_rules! contract {
    ($engine:ident) => {
        $crate::contract! { $engine:
            a_task_is_given_out_once_and_done
            what_was_stored_comes_out_as_it_was
            tasks_are_given_out_in_the_order_in_which_they_came
            no_more_is_given_out_than_was_asked_for
            a_postponed_task_waits_and_is_given_out_again
            a_task_postponed_for_no_time_is_due_at_once
            a_buried_task_is_a_dead_letter_with_its_reason
            a_dead_letter_is_queued_again_as_if_it_were_new
            a_waiting_task_is_made_due_and_no_other
            a_task_is_removed_wherever_it_stands
            a_dead_letter_is_discarded_and_no_other_task
            nothing_is_done_to_a_task_that_is_not_there
            ten_megabytes_are_a_task_like_any_other
            what_is_in_a_queue_is_there_when_it_is_opened_again
            the_same_key_is_the_same_task_as_long_as_it_is_kept
            a_task_that_is_enqueued_twice_is_there_once
            many_who_enqueue_the_same_key_at_once_store_one_task
            a_dead_letter_gives_way_to_a_task_with_its_key
            a_dead_letter_stays_if_there_is_no_room_for_another
            many_who_enqueue_the_key_of_a_dead_letter_store_one_task
            a_lease_that_ran_out_is_taken_over_and_the_first_is_told
            a_lease_that_ran_out_is_still_held_if_nobody_took_over
            a_lease_is_renewed_from_wherever_and_to_whatever
            an_ended_lease_is_lost
            deliveries_count_unless_nothing_was_tried
            a_task_that_kills_its_workers_becomes_a_dead_letter
            a_task_that_was_postponed_too_often_becomes_a_dead_letter
            many_workers_share_the_tasks
            only_the_first_of_a_session_is_given_out
            a_task_that_waits_holds_back_those_behind_it
            a_task_that_dies_lets_the_next_go_on
            a_task_that_is_removed_leaves_the_others_in_their_order
            a_dead_letter_comes_back_behind_its_session
            a_lane_of_which_nothing_is_wanted_hides_none
            no_more_of_a_lane_is_given_out_than_is_wanted
            no_lane_is_passed_over_for_ever
            a_task_keeps_its_lane
            leases_that_ran_out_are_of_their_lanes
            many_leases_that_ran_out_hide_no_other_lane
            a_lane_may_have_any_name
            positions_are_those_in_a_lane
            sessions_do_not_hold_back_each_other
            a_session_may_have_any_name
            no_more_tasks_than_may_be_are_kept
            no_more_bytes_than_may_be_are_kept
            a_task_is_no_larger_than_may_be
            a_full_queue_still_knows_what_it_has
            each_state_is_told
            positions_are_exact
            tasks_are_listed_page_by_page
            the_oldest_that_is_open_is_told
            what_is_too_old_becomes_a_dead_letter
            what_is_leased_is_not_too_old
            what_was_kept_long_enough_is_gone
            many_are_swept_bit_by_bit
            any_sequence_does_what_a_model_does
        }
    };
    ($engine:ident: $($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            contract::$name(&<$engine as contract::Engine>::new().await).await;
        }
    )*};
}

pub async fn one(store: &dyn Store) -> Claimed {
    let claimed = store.claim("w", 1, MINUTE).await.unwrap();
    claimed.into_iter().next().expect("nothing is due")
}

pub async fn none(store: &dyn Store) {
    let claimed = store.claim("w", 1, MINUTE).await.unwrap();
    assert!(claimed.is_empty(), "{claimed:?}");
}

pub async fn put(store: &dyn Store, entry: Entry) -> TaskId {
    let id = entry.id;
    let enqueued = store.enqueue(entry).await.unwrap();
    assert!(enqueued.new);
    assert_eq!(enqueued.id, id);
    id
}

pub async fn state(store: &dyn Store, id: TaskId) -> Option<State> {
    store.inspect(id).await.unwrap().map(|record| record.state)
}

/// Short leases have run out when it returns.
pub async fn ran_out() {
    tokio::time::sleep(SHORT * 2).await;
}

/// It is some milliseconds later.
pub async fn later() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// These counts: waiting, behind, leased, done, dead.
pub async fn counted(store: &dyn Store, expected: [u64; 5]) {
    let counts = store.counts().await.unwrap();
    let found = State::ALL.map(|state| counts.of(state));
    assert_eq!(found, expected, "{counts:?}");
}

/// The lease was not held.
pub async fn lost(call: impl Future<Output = Result<(), StoreError>>) {
    let answer = call.await;
    assert!(matches!(answer, Err(StoreError::Lost)), "{answer:?}");
}
