//! Authenticates the request that opens a connection: by a bearer token, by the cookie of our own
//! page, or by a ticket where a browser can send neither.

use std::sync::Arc;

use model::{ProblemCode, Session, Token};
use poem::{Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, Object, OpenApi,
    payload::Json, registry::Registry,
};

use super::Hub;
use crate::{
    request::{
        auth::{self, Caller},
        budget, client_address,
        credential::{self, Credential},
    },
    response::{durable::Acknowledged, problem::Problem},
    state::State,
};

/// The prefix of a ticket that comes as a subprotocol: besides the address, a browser's `WebSocket`
/// can send nothing else.
const TICKET_PROTOCOL: &str = "ticket.";

/// The operation that issues tickets.
pub(crate) struct TicketApi;

/// A ticket for one connection.
#[derive(Object)]
struct Ticket {
    /// The value for the parameter `ticket` of one connection.
    ticket: String,
    /// The seconds for which the ticket is valid.
    expires_in: u64,
}

#[derive(ApiResponse)]
enum IssuedTicket {
    /// The ticket stands for this session, once.
    #[oai(status = 201)]
    Created(Json<Ticket>),
}

#[OpenApi(tag = "crate::operations::Tags::Live")]
impl TicketApi {
    /// Get a ticket
    ///
    /// A ticket opens one connection, soon. Pages of other origins need it, because a browser's
    /// `WebSocket` and `EventSource` cannot send a token.
    #[oai(
        path = "/events/tickets",
        method = "post",
        operation_id = "createTicket"
    )]
    async fn create(&self, caller: Caller) -> Result<Acknowledged<IssuedTicket>, Problem> {
        let ticket = caller.state.store.issue_ticket(&caller.session).await?;
        let expires_in = store::TICKET_LIFE.as_secs();
        Ok(Acknowledged(IssuedTicket::Created(Json(Ticket {
            ticket: ticket.reveal().to_owned(),
            expires_in,
        }))))
    }
}

/// The request that opens a connection, with its credentials.
pub(crate) struct Handshake {
    pub(crate) state: Arc<State>,
    pub(crate) hub: Hub,
    token: Option<Credential>,
    ticket: Option<Token>,
    address: String,
}

impl Handshake {
    /// Authenticates the request, and returns its session. `ticket` is the one in the address.
    ///
    /// # Errors
    /// 401 when the ticket or token is not valid, or none was given; 429 when nothing is left of
    /// the account's budget.
    pub(crate) async fn session(&self, ticket: Option<&str>) -> Result<Arc<Session>, Problem> {
        let store = &self.state.store;
        let ticket = ticket
            .and_then(|text| text.parse().ok())
            .or_else(|| self.ticket.clone());
        // It lives on for long: Redis is asked whether the session is good.
        let admitted = match (ticket, &self.token) {
            (Some(ticket), _) => {
                let session = store.use_ticket(&ticket).await?;
                let partition = session.user.partition();
                budget::admit_by_redis(&self.state, partition, &session.hash, None).await
            }
            (None, Some(token)) => {
                credential::admit_by_redis(&self.state, token, &self.address).await
            }
            (None, None) => return Err(Problem::unauthorized()),
        };
        admitted.map(|admitted| admitted.session)
    }
}

impl<'a> ApiExtractor<'a> for Handshake {
    const TYPES: &'static [ApiExtractorType] = Caller::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Caller::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Caller::security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let state = State::of(request);
        if !is_allowed(request, &state) {
            let detail = "Pages of this origin may not connect. CARRIER_ALLOWED_ORIGINS lists the \
                          origins that may.";
            return Err(Problem::new(ProblemCode::OriginNotAllowed, detail).into());
        }
        let protocols = request
            .header(header::SEC_WEBSOCKET_PROTOCOL)
            .unwrap_or_default()
            .split(',')
            .map(str::trim);
        let ticket = protocols
            .filter_map(|protocol| protocol.strip_prefix(TICKET_PROTOCOL)?.parse().ok())
            .next();
        Ok(Self {
            token: auth::token(request, auth::CookieFrom::OurPages, state.provider.as_ref()),
            ticket,
            address: client_address::of(request, &state.config.trusted_proxies),
            state,
            hub: Hub::of(request),
        })
    }
}

/// Returns true when the request comes from an origin that may connect. A browser lets any page
/// open a WebSocket to any server, and sends the page's origin; other clients send none.
fn is_allowed(request: &Request, state: &State) -> bool {
    let Some(origin) = request.header(header::ORIGIN) else {
        return true;
    };
    auth::is_our_own_page(request)
        || state
            .config
            .allowed_origins
            .iter()
            .any(|allowed| allowed == origin)
}
