use super::*;
use buttress::{
    circuit_breaker::CircuitBreakerLayer,
    retry_after::{GateLayer, GateState, SharedKey},
};
use tokio::time::sleep;

const MINUTE: Duration = Duration::from_secs(60);

fn item(subject: Subject) -> Item {
    Item::new("it".into(), "it".into(), subject)
}

fn circuit() -> (Handle, Item) {
    let circuit = CircuitBreakerLayer::standard().handle();
    (circuit.clone(), item(Subject::Circuit(circuit)))
}

fn gate() -> (GateHandle, Item) {
    let gate = GateLayer::standard().handle();
    (gate.clone(), item(Subject::Gate(gate)))
}

fn key() -> ([GateHandle; 2], Item) {
    let key = SharedKey::new();
    let gates = [(); 2].map(|()| GateLayer::standard().of_key(&key).handle());
    (gates.clone(), item(Subject::Key(gates.to_vec())))
}

/// What is told of it now, and whether by a hand.
fn told(item: &mut Item) -> Option<(Stands, Option<Duration>, bool)> {
    let news = item.news(Instant::now())?;
    item.told(news);
    Some((news.is, news.wait, news.hand))
}

fn hear(item: &mut Item, is: Stands, wait: Option<Duration>, hand: bool) -> bool {
    let message = Message::new("other", "it", is, wait).by_hand(hand);
    item.take_in(&message, Instant::now())
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_circuit_is_told_once() {
    let (circuit, mut item) = circuit();
    assert_eq!(told(&mut item), None);
    circuit.force_open();
    let (is, wait, hand) = told(&mut item).unwrap();
    assert_eq!((is, hand), (Stands::Open, false));
    assert_eq!(wait, circuit.time_until_probe());
    assert_eq!(told(&mut item), None);
    // Opened anew it is news.
    circuit.force_close();
    circuit.force_open();
    assert_eq!(told(&mut item).unwrap().0, Stands::Open);
    circuit.isolate();
    assert_eq!(told(&mut item), Some((Stands::Isolated, None, false)));
    circuit.reset();
    assert_eq!(told(&mut item), Some((Stands::Well, None, true)));
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_is_not_told() {
    let (circuit, mut item) = circuit();
    assert!(hear(&mut item, Stands::Open, Some(MINUTE), false));
    assert_eq!(circuit.state(), State::Open);
    assert_eq!(told(&mut item), None);
    assert!(!hear(&mut item, Stands::Open, Some(MINUTE), false));
    assert!(hear(&mut item, Stands::Well, None, false));
    assert_eq!(circuit.state(), State::Closed);
    assert_eq!(told(&mut item), None);
    // Nonsense does nothing.
    for is in [Stands::Limited, Stands::Spent, Stands::Parked] {
        assert!(!hear(&mut item, is, Some(MINUTE), true));
    }
    assert_eq!(circuit.state(), State::Closed);
}

/// Between two looks at it something may happen here, and something may be told.
#[tokio::test(start_paused = true)]
async fn what_was_not_told_yet_is_told_after_something_was_heard() {
    let (circuit, mut item) = circuit();
    circuit.isolate();
    assert!(!hear(&mut item, Stands::Open, Some(MINUTE), false));
    assert_eq!(told(&mut item), Some((Stands::Isolated, None, false)));
    assert_eq!(told(&mut item), None);

    let (gate, mut item) = gate();
    gate.close_for(2 * MINUTE);
    assert!(!hear(&mut item, Stands::Limited, Some(MINUTE), false));
    let news = Some((Stands::Limited, Some(2 * MINUTE), false));
    assert_eq!(told(&mut item), news);
    // What is longer than what was met here covers it.
    gate.close_for(3 * MINUTE);
    assert!(hear(&mut item, Stands::Limited, Some(4 * MINUTE), false));
    assert_eq!(told(&mut item), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_hand_did_only_a_hand_ends() {
    let (circuit, mut item) = circuit();
    circuit.isolate();
    for is in [Stands::Well, Stands::Open] {
        assert!(!hear(&mut item, is, Some(MINUTE), false));
    }
    assert_eq!(circuit.state(), State::Isolated);
    assert!(hear(&mut item, Stands::Well, None, true));
    assert_eq!(circuit.state(), State::Closed);
    // One that was isolated by being told is none's here.
    assert!(hear(&mut item, Stands::Isolated, None, false));
    assert!(hear(&mut item, Stands::Well, None, false));

    let (gates, mut item) = key();
    gates[0].park(None);
    assert!(!hear(&mut item, Stands::Well, None, false));
    assert!(hear(&mut item, Stands::Well, None, true));
    assert_eq!(gates[1].state(), GateState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_gate_is_opened_only_where_it_was_told_to_close() {
    let (gate, mut item) = gate();
    assert!(hear(&mut item, Stands::Limited, Some(MINUTE), false));
    assert_eq!(gate.state(), GateState::Closed { wait: MINUTE });
    assert_eq!(told(&mut item), None);
    assert!(hear(&mut item, Stands::Well, None, false));
    assert_eq!(gate.state(), GateState::Open);

    // It was told of a limit, and met a longer one.
    hear(&mut item, Stands::Limited, Some(MINUTE), false);
    gate.close_for(2 * MINUTE);
    assert_eq!(
        told(&mut item),
        Some((Stands::Limited, Some(2 * MINUTE), false))
    );
    assert!(!hear(&mut item, Stands::Limited, Some(MINUTE), false));
    assert!(!hear(&mut item, Stands::Well, None, false));
    assert_eq!(gate.state(), GateState::Closed { wait: 2 * MINUTE });
    // Nor is it shut for longer than it may be.
    assert!(hear(&mut item, Stands::Limited, Some(Duration::MAX), false));
    assert_eq!(gate.state(), GateState::Closed { wait: 60 * MINUTE });
    // A limit of which nobody knows how long it lasts is none.
    assert!(!hear(&mut item, Stands::Limited, None, false));
}

#[tokio::test(start_paused = true)]
async fn what_ends_by_itself_does_so_everywhere() {
    let (gate, mut item) = gate();
    gate.close_for(MINUTE);
    assert_eq!(told(&mut item).unwrap().0, Stands::Limited);
    sleep(MINUTE).await;
    gate.open();
    assert_eq!(told(&mut item), None);
    // Before that it is a hand's doing.
    gate.close_for(MINUTE);
    assert_eq!(told(&mut item).unwrap().0, Stands::Limited);
    gate.open();
    assert_eq!(told(&mut item), Some((Stands::Well, None, false)));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_told_of_once_for_all_of_its_gates() {
    let (gates, mut item) = key();
    gates[0].close_for(MINUTE);
    assert_eq!(told(&mut item), None, "a limit is a gate's own");
    let until = Some(Instant::now() + MINUTE);
    gates[1].heed(Notice::Unusable { until });
    assert_eq!(told(&mut item), Some((Stands::Parked, Some(MINUTE), false)));
    assert_eq!(told(&mut item), None);
    gates[0].heed(Notice::Open);
    assert_eq!(told(&mut item), Some((Stands::Well, None, false)));

    gates[0].park(None);
    assert_eq!(told(&mut item), Some((Stands::Parked, None, false)));
    gates[1].unpark();
    assert_eq!(told(&mut item), Some((Stands::Well, None, true)));
    assert!(hear(&mut item, Stands::Parked, Some(MINUTE), false));
    assert_eq!(gates[0].state().as_str(), "parked");
    assert_eq!(told(&mut item), None);
    assert!(hear(&mut item, Stands::Well, None, false));
    assert_eq!(told(&mut item), None);
}

#[tokio::test(start_paused = true)]
async fn what_begins_anew_is_no_news() {
    let (before, mut old) = circuit();
    before.isolate();
    assert_eq!(told(&mut old).unwrap().0, Stands::Isolated);
    let (now, mut new) = circuit();
    new.follow(Some(&old));
    assert_eq!(told(&mut new), None);
    assert!(hear(&mut new, Stands::Isolated, None, false));
    assert_eq!(now.state(), State::Isolated);

    // What was heard stays so where the circuit does.
    let mut same = item(Subject::Circuit(now.clone()));
    same.follow(Some(&new));
    assert_eq!(told(&mut same), None);
    assert!(hear(&mut same, Stands::Well, None, false));
    assert_eq!(now.state(), State::Closed);
}
