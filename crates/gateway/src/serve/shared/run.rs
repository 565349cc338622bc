use super::{
    item::Item,
    message::Message,
    server::{Channel, Connection},
};
use buttress_store::StoreError;
use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// How often it is looked at what the calls leave behind.
const LOOK: Duration = Duration::from_millis(200);

/// How long it waits before it looks for the server once more: so long, and up to twice that.
const AGAIN: Duration = Duration::from_millis(500);

/// What is to be shared from now on, if that has changed.
#[derive(Debug, Default)]
pub(super) struct Renewed(Mutex<Option<Vec<Item>>>);

impl Renewed {
    pub(super) fn put(&self, items: Vec<Item>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(items);
    }

    fn take(&self) -> Option<Vec<Item>> {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        items.take()
    }
}

/// What one gateway tells and hears.
#[derive(Debug)]
pub(super) struct Gateway {
    channel: Channel,
    items: Vec<Item>,
    /// Where each of them is.
    places: HashMap<Box<str>, usize>,
    renewed: Arc<Renewed>,
    /// By this it knows its own words.
    me: String,
    /// Whether somebody has been told that there is no server.
    alone: bool,
    /// Whether somebody has been told of words that are not understood.
    puzzled: bool,
}

impl Gateway {
    pub(super) fn new(channel: Channel, items: Vec<Item>, renewed: Arc<Renewed>) -> Self {
        Self {
            channel,
            places: places(&items),
            items,
            renewed,
            me: format!("{:016x}", rand::random::<u64>()),
            alone: false,
            puzzled: false,
        }
    }

    /// Tells and hears for as long as it is polled, with a server or without one.
    pub(super) async fn run(mut self) {
        loop {
            let Err(error) = self.share().await;
            if !self.alone {
                self.alone = true;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "nothing is shared with other gateways until the server for it is there"
                );
            }
            // Not all gateways at once.
            sleep(AGAIN.mul_f64(1.0 + rand::random::<f64>())).await;
        }
    }

    /// Until the connection is lost.
    async fn share(&mut self) -> Result<Infallible, StoreError> {
        let mut server = self.channel.connect().await?;
        // What happened while there was no connection is newer than what is kept.
        self.tell(&server).await?;
        self.renew();
        self.catch_up(&server).await?;
        if self.alone {
            self.alone = false;
            tracing::info!("circuits and keys are shared with other gateways again");
        }
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let heard = tokio::select! {
                heard = server.heard.next() => match heard {
                    Some(heard) => Some(heard),
                    None => return Err(StoreError::Unavailable("the connection is lost".into())),
                },
                _ = looks.tick() => None,
            };
            // What was found out here is told before what is heard covers it.
            self.tell(&server).await?;
            if self.renew() {
                self.catch_up(&server).await?;
            }
            if let Some(heard) = heard {
                self.hear(&heard, None);
            }
        }
    }

    /// Tells what has changed. What could not be told is told once there is a server again.
    async fn tell(&mut self, server: &Connection) -> Result<(), StoreError> {
        for item in &mut self.items {
            let Some(news) = item.news(Instant::now()) else {
                continue;
            };
            let message = Message::new(&self.me, &item.identity, news.is, news.wait);
            let message = message.by_hand(news.hand);
            self.channel.tell(server, &message).await?;
            item.told(news);
        }
        Ok(())
    }

    /// Goes over to what is to be shared now. Gives whether that is something else than before.
    fn renew(&mut self) -> bool {
        let Some(mut items) = self.renewed.take() else {
            return false;
        };
        for item in &mut items {
            let before = self.places.get(&item.identity);
            item.follow(before.and_then(|&at| self.items.get(at)));
        }
        self.places = places(&items);
        self.items = items;
        true
    }

    /// Hears what was told before.
    async fn catch_up(&mut self, server: &Connection) -> Result<(), StoreError> {
        let items = self.items.iter().map(|item| &*item.identity);
        for (message, left) in self.channel.read(server, items).await? {
            self.hear(&message, Some(left));
        }
        Ok(())
    }

    /// Takes in what somebody told, of which so much is left.
    fn hear(&mut self, message: &[u8], left: Option<Duration>) {
        let Some(message) = Message::read(message) else {
            if !self.puzzled {
                self.puzzled = true;
                tracing::warn!("what another gateway tells is not understood, and passed over");
            }
            return;
        };
        if message.from == self.me {
            return;
        }
        let message = match left {
            Some(left) => message.with_left(left),
            None => message,
        };
        let place = self.places.get(&*message.of);
        let Some(item) = place.and_then(|&at| self.items.get_mut(at)) else {
            return;
        };
        if item.take_in(&message, Instant::now()) {
            let what = message.of.split(':').next();
            tracing::info!(
                name = &*item.name, what, is = ?message.is,
                "changed by what another gateway told"
            );
        }
    }
}

fn places(items: &[Item]) -> HashMap<Box<str>, usize> {
    let places = items.iter().enumerate();
    places
        .map(|(at, item)| (item.identity.clone(), at))
        .collect()
}
