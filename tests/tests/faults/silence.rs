//! Providers that fall silent, at each point where they can.

use crate::{always, one, start, two, well};
use buttress_testkit::{Provider, Reply};
use buttress_tests::{
    Answer, Mode, SLACK, Setup, assert_closed_at_once, assert_waits, in_all_modes, in_modes,
    last_call,
};
use std::time::Duration;
use tokio::time::sleep;

const LIMIT: Duration = Duration::from_millis(300);
const EVERY: Duration = Duration::from_millis(20);
const WAIT: Duration = Duration::from_millis(40);
/// The limit is counted from when a call was sent, which may be seen only a while later.
const EARLY: Duration = Duration::from_millis(90);

/// Nothing may take longer than the limit.
fn hasty(setup: Setup) -> Setup {
    setup
        .with("defaults.timeout.first_content = '300ms'")
        .with("defaults.timeout.idle = '300ms'")
        .with("defaults.timeout.attempt = '300ms'")
}

/// What running out of time is called.
fn timed_out(mode: Mode) -> &'static str {
    mode.caller("timeout", "timeout_error")
}

/// Who does not answer is asked once more, and not three times: it may be at work on it.
async fn assert_asked_twice(mode: Mode, provider: &Provider) {
    let gateway = hasty(one(mode, provider)).start().await;
    let answer = gateway.ask(mode).await;
    answer.assert_given_up(504, timed_out(mode));
    assert_eq!((answer.attempts(), answer.waited()), (2, WAIT));
    assert_waits(provider, [250..=340]);
    let took = answer.took();
    assert!(
        2 * LIMIT + WAIT <= took && took < 2 * LIMIT + WAIT + SLACK,
        "{took:?}"
    );
    assert_closed_at_once(provider, 0, last_call(provider) - WAIT).await;
    assert_closed_at_once(provider, 1, answer.head).await;
    assert_eq!(gateway.breaker(0).counts().failures, 2);
}

#[tokio::test]
async fn it_accepts_and_says_nothing() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::silence()).await;
        assert_asked_twice(mode, &provider).await;
    })
    .await;
}

#[tokio::test]
async fn headers_and_then_silence() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::headers_only()).await;
        assert_asked_twice(mode, &provider).await;
    })
    .await;
}

#[tokio::test]
async fn a_start_without_content_and_then_silence() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::text("never seen").stall_after(0)).await;
        assert_asked_twice(mode, &provider).await;
    })
    .await;
}

#[tokio::test]
async fn signs_of_life_and_no_content() {
    in_all_modes(async |mode| {
        let busy = Reply::text("never seen").stall_after(0).keep_alive(EVERY);
        let provider = always(mode, busy).await;
        assert_asked_twice(mode, &provider).await;
    })
    .await;
}

#[tokio::test]
async fn half_of_a_whole_answer_and_then_silence() {
    in_modes(Mode::whole(), async |mode| {
        let provider = always(mode, Reply::text("never seen").stall_after(1)).await;
        assert_asked_twice(mode, &provider).await;
    })
    .await;
}

#[tokio::test]
async fn silence_once() {
    in_all_modes(async |mode| {
        let script = mode.scripted().reply(Reply::silence());
        let provider = start(script.then(Reply::text("At last."))).await;
        let gateway = hasty(one(mode, &provider)).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("At last.", "only");
        assert_eq!((answer.attempts(), answer.waited()), (2, WAIT));
        assert_waits(&provider, [250..=340]);
        assert_closed_at_once(&provider, 0, last_call(&provider) - WAIT).await;
    })
    .await;
}

#[tokio::test]
async fn silence_and_a_fallback() {
    in_all_modes(async |mode| {
        let (first, second) = (always(mode, Reply::silence()).await, well(mode).await);
        let gateway = hasty(two(mode, &first, &second))
            .with("defaults.retry.max_timeouts = 0")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
        let given_up = last_call(&second);
        let after = given_up - last_call(&first);
        let least = LIMIT - EARLY;
        assert!((least..LIMIT + SLACK).contains(&after), "{after:?}");
        assert_closed_at_once(&first, 0, given_up).await;
    })
    .await;
}

/// What was seen stays, and an error says that there is no more.
async fn assert_stalled(mode: Mode, reply: Reply) {
    let (first, second) = (always(mode, reply).await, well(mode).await);
    let gateway = hasty(two(mode, &first, &second)).start().await;

    let answer = gateway.ask(mode).await;
    answer.assert_broken_off("One", timed_out(mode), "first");
    assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
    // Never silently: what the caller has seen can't be taken back.
    assert_eq!((first.call_count(), second.call_count()), (1, 0));
    let silent = answer.end - answer.head;
    let least = LIMIT - EARLY;
    assert!((least..LIMIT + SLACK).contains(&silent), "{silent:?}");
    assert_closed_at_once(&first, 0, answer.end).await;
    let counts = gateway.breaker(0).counts();
    assert_eq!((counts.calls, counts.failures), (1, 1));
}

