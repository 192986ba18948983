//! The calls that are asked and answered.

use anyhow::{Context, Result, anyhow, bail};
use model::{Account, ChatId, ChatView, Message, Profile, ServerEvent, Tick, UserId};
use poem_openapi::types::ParseFromJSON;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

/// An API, and a session there.
#[derive(Clone)]
pub(super) struct Remote {
    http: reqwest::Client,
    base: Url,
    token: String,
    pub(super) me: Account,
}

/// What changed since a cursor.
pub(super) struct Changes {
    pub(super) events: Vec<ServerEvent>,
    pub(super) cursor: String,
    pub(super) more: bool,
}

impl Remote {
    /// Opens a session, in an account that is made first if it is to be.
    pub(super) async fn enter(base: Url, login: &str, password: &str, register: bool) -> Result<Self> {
        let http = reqwest::Client::new();
        let device = "carrier chat";
        let (path, body) = match register {
            true => {
                let email = format!(
                    "{login}@{}",
                    base.host_str().filter(|host| host.contains('.') && !host.ends_with(char::is_numeric)).unwrap_or("example.org")
                );
                ("/v1/auth/register", json!({ "username": login, "email": email, "password": password, "device": device }))
            }
            false => ("/v1/auth/login", json!({ "login": login, "password": password, "device": device })),
        };
        let answer = ask(http.post(base.join(path)?).json(&body)).await?;
        let token = answer["token"].as_str().context("an answer without a token")?.to_owned();
        Ok(Self { http, base, token, me: read(answer["user"].clone())? })
    }

    /// Ends the session.
    pub(super) async fn leave(&self) -> Result<()> {
        self.ask(Method::POST, "/v1/auth/logout", None).await.map(drop)
    }

    /// The present cursor.
    pub(super) async fn cursor(&self) -> Result<String> {
        let answer = self.ask(Method::GET, "/v1/sync", None).await?;
        Ok(answer["cursor"].as_str().context("an answer without a cursor")?.to_owned())
    }

    pub(super) async fn sync(&self, since: &str) -> Result<Changes> {
        let mut answer = self.ask(Method::GET, &format!("/v1/sync?since={since}"), None).await?;
        let cursor = answer["cursor"].as_str().context("an answer without a cursor")?.to_owned();
        let more = answer["more"] == true;
        Ok(Changes { events: read(answer["changes"].take())?, cursor, more })
    }

    pub(super) async fn chats(&self) -> Result<Vec<ChatView>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut page = self.ask(Method::GET, &format!("/v1/chats?limit=100{cursor}"), None).await?;
            all.extend(read::<Vec<ChatView>>(page["items"].take())?);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    pub(super) async fn create(&self, chat: &Value) -> Result<ChatView> {
        read(self.ask(Method::POST, "/v1/chats", Some(chat)).await?)
    }

    /// Who these are.
    pub(super) async fn people(&self, ids: &[UserId]) -> Result<Vec<Profile>> {
        let mut found = Vec::new();
        for some in ids.chunks(100) {
            let ids = some.iter().map(UserId::to_string).collect::<Vec<_>>().join(",");
            let mut page = self.ask(Method::GET, &format!("/v1/users?ids={ids}"), None).await?;
            found.extend(read::<Vec<Profile>>(page["items"].take())?);
        }
        Ok(found)
    }

    /// Messages, oldest first: the newest, or those before one.
    pub(super) async fn page(&self, chat: ChatId, before: Option<Tick>, limit: usize) -> Result<Vec<Message>> {
        let before = before.map(|id| format!("&before={id}")).unwrap_or_default();
        let mut page = self.ask(Method::GET, &format!("/v1/chats/{chat}/messages?limit={limit}{before}"), None).await?;
        read(page["items"].take())
    }

    pub(super) async fn search(&self, words: &str) -> Result<Vec<Message>> {
        let mut url = self.base.join("/v1/search")?;
        url.query_pairs_mut().append_pair("q", words);
        let mut hits = ask(self.http.get(url).bearer_auth(&self.token)).await?;
        let hits = hits["items"].as_array_mut().context("an answer without hits")?;
        hits.iter_mut().map(|hit| read(hit["message"].take())).collect()
    }

    /// Where the WebSocket is, and the token that opens it.
    pub(super) fn socket(&self, since: &str) -> Result<(Url, &str)> {
        let mut url = self.base.join(&format!("/v1/socket?since={since}"))?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme).map_err(|()| anyhow!("{url} is no address of an API"))?;
        Ok((url, &self.token))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self.http.request(method, self.base.join(path)?).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        ask(request).await
    }
}

/// The answer's JSON; a problem is an error that says what it says.
async fn ask(request: reqwest::RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(json);
    }
    bail!("{}", json["detail"].as_str().map_or_else(|| format!("the API answered {status}"), str::to_owned))
}

fn read<T: ParseFromJSON>(json: Value) -> Result<T> {
    T::parse_from_json(Some(json)).map_err(|error| anyhow!("the API answered what this client cannot read: {}", error.into_message()))
}
