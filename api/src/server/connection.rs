//! One connection.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use fair::Share;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use poem::{
    Endpoint, Request, Response,
    http::{self, header::UPGRADE, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    DRAIN,
    activity::{Activity, InFlight},
    sending::{Clock, Sending, Unsent},
    streams::Streams,
};

/// The most requests at once on a connection of HTTP/2.
const STREAMS: u32 = 100;
/// The most requests that the client of HTTP/2 took back before they began; beyond, the connection
/// is closed.
const RESETS: usize = 20;
/// The most bytes of the head of a request of HTTP/2.
const HEAD: u32 = 16 << 10;
/// The most bytes that wait on a connection of HTTP/1, the head of a request among them, or on a
/// stream of HTTP/2.
const BUFFER: usize = 64 << 10;
/// The time between two pings on a connection of HTTP/2, and that for their answer.
const PING: Duration = Duration::from_secs(30);

/// The place of a connection among those of its address. A connection that is no longer HTTP keeps
/// it too: it is in the data of the request that asks for the upgrade.
#[derive(Clone)]
pub(crate) struct Place(#[allow(dead_code)] Arc<Option<Share>>); // held, not read

impl Place {
    /// Returns the place that a share gives; that of a proxy has none.
    pub(super) fn new(share: Option<Share>) -> Self {
        Self(Arc::new(share))
    }
}

/// What all connections have in common.
pub(super) struct Connections<E> {
    endpoint: E,
    local: LocalAddr,
    /// The longest time in which a client takes no part of a response.
    patience: Duration,
    shutdown: CancellationToken,
}

impl<E: Endpoint<Output = Response> + 'static> Connections<E> {
    pub(super) fn new(
        endpoint: E,
        local: SocketAddr,
        patience: Duration,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            endpoint,
            local: LocalAddr(local.into()),
            patience,
            shutdown,
        }
    }

    /// Serves a connection to its end: until the client closes it, until it has been silent for too
    /// long, until a response of HTTP/1 must be given up, or the end of one of HTTP/2, or until
    /// shutdown; what is under way then may take [`DRAIN`].
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        let activity = Activity::new(self.patience);
        let (clock, streams) = (Clock::new(self.patience), Streams::new(self.patience));
        let broken = streams.broken();
        let peer = RemoteAddr(peer.into());
        let service = service_fn(|request: http::Request<Incoming>| {
            let (peer, place) = (peer.clone(), place.clone());
            let (this, in_flight) = (Arc::clone(&self), activity.begin());
            let clock = Arc::clone(&clock);
            async move {
                let clock = Streams::clock().unwrap_or(clock);
                let request = this.request(request, peer, place, &in_flight);
                let response = this.endpoint.get_response(request).await;
                let unsent = response.data::<Unsent>().cloned();
                let response: http::Response<_> = response.into();
                let send = |body| Sending::new(body, in_flight, clock, unsent);
                Ok::<_, Infallible>(response.map(send))
            }
        });
        let http = http(streams);
        let served = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut served = std::pin::pin!(served);
        tokio::select! {
            _ = served.as_mut() => return, // an error is the client's
            () = activity.until_silent() => {}
            () = clock.until_given_up() => {}
            () = broken.cancelled() => {}
            () = self.shutdown.cancelled() => {}
        }
        served.as_mut().graceful_shutdown();
        timeout(DRAIN, served).await.ok();
    }

    /// Returns a request as endpoints take it.
    fn request(
        &self,
        request: http::Request<Incoming>,
        peer: RemoteAddr,
        place: Place,
        in_flight: &InFlight,
    ) -> Request {
        let upgrades = request.headers().contains_key(UPGRADE);
        let mut request = Request::from((request, self.local.clone(), peer, Scheme::HTTP));
        if upgrades {
            request.set_data(place);
        }
        if !request.method().is_safe() {
            request.set_data(in_flight.progress());
        }
        request
    }
}

/// Returns hyper with our bounds.
fn http(streams: Streams) -> auto::Builder<Streams> {
    let mut http = auto::Builder::new(streams);
    // Activity has the bound on the time of a head: hyper's own would end idle connections too.
    http.http1().header_read_timeout(None).max_buf_size(BUFFER);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_header_list_size(HEAD)
        .max_send_buf_size(BUFFER);
    http
}
