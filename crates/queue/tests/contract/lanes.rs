use super::*;
use buttress_queue::Lanes;
use bytes::Bytes;

/// What is given out, by what is in it.
async fn given(store: &dyn Store, lanes: &Lanes, most: usize) -> Vec<(Bytes, Claimed)> {
    let claimed = store.claim_of(lanes, "w", most, MINUTE).await.unwrap();
    let given = claimed.into_iter();
    given
        .map(|claimed| (claimed.entry.payload.clone(), claimed))
        .collect()
}

fn texts(given: &[(Bytes, Claimed)]) -> Vec<&[u8]> {
    given.iter().map(|(text, _)| &text[..]).collect()
}

pub async fn a_lane_of_which_nothing_is_wanted_hides_none(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    for _ in 0..300 {
        put(store, Entry::new("down").lane("down")).await;
    }
    put(store, Entry::new("up").lane("up")).await;
    put(store, Entry::new("of none")).await;
    put(store, Entry::new("down").lane("down")).await;

    let lanes = Lanes::new(9).of("down", 0);
    let given = given(store, &lanes, 9).await;
    let mut found = texts(&given);
    found.sort_unstable();
    assert_eq!(found, [&b"of none"[..], b"up"]);
    for (text, claimed) in &given {
        let lane = claimed.entry.lane.as_deref();
        assert_eq!(lane, Some("up").filter(|up| text == up));
    }
    counted(store, [301, 0, 2, 0, 0]).await;
    // They are there when they are wanted.
    assert_eq!(store.claim("w", 999, MINUTE).await.unwrap().len(), 301);
}

pub async fn no_more_of_a_lane_is_given_out_than_is_wanted(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    for n in 0..5_u8 {
        put(store, Entry::new(vec![b'a', n]).lane("a")).await;
        put(store, Entry::new(vec![b'b', n]).lane("b")).await;
        put(store, Entry::new(vec![b'c', n]).lane("c")).await;
        put(store, Entry::new(vec![b'-', n])).await;
    }
    let lanes = Lanes::new(1).of("a", 3).of("b", 0).of("none", 7);
    let first = given(store, &lanes, 99).await;
    let of = |lane: u8| {
        let of = first.iter().filter(move |(text, _)| text[0] == lane);
        of.map(|(text, _)| text[1]).collect::<Vec<_>>()
    };
    assert_eq!(of(b'a'), [0, 1, 2], "in their order");
    assert!(of(b'b').is_empty());
    assert_eq!(
        [of(b'c'), of(b'-')].concat(),
        [0],
        "of the others one in all"
    );
    // Nor more in all.
    let lanes = Lanes::new(99).of("a", 99);
    assert_eq!(given(store, &lanes, 4).await.len(), 4);
    assert_eq!(given(store, &Lanes::new(0), 4).await.len(), 0);
    assert_eq!(given(store, &lanes, 99).await.len(), 12);
}

pub async fn no_lane_is_passed_over_for_ever(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    for n in 0..40 {
        put(store, Entry::new(format!("{n}")).lane(format!("{}", n % 4))).await;
    }
    let mut found = Vec::new();
    for _ in 0..40 {
        let claimed = one(store).await;
        store.finish(&claimed.lease, Bytes::new()).await.unwrap();
        found.push(claimed.entry.lane.unwrap());
    }
    none(store).await;
    for lane in ["0", "1", "2", "3"] {
        let first = found.iter().position(|found| found == lane);
        assert!(first.unwrap() < 8, "{found:?}");
    }
}

