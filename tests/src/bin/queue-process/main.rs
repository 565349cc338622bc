//! A process that puts tasks in a queue or works at them, as it is told in JSON, tells all that it
//! does on its standard output, and may die of it. When its standard input ends, so does it.

mod enqueue;
mod watched;
mod work;

use buttress_queue::{Queue, Settings, Store};
use buttress_tests::queue::{Death, Order, Role, open};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use std::{error::Error, io, sync::Arc, thread, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::sleep,
};
use watched::Watched;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let order = std::env::args().nth(1).ok_or("what to do, as JSON")?;
    let order: Order = serde_json::from_str(&order)?;
    let _full = limit(order.death)?;
    let queue =
        Queue::from(Arc::new(Watched::new(reach(&order).await, order.death)) as Arc<dyn Store>);
    let (end, told) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        end.send(())
    });
    let told_to_end = async {
        let _ = told.await;
    };
    match order.role {
        Role::Enqueue { lanes, pause } => {
            tokio::select! {
                () = enqueue::fill(queue, lanes, pause) => {}
                () = told_to_end => {}
            }
        }
        Role::Work { at_once, lease } => work::work(queue, at_once, lease, told_to_end).await,
    }
    Ok(())
}

/// The store, when it is there.
async fn reach(order: &Order) -> Arc<dyn Store> {
    let mut settings = Settings::new();
    settings.max_deliveries = order.max_deliveries;
    loop {
        match open(&order.url, settings.clone()).await {
            Ok(store) => return store,
            Err(error) => {
                eprintln!("{error}: {error:?}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Files grow no further than this.
fn limit(death: Option<Death>) -> Result<Option<tokio::signal::unix::Signal>, Box<dyn Error>> {
    let (bytes, dies) = match death {
        Some(Death::File { bytes }) => (bytes, true),
        Some(Death::FullDisk { bytes }) => (bytes, false),
        Some(Death::Call { .. }) | None => return Ok(None),
    };
    // Whoever does not want to die of SIGXFSZ has to listen to it.
    let listens = match dies {
        true => None,
        false => Some(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?),
    };
    let limit = Rlimit {
        current: Some(bytes),
        maximum: None,
    };
    setrlimit(Resource::Fsize, limit)?;
    // No core of it.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    Ok(listens)
}

/// As `kill -9` from outside.
fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}
