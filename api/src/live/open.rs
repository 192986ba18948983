//! Who may open a connection: a bearer token, our own page's cookie, or a ticket where a browser can send neither.

use std::sync::Arc;

use model::{Session, Token};
use poem::{Request, RequestBody, http::header};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, Object, OpenApi, payload::Json, registry::Registry};

use crate::{
    State,
    auth::{self, Caller},
    problem::Problem,
};

/// How a ticket comes as a subprotocol, which is all that a browser's `WebSocket` can send besides the address.
const PROTOCOL_OF_TICKET: &str = "ticket.";

pub(crate) struct TicketApi;

/// A ticket.
#[derive(Object)]
struct Ticket {
    /// For `ticket` of one connection.
    ticket: String,
    /// How many seconds it is good for.
    expires_in: u64,
}

#[derive(ApiResponse)]
enum Issued {
    /// It stands for this session, once.
    #[oai(status = 201)]
    Created(Json<Ticket>),
}

#[OpenApi(tag = "crate::problem::Tags::Live")]
impl TicketApi {
    /// Get a ticket
    ///
    /// It opens one connection, soon: for pages of other origins, whose `WebSocket` and `EventSource` cannot send a token.
    #[oai(path = "/events/tickets", method = "post", operation_id = "createTicket")]
    async fn create(&self, caller: Caller) -> Result<Issued, Problem> {
        let ticket = caller.state.store.issue_ticket(&caller.session).await?;
        let expires_in = store::TICKET_LIFE.as_secs();
        Ok(Issued::Created(Json(Ticket { ticket: ticket.reveal().to_owned(), expires_in })))
    }
}

/// Whoever wants a connection.
pub(crate) struct Opener {
    pub(crate) state: Arc<State>,
    token: Option<Token>,
    ticket: Option<Token>,
}

impl Opener {
    /// Their session. `ticket`: that of the address.
    ///
    /// # Errors
    /// 401
    pub(crate) async fn session(&self, ticket: Option<&str>) -> Result<Session, Problem> {
        let store = &self.state.store;
        let ticket = ticket.and_then(|text| text.parse().ok()).or_else(|| self.ticket.clone());
        let session = match (ticket, &self.token) {
            (Some(ticket), _) => store.use_ticket(&ticket).await,
            (None, Some(token)) => store.authenticate(token).await,
            (None, None) => return Err(Problem::unauthorized()),
        };
        session.map_err(Problem::from)
    }
}

impl<'a> ApiExtractor<'a> for Opener {
    const TYPES: &'static [ApiExtractorType] = Caller::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Caller::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Caller::security_schemes()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let state = auth::state(request);
        if !is_allowed(request, &state) {
            let detail = "Pages of this origin may not connect; CARRIER_ALLOWED_ORIGINS lists those that may.";
            return Err(Problem::new(poem::http::StatusCode::FORBIDDEN, "origin", detail).into());
        }
        let protocols = request.header(header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default().split(',').map(str::trim);
        let ticket = protocols.filter_map(|protocol| protocol.strip_prefix(PROTOCOL_OF_TICKET)?.parse().ok()).next();
        Ok(Self { token: auth::token(request), ticket, state })
    }
}

/// A browser lets any page open a WebSocket to us, and tells whose page it is. What is no browser tells nothing.
fn is_allowed(request: &Request, state: &State) -> bool {
    let Some(origin) = request.header(header::ORIGIN) else { return true };
    auth::is_our_own_page(request) || state.config.allowed_origins.iter().any(|allowed| allowed == origin)
}
