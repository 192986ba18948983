//! Live delivery: every change reaches every member at once, and no change is missed after any
//! absence.
//!
//! A user whom this API serves has one [`inbox::Inbox`], which listens to the user's channel in
//! Redis for all of their connections. A frame that arrives is put into the
//! [`send_queue::SendQueue`] of each connection unchanged. The [`gap_detector`] notices that a
//! change did not arrive, and [`backfill`] looks it up. A client therefore need only take rows by
//! `rev`, and remember the last cursor.

/// Looks up the changes that a user was not notified of, and sends them.
mod backfill;
/// The commands that a client sends on a WebSocket; they run the code of `operations`.
mod commands;
/// A connection of either wire: the frames that it sends next, and when it ends.
mod connection;
/// News to members that nobody stores, over REST: typing, and events of a product's own.
mod ephemeral;
/// Finds the changes of a chat that did not arrive. Pure: no I/O, no clock.
mod gap_detector;
/// Authenticates the request that opens a connection, and issues tickets.
mod handshake;
/// The connections of this API; opens an inbox with the first of a user, closes it with the last.
mod hub;
/// The state of a user over all their connections, and which changes are missing. No I/O.
mod inbox;
/// Takes notifications from Redis, and recovers after some were lost.
mod listener;
/// The pace at which control frames are read.
mod pace;
/// Presence: who is online, sent to the connections that show it.
mod presence;
/// The frames that wait to be written to one connection, within bounds.
mod send_queue;
/// `GET /v1/socket`: the WebSocket.
mod socket;
/// `GET /v1/events`: Server-Sent Events.
mod sse;
/// The chat in which the user of a connection is typing. No I/O.
mod typing;
/// Advances the tick up to which everything was sent, by which cursors are made.
mod watermark;

pub(crate) use commands::ClientCommand;
pub(crate) use hub::Hub;

/// The operations of this folder.
pub(crate) type Apis = (
    sse::SseApi,
    socket::SocketApi,
    handshake::TicketApi,
    presence::PresenceApi,
    ephemeral::EphemeralApi,
);
/// A value of [`Apis`].
pub(crate) const APIS: Apis = (
    sse::SseApi,
    socket::SocketApi,
    handshake::TicketApi,
    presence::PresenceApi,
    ephemeral::EphemeralApi,
);
