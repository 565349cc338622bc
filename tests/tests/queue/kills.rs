//! The queue loses nothing: processes that put tasks in and work at them are killed, at random
//! points, right before and after each command to the store, and in the middle of what they write.

use crate::{
    campaign::{Campaign, Place},
    redis_server::RedisServer,
    setting,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

fn kills() -> u64 {
    setting("BUTTRESS_KILLS", 60)
}

async fn run(name: &str, place: Place, kills: u64) {
    let seed = setting("BUTTRESS_SEED", 1);
    let begun = SystemTime::now();
    let campaign = Arc::new(Campaign::new(place, seed));
    campaign.kill_at_each_of(20).await;
    campaign.check_store().await;
    let before = campaign.kills();
    // Now and then all of them at once, and a look at what is there.
    for phase in 1..=4 {
        campaign.kill(before + kills * phase / 4).await;
        campaign.check_store().await;
    }
    let tally = campaign.drain().await;
    println!(
        "{name}, seed {seed}: {} kills in {:.0?}: {tally:?}",
        campaign.kills(),
        begun.elapsed().unwrap_or_default()
    );
    assert!(tally.kept as u64 > kills, "nothing was at stake: {tally:?}");
    assert!(tally.in_flight > 0, "nobody was killed at work: {tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_loses_nothing_when_processes_are_killed() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("queue.db");
    run("sqlite", Place::Sqlite(path.clone()), kills()).await;
    let file = rusqlite::Connection::open(path).expect("it is there");
    let sound: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it is read");
    assert_eq!(sound, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_loses_nothing_when_processes_are_killed() {
    let server = RedisServer::start(&["--appendfsync", "everysec"]);
    run("redis", Place::Redis(server.port()), kills()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_loses_nothing_when_it_is_killed_as_well() {
    let mut server = RedisServer::start(&["--appendfsync", "always"]);
    let place = Place::Redis(server.port());
    let over = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&over);
    let killer = thread::spawn(move || {
        let mut times = 0;
        while !stop.load(Relaxed) {
            thread::sleep(Duration::from_millis(900 + 211 * (times % 5)));
            server.kill();
            thread::sleep(Duration::from_millis(40 * (times % 4)));
            server.restart();
            times += 1;
        }
        (server, times)
    });
    let kills = kills() / 2;
    let campaign = Arc::new(Campaign::new(place, setting("BUTTRESS_SEED", 1)));
    campaign.kill(kills).await;
    over.store(true, Relaxed);
    let (_server, times) = killer.join().expect("it starts again");
    campaign.check_store().await;
    let tally = campaign.drain().await;
    println!(
        "redis, with {times} kills of the server: {} kills: {tally:?}",
        campaign.kills()
    );
    assert!(times > 0 && tally.kept as u64 > kills, "{tally:?}");
}