pub async fn a_task_keeps_its_lane(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let entry = |text: &'static str| Entry::new(text).lane("a").session("s");
    let id = put(store, entry("first")).await;
    put(store, entry("second")).await;
    let (a, others) = (Lanes::new(0).of("a", 1), Lanes::new(1).of("a", 0));
    let only = async || {
        assert!(given(store, &others, 1).await.is_empty());
        given(store, &a, 1).await.remove(0).1
    };
    let lease = only().await.lease;
    store
        .postpone(&lease, Duration::ZERO, true, "")
        .await
        .unwrap();
    let lease = only().await.lease;
    store.postpone(&lease, SHORT, true, "").await.unwrap();
    ran_out().await;
    let lease = only().await.lease;
    store.bury(&lease, "").await.unwrap();
    // The next of its session.
    let second = only().await;
    assert_eq!(&second.entry.payload[..], b"second");
    store.finish(&second.lease, Bytes::new()).await.unwrap();
    assert!(store.retry(id).await.unwrap());
    assert_eq!(only().await.entry.id, id);
}

pub async fn leases_that_ran_out_are_of_their_lanes(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    for _ in 0..3 {
        put(store, Entry::new("a").lane("a")).await;
    }
    let last = put(store, Entry::new("b").lane("b")).await;
    assert_eq!(store.claim("dies", 4, SHORT).await.unwrap().len(), 4);
    put(store, Entry::new("fresh").lane("a")).await;
    ran_out().await;
    let lanes = Lanes::new(1).of("a", 0);
    let mut found = given(store, &lanes, 1).await;
    found.extend(given(store, &lanes, 1).await);
    assert_eq!(texts(&found), [b"b"]);
    assert_eq!(found[0].1.entry.id, last);
    assert_eq!(found[0].1.deliveries, 2);
    // And still come first.
    let rest = given(store, &Lanes::new(9), 3).await;
    assert_eq!(texts(&rest), [b"a", b"a", b"a"]);
    assert!(rest.iter().all(|(_, claimed)| claimed.deliveries == 2));
}

pub async fn many_leases_that_ran_out_hide_no_other_lane(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    for _ in 0..250 {
        put(store, Entry::new("a").lane("a")).await;
    }
    assert_eq!(store.claim("dies", 250, SHORT).await.unwrap().len(), 250);
    put(store, Entry::new("b").lane("b")).await;
    let lanes = Lanes::new(1).of("a", 0);
    let b = store.claim_of(&lanes, "dies", 1, SHORT).await.unwrap();
    assert_eq!(b.len(), 1);
    ran_out().await;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.extend(given(store, &lanes, 1).await);
    }
    assert_eq!(texts(&found), [b"b"]);
    let a = store.claim("w", 999, MINUTE).await.unwrap();
    assert_eq!(a.len(), 250);
    assert!(a.iter().all(|claimed| claimed.deliveries == 2));
}

pub async fn a_lane_may_have_any_name(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let long = "ü".repeat(100);
    for name in ["a:b", "{c}", "\0\r\n", "ready", "'; DROP", &long] {
        let id = put(store, Entry::new("x").lane(name)).await;
        let lane: String = name.chars().take(64).collect();
        let lanes = Lanes::new(0).of(&*lane, 1);
        let (_, claimed) = given(store, &lanes, 1).await.remove(0);
        assert_eq!((claimed.entry.id, claimed.entry.lane), (id, Some(lane)));
    }
    put(store, Entry::new("x").lane("")).await;
    assert_eq!(one(store).await.entry.lane, None);
}

pub async fn positions_are_those_in_a_lane(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(put(store, Entry::new("x").lane(["a", "b"][n % 2])).await);
    }
    let position = async |id: TaskId| store.inspect(id).await.unwrap().unwrap().position;
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(position(*id).await, Some(n as u64 / 2));
    }
    let a = Lanes::new(0).of("a", 2);
    let mut of_a = given(store, &a, 9).await;
    store.remove(ids[6]).await.unwrap();
    assert_eq!(position(ids[4]).await, Some(0));
    assert_eq!(position(ids[8]).await, Some(1));
    assert_eq!(position(ids[9]).await, Some(4));
    let lease = of_a.remove(0).1.lease;
    store.postpone(&lease, MINUTE, true, "").await.unwrap();
    assert_eq!(position(ids[0]).await, Some(3));
}