#[tokio::test]
async fn a_stall_after_a_token() {
    in_modes(Mode::streamed(), async |mode| {
        assert_stalled(mode, Reply::text("One two three").stall_after(1)).await;
    })
    .await;
}

#[tokio::test]
async fn a_stall_after_a_token_with_signs_of_life() {
    in_modes(Mode::streamed(), async |mode| {
        let reply = Reply::text("One two three")
            .stall_after(1)
            .keep_alive(EVERY);
        assert_stalled(mode, reply).await;
    })
    .await;
}

#[tokio::test]
async fn slow_is_not_silent() {
    in_modes(Mode::streamed(), async |mode| {
        // Longer than the limit in all, but never in a row.
        let pace = Duration::from_millis(100);
        let reply = Reply::text("One two three four five six").pace(pace);
        let provider = always(mode, reply).await;
        let gateway = hasty(one(mode, &provider)).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("One two three four five six", "only");
        assert!(answer.end - answer.sent >= 5 * pace);
        // It is passed on as it comes.
        assert!(answer.took() < LIMIT);
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_reads_slowly_is_not_a_silent_provider() {
    // One is enough: it is work.
    in_modes(Mode::streamed().take(1), async |mode| {
        // More than all the buffers on the way hold.
        const BYTES: usize = 16 << 20;
        let provider = always(mode, Reply::huge(BYTES)).await;
        let gateway = one(mode, &provider)
            .with("defaults.timeout.idle = '300ms'")
            .start()
            .await;

        let open = gateway.open(mode).await;
        sleep(2 * LIMIT).await;
        assert!(!provider.calls()[0].finished(), "it waits for the caller");
        let answer = Answer::read(mode, open).await;
        assert!(answer.clean && answer.has_end());
        assert_eq!(answer.text().len(), BYTES);
    })
    .await;
}

#[tokio::test]
async fn the_deadline_holds_for_a_caller_who_does_not_read() {
    // One after the other: making so long an answer takes the time of everybody here.
    for mode in Mode::streamed().take(2) {
        in_modes([mode], async |mode| {
            let deadline = Duration::from_secs(1);
            let provider = always(mode, Reply::huge(16 << 20)).await;
            let gateway = one(mode, &provider)
                .with("limits.deadline = '1s'")
                .start()
                .await;

            let open = gateway.open(mode).await;
            sleep(deadline + LIMIT).await;
            assert_closed_at_once(&provider, 0, open.sent + deadline).await;
            // What was on its way is still read, and then why there is no more.
            let answer = Answer::read(mode, open).await;
            answer.assert_broken_off(&answer.text(), timed_out(mode), "only");
            assert!(answer.clean);
        })
        .await;
    }
}

#[tokio::test]
async fn the_deadline_ends_it_all() {
    in_all_modes(async |mode| {
        let (first, second) = (always(mode, Reply::silence()).await, well(mode).await);
        let gateway = two(mode, &first, &second)
            .with("limits.deadline = '300ms'")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(504, timed_out(mode));
        assert_eq!(answer.attempts(), 1);
        assert_eq!((first.call_count(), second.call_count()), (1, 0));
        let took = answer.took();
        assert!((LIMIT..LIMIT + SLACK).contains(&took), "{took:?}");
        assert_closed_at_once(&first, 0, answer.head).await;
        // Whose patience ended is the caller.
        assert_eq!(gateway.breaker(0).counts().failures, 0);
    })
    .await;
}

#[tokio::test]
async fn the_deadline_ends_a_stream_as_well() {
    in_modes(Mode::streamed(), async |mode| {
        let endless = Reply::text("word ".repeat(100)).pace(EVERY);
        let provider = always(mode, endless).await;
        let gateway = one(mode, &provider)
            .with("limits.deadline = '300ms'")
            .start()
            .await;

        let answer: Answer = gateway.ask(mode).await;
        let text = answer.text();
        assert!(text.starts_with("word word"), "{text}");
        answer.assert_broken_off(&text, timed_out(mode), "only");
        let took = answer.end - answer.sent;
        assert!((LIMIT..LIMIT + SLACK).contains(&took), "{took:?}");
        assert_closed_at_once(&provider, 0, answer.end).await;
    })
    .await;
}
