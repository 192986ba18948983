//! A response on its way to the client, in parts: when the last of them left, and what is held
//! until all have.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use fair::{Holding, Share};
use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::activity::InFlight;

/// The bytes of a part: one frame of HTTP/2. hyper takes as much at once, however little of it the
/// client allows to be sent.
const PART: usize = 16 << 10;

/// What is held until the last byte of a response is sent: the room of its bytes, and the place of
/// its request among those of the account. It travels with the response.
#[derive(Clone)]
pub(crate) struct Unsent(Arc<Held>);

struct Held {
    bytes: Holding,
    _place: Option<Share>, // held, not read
}

impl Unsent {
    /// Holds both.
    pub(crate) fn new(bytes: Holding, place: Option<Share>) -> Self {
        let held = Held {
            bytes,
            _place: place,
        };
        Self(Arc::new(held))
    }
}

/// The clock of the response that is being sent: on a stream of HTTP/2, or on a connection of
/// HTTP/1.
pub(super) struct Clock {
    /// The longest time in which the client takes no part of a response.
    patience: Duration,
    now: Mutex<Now>,
    /// Notified when a response begins or ends.
    changed: Notify,
}

#[derive(Default)]
struct Now {
    /// The number of the newest response.
    newest: u64,
    /// The newest response, until it is sent.
    response: Option<BeingSent>,
}

struct BeingSent {
    /// The time when the last part left.
    last: Instant,
    /// Notified when the room of its bytes is taken away.
    displaced: Option<Arc<Notify>>,
}

impl Clock {
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            patience,
            now: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Waits until a response must be given up: the client has taken nothing of it for too long,
    /// or the room of its bytes was taken away.
    pub(super) async fn until_given_up(&self) {
        while !self.is_given_up().await {
            self.changed.notified().await;
        }
    }

    /// Waits for the end of the present response, if there is one; true when it must be given up.
    pub(super) async fn is_given_up(&self) -> bool {
        loop {
            let (end, displaced) = match &self.lock().response {
                Some(response) => (response.last + self.patience, response.displaced.clone()),
                None => return false,
            };
            if Instant::now() >= end {
                return true;
            }
            let displaced = async {
                match displaced {
                    Some(displaced) => displaced.notified().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep_until(end) => {}
                () = self.changed.notified() => {}
                () = displaced => return true,
            }
        }
    }

    /// Begins a response, and returns its number.
    fn begin(&self, displaced: Option<Arc<Notify>>) -> u64 {
        let mut now = self.lock();
        now.newest += 1;
        now.response = Some(BeingSent {
            last: Instant::now(),
            displaced,
        });
        self.changed.notify_one();
        now.newest
    }

    fn touch(&self, number: u64) {
        let mut now = self.lock();
        if now.newest == number
            && let Some(response) = &mut now.response
        {
            response.last = Instant::now();
        }
    }

    fn end(&self, number: u64) {
        let mut now = self.lock();
        if now.newest == number {
            now.response = None;
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ends when the last byte of a response is sent, or given up.
struct Response {
    request: InFlight,
    clock: Arc<Clock>,
    number: u64,
    _unsent: Option<Unsent>, // held, not read
}

impl Drop for Response {
    fn drop(&mut self) {
        self.clock.end(self.number);
    }
}

/// A part of a response. hyper drops it when it has left.
struct Part {
    bytes: Bytes,
    response: Arc<Response>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.response.request.touch();
        self.response.clock.touch(self.response.number);
    }
}

/// The body of a response.
pub(super) struct Sending<B> {
    body: B,
    /// What is left of a frame that is longer than a part.
    rest: Bytes,
    response: Arc<Response>,
}

impl<B> Sending<B> {
    /// Begins to send the body of the response to a request, by a clock.
    pub(super) fn new(
        body: B,
        request: InFlight,
        clock: Arc<Clock>,
        unsent: Option<Unsent>,
    ) -> Self {
        let displaced = unsent.as_ref().map(|unsent| unsent.0.bytes.notice());
        let number = clock.begin(displaced);
        let response = Response {
            request,
            clock,
            number,
            _unsent: unsent,
        };
        Self {
            body,
            rest: Bytes::new(),
            response: Arc::new(response),
        }
    }

    /// Returns the next part of the rest.
    fn part(&mut self) -> Bytes {
        let bytes = match self.rest.len() > PART {
            true => self.rest.split_to(PART),
            false => mem::take(&mut self.rest),
        };
        Bytes::from_owner(Part {
            bytes,
            response: Arc::clone(&self.response),
        })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Sending<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let part = self.part();
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut size = SizeHint::new();
        size.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            size.set_upper(upper + rest);
        }
        size
    }
}
